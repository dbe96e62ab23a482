#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The life of the packages in a Debian 13, boot by boot; scripts/debian-life starts it. Which boot this
# is, is written down on the disk.

set -eEuo pipefail
trap 'echo "life: line $LINENO failed: $BASH_COMMAND"' ERR
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export DEBIAN_FRONTEND=noninteractive
state=/var/lib/life
main=/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_main
spare=/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_spare
mkdir -p "$state"
boot=$(($(cat "$state/boot" 2>/dev/null || echo 0) + 1))
echo "$boot" >"$state/boot"
say() { echo "life: boot $boot: $*"; }

# install_both VERSION: what DKMS built natively is put where DKMS's own postinst looks for it.
install_both() {
    install -D -m 644 "/payload/dm-remap-$1.dkms.tar.gz" "/usr/share/dm-remap-dkms/dm-remap-$1.dkms.tar.gz"
    dpkg -i "/payload/dm-remap-dkms_$1_all.deb" "/payload/remapctl_$1_amd64.deb"
    dkms status -m dm-remap | grep -qx "dm-remap/$1, $(uname -r), x86_64: installed"
}

boot_1() {
    install_both 0.1.0
    modprobe dm-remap
    udevadm settle
    remapctl format --yes "$main" "$spare"
    remapctl open safe "$main" "$spare"
    mkfs.ext4 -q -m 0 /dev/mapper/safe
    mkdir -p /mnt/safe
    mount /dev/mapper/safe /mnt/safe
    head -c 40M /dev/urandom >/mnt/safe/data
    (cd /mnt/safe && md5sum data) >"$state/sums"
    remapctl status safe
    umount /mnt/safe
    systemctl start remapctl-export.service remapctl-record.service
    systemctl is-enabled remapctl-export.timer remapctl-record.timer
    cat /var/lib/prometheus/node-exporter/dm-remap.prom | head -n 5
    say "both packages are installed, and a device made"
}

"boot_$boot"
