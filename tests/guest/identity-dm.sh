#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a main that is a dm device is told by its dm UUID: a spare area of one is refused on another one of the same disk, and opened where the same one lives on another disk.
# Lanes: lockdep vm

. ./lib/lib.sh

load_module
# All that lies on this disk has the disk's identity.
scsi_disk disk dev_size_mb=32 delay=0
new_disk elsewhere 32
new_disk spare 8
group=LVM-u0Qlc4Zd1fOyqAeV9KpE2mWn3TbX7sRh
home=${group}HomeHomeHomeHomeHomeHomeHomeHome
root=${group}RootRootRootRootRootRootRootRoot
# volume NAME UUID DEVICE START
volume() {
    need dmsetup create "$1" ${2:+--uuid "$2"} --table "0 16384 linear $3 $4"
    at_exit dm_remove "$1"
}
volume home "$home" "$disk" 0
volume root "$root" "$disk" 16384
volume plain "" "$disk" 16384
remap_create r /dev/mapper/home "$spare"
check "home is written" tool sectors write /dev/mapper/r 0 64 1
move r 8 8 1
check "the device goes" dmsetup remove r
before=$(content "$spare")
# refused WHAT MAIN TEXT
refused() {
    refuse "$1" dmsetup create x --table "$(remap_table "$2" "$spare")"
    kernel_said "dm_remap: .*: $3\$"
    equal "the area is as it was" "$before" "$(content "$spare")"
}
refused "another volume of the disk" /dev/mapper/root \
    "spare area belongs to another main device: another UUID of the dm device"
unknown="main offers none of the identities that the spare area knows it by"
refused "a dm device without a UUID" /dev/mapper/plain "$unknown"
refused "the disk itself" "$disk" "$unknown"
check "on the same one it opens" dmsetup create r --table "$(remap_table /dev/mapper/home "$spare")"
at_exit dm_remove r
check "with all data" tool sectors verify /dev/mapper/r 0 64 1
check "the device goes" dmsetup remove r

# The volume moves to another disk, as pvmove does it.
need dd if=/dev/mapper/home of="$elsewhere" bs=1M count=8 oflag=direct status=none
check "home goes" dmsetup remove home
volume home "$home" "$elsewhere" 0
check "on another disk it is still the same" dmsetup create r --table "$(remap_table /dev/mapper/home "$spare")"
check "with all data" tool sectors verify /dev/mapper/r 0 64 1
check "the device goes" dmsetup remove r
