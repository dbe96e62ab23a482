#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The life of the packages in a Debian 13, boot by boot: installed, a device that is mounted at boot by
# itself, a sector that fails, an upgrade while it is in use, the way back to the raw disk, and removal.
# scripts/debian-life starts it, once for each boot; which boot this is, is written down on the disk.

set -eEuo pipefail
trap 'echo "life: line $LINENO failed: $BASH_COMMAND"' ERR
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
state=/var/lib/life
main=/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_main
spare=/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_spare
read -r old new </payload/versions
prom=/var/lib/prometheus/node-exporter/dm-remap.prom
mkdir -p "$state"
boot=$(($(cat "$state/boot" 2>/dev/null || echo 0) + 1))
echo "$boot" >"$state/boot"

say() { echo "life: boot $boot: $*"; }

die() {
    say "FAILED: $*"
    exit 1
}

# is WHAT EXPECTED FOUND
is() { [[ $2 == "$3" ]] || die "$1: '$2' was expected, not '$3'"; }

# has WHAT WORDS TEXT
has() { [[ $3 == *"$2"* ]] || die "$1 lacks '$2': $3"; }

# within SECONDS WHAT CMD...: CMD succeeds before that.
within() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        ((SECONDS < end)) || die "$what: not within the time it may take"
        sleep 0.2
    done
}

# install_both VERSION: what DKMS built natively is put where DKMS's own postinst looks for it.
install_both() {
    install -D -m 644 "/payload/dm-remap-$1.dkms.tar.gz" "/usr/share/dm-remap-dkms/dm-remap-$1.dkms.tar.gz"
    dpkg -i "/payload/dm-remap-dkms_$1_all.deb" "/payload/remapctl_$1_amd64.deb"
    is "what DKMS has" "dm-remap/$1, $(uname -r), x86_64: installed" "$(dkms status -m dm-remap)"
}

# all_well: no unit failed, and the kernel has complained of nothing.
all_well() {
    is "units that failed" "" "$(systemctl list-units --failed --plain --no-legend)"
    is "complaints of the kernel" "" "$(journalctl -q -k -b -o cat -g 'WARNING:|BUG:|Oops|blocked for more than' || true)"
}

# mounted_from SOURCE: the file system came up by itself, on that, and has all that was written.
mounted_from() {
    is "what /mnt/safe is mounted from" "$1" "$(findmnt -nro SOURCE /mnt/safe)"
    (cd /mnt/safe && md5sum --quiet -c "$state/sums") || die "the files are not what was written"
}

# by_uuid: what the file system's UUID means.
by_uuid() { readlink -f "/dev/disk/by-uuid/$(cat "$state/uuid")"; }

# Both packages are installed, and a device is made as docs/guide.md and docs/boot.md say.
boot_1() {
    local area uuid block
    # A small initramfs is made and unpacked much sooner by an emulated processor.
    printf 'MODULES=dep\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n' >/etc/initramfs-tools/conf.d/small
    install_both "$old"
    remapctl --json format --yes "$main" "$spare" >"$state/format"
    area=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["area_uuid"])' <"$state/format")
    remapctl open safe "$main" "$spare"
    mkfs.ext4 -q -m 0 -O ^has_journal /dev/mapper/safe
    mkdir -p /mnt/safe
    mount /dev/mapper/safe /mnt/safe
    head -c 24M /dev/urandom >/mnt/safe/data
    head -c 64K /dev/urandom >/mnt/safe/victim
    (cd /mnt/safe && md5sum data victim) >"$state/sums"
    sync
    block=$(debugfs -R 'bmap /victim 3' /dev/mapper/safe 2>/dev/null)
    echo "life: sector: $((block * $(stat -f -c %S /mnt/safe) / 512))"
    umount /mnt/safe

    uuid=$(blkid -p -s UUID -o value /dev/mapper/safe)
    echo "$uuid" >"$state/uuid"
    echo "safe $main AREA=$area" >/etc/remaptab
    echo "UUID=$uuid /mnt/safe ext4 defaults 0 2" >>/etc/fstab
    remapctl tab
    systemctl daemon-reload
    udevadm trigger --settle --subsystem-match=block
    update-initramfs -u
    mount /mnt/safe
    mounted_from /dev/mapper/safe
    systemctl is-enabled remapctl-export.timer remapctl-record.timer
    all_well
    say "the packages are installed, and a device made"
}

# All of it came up by itself; a sector fails; an upgrade comes while the device is in use.
boot_2() {
    local events table writer failed=0 report=$state/report.html
    mounted_from /dev/mapper/safe
    is "what the UUID means" "$(readlink -f /dev/mapper/safe)" "$(by_uuid)"
    is "what udev says main holds" "" "$(udevadm info -q property --property=ID_FS_UUID --value "$main")"

    # By hand as well, as docs/boot.md says: a device that is not open is not to be found.
    echo EVALUATE=udev >/etc/blkid.conf
    umount /mnt/safe
    remapctl close safe
    if mount /mnt/safe 2>/dev/null; then die "the raw disk was mounted: $(findmnt -nro SOURCE /mnt/safe)"; fi
    remapctl open safe
    udevadm settle
    mount /mnt/safe
    mounted_from /dev/mapper/safe

    remapctl status safe
    has "the health of a device that is well" "1000 of 1000" "$(remapctl health safe)"

    # In place, past the cache: it is this sector that is written.
    udevadm monitor --kernel --property --subsystem-match=block >"$state/uevents" &
    events=$!
    table=$(dmsetup info -c --noheadings -o events safe)
    dmsetup wait safe "$table" >/dev/null &
    dd if=/dev/urandom of=/mnt/safe/victim bs=64K count=1 conv=notrunc oflag=direct status=none
    (cd /mnt/safe && md5sum data victim) >"$state/sums"
    wait "$!" || die "device-mapper had no event"
    within 30 "a uevent" grep -qx DM_REMAP_EVENT=remapped_doubled "$state/uevents"
    kill "$events"
    has "the status" "1 block moved to the spare area" "$(remapctl status safe)"
    has "the health" "1 write error" "$(remapctl health safe)"
    has "the log of the kernel" "1 blocks are remapped" "$(journalctl -q -k -b -o cat -g dm_remap)"
    systemctl start remapctl-export.service
    has "what Prometheus gets" 'dm_remap_remapped_blocks{device="safe"} 1' "$(cat "$prom")"
    systemctl start remapctl-record.service
    remapctl report -o "$report"
    has "the report" "1 block moved to the spare area" "$(tr -s ' \n' ' ' <"$report")"
    say "a sector has failed, and all say so"

    table=$(dmsetup table safe)
    (while [[ ! -e $state/enough ]]; do date >>/mnt/safe/log && sync /mnt/safe/log || exit 1; done) &
    writer=$!
    install_both "$new"
    touch "$state/enough"
    wait "$writer" || failed=1
    is "writes that failed meanwhile" 0 "$failed"
    is "the table" "$table" "$(dmsetup table safe)"
    mounted_from /dev/mapper/safe
    all_well
    say "the packages are upgraded, and the device has not noticed"
}

# The map was kept. Main takes the block back, since its sector works again, so it is whole by itself.
boot_3() {
    local before found
    mounted_from /dev/mapper/safe
    before=$(journalctl -q -b -1 -o cat -u remap@safe.service)
    has "how the unit ended before" "Stopped remap@safe.service" "$before"
    found=$(journalctl -q -k -b -o cat -g 'dm_remap: .* spare blocks in use')
    has "what the kernel found" ": 1 of " "$found"
    [[ $found != *"not closed"* ]] || die "the device was not closed in order: $found"
    has "the status" "1 block moved to the spare area" "$(remapctl status safe)"
    remapctl --json status safe >"$state/status"
    python3 - "$state/status" <<'PYTHON'
import json, sys
device = json.load(open(sys.argv[1]))["devices"][0]
assert device["status"]["remapped_blocks"] == 1, device["status"]
PYTHON
    dmsetup message safe 0 retest all
    within 30 "main has the block back" grep -qx 0 /sys/block/"$(basename "$(readlink -f /dev/mapper/safe)")"/remap/remapped
    umount /mnt/safe
    # As docs/packages.md says.
    rm /etc/remaptab
    systemctl daemon-reload
    remapctl close safe
    modprobe -r dm_remap
    dpkg --purge remapctl dm-remap-dkms
    rm -r /usr/share/dm-remap-dkms # the archives, which no package has
    udevadm trigger --settle --subsystem-match=block
    is "what the UUID means" "$(readlink -f "$main")" "$(by_uuid)"
    is "what is left of it" "" "$(find / -xdev \( -path "$state" -o -path /etc/apt \) -prune -o \
        \( -name '*remapctl*' -o -name '*dm-remap*' -o -name '*dm_remap*' -o -name remaptab -o -name '63-remap*' \) -print)"
    lsinitramfs "/boot/initrd.img-$(uname -r)" >"$state/initramfs"
    if grep remap "$state/initramfs"; then die "the initramfs has something of it still"; fi
    all_well
    say "main is whole by itself, and the packages are gone"
}

# The same line of fstab means the raw disk now.
boot_4() {
    mounted_from "$(readlink -f "$main")"
    all_well
    say "the disk is as it would be had it never been"
}

# Through a pipe, so that nobody draws progress bars.
"boot_$boot" 2>&1 | cat
