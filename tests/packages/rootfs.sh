#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A Debian 13 whose root file system is on a remap device, boot by boot: one with an initramfs of
# dracut's, in which a sector of it fails, one with that of initramfs-tools after it. scripts/debian-rootfs has
# made the disk and starts it; which boot this is, is written down on the disk.

set -eEuo pipefail
trap 'echo "rootfs: line $LINENO failed: $BASH_COMMAND"' ERR
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C.UTF-8
state=/var/lib/rootfs
main=/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_main-part1
mkdir -p "$state"
boot=$(($(cat "$state/boot" 2>/dev/null || echo 0) + 1))
echo "$boot" >"$state/boot"

die() {
    echo "rootfs: boot $boot: FAILED: $*"
    exit 1
}

# is WHAT EXPECTED FOUND
is() { [[ $2 == "$3" ]] || die "$1: '$2' was expected, not '$3'"; }

# has WHAT WORDS TEXT
has() { [[ $3 == *"$2"* ]] || die "$1 lacks '$2': $3"; }

# on_remap: the root file system is on the remap device, all its names mean that, and the raw disk is out of reach.
on_remap() {
    local device uuid
    device=$(readlink -f /dev/mapper/root)
    is "what / is mounted from" "$device" "$(readlink -f "$(findmnt -nro SOURCE /)")"
    [[ $(findmnt -nro OPTIONS /) == rw,* ]] || die "/ is not writable: $(findmnt -nro OPTIONS /)"
    uuid=$(blkid -p -s UUID -o value /dev/mapper/root)
    is "what the UUID means" "$device" "$(readlink -f "/dev/disk/by-uuid/$uuid")"
    is "what the label means" "$device" "$(readlink -f /dev/disk/by-label/root)"
    is "what udev says main holds" "" "$(udevadm info -q property --property=ID_FS_UUID --value "$main")"
    is "what udev says main is" root "$(udevadm info -q property --property=ID_REMAP_MAIN --value "$main")"
    if mount -o ro "$main" /mnt 2>/dev/null; then die "the raw disk can be mounted"; fi
    is "units that failed" "" "$(systemctl list-units --failed --plain --no-legend)"
    is "complaints of the kernel" "" "$(journalctl -q -k -b -o cat -g 'WARNING:|BUG:|Oops|blocked for more than|EXT4-fs error' || true)"
}

# A sector of the root file system fails, in place and past the cache, and nothing comes of it.
boot_1() {
    on_remap
    has "the health of a device that is well" "1000 of 1000" "$(remapctl health root)"
    dd if=/dev/urandom of=/srv/victim bs=64K count=1 conv=notrunc oflag=direct status=none
    (cd /srv && md5sum data victim) >"$state/sums"
    has "the status" "1 block moved to the spare area" "$(remapctl status root)"
    has "the health" "1 write error" "$(remapctl health root)"
    on_remap
}

# The map was kept, whether or not the device was marked as closed at the end of the boot before.
boot_2() {
    local found
    on_remap
    (cd /srv && md5sum --quiet -c "$state/sums") || die "the files are not what was written"
    has "the status" "1 block moved to the spare area" "$(remapctl status root)"
    found=$(journalctl -q -k -b -o cat -g 'dm_remap: .* spare blocks in use')
    has "what the kernel found" ": 1 of " "$found"
}

# The console may stand in the middle of a line, and the last one is looked for as a whole.
echo
"boot_$boot" 2>&1 | cat
