#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: on Debian's kernel, a write that fails with sense 3/0C and one that fails with a plain EIO end as success on the spare.
# Lanes: vm
# Disk: plain 16M eio=1003

. ./lib/lib.sh

load_module
new_disk spare 8
disk_named plain plain
scsi_disk sense dev_size_mb=16

# moved WHERE: all is there, of which the block of sector 1000 is on the spare and not on main.
moved() {
    equal "one block is remapped" 1 "$(attr r remapped)"
    match "it is the one that failed" "^1000 8 remapped [0-9]+$" "$(dmsetup message r 0 list)"
    check "the data is there" tool sectors verify /dev/mapper/r 992 32 2 --step 32
    check "main has the old data" tool sectors verify "$1" 1003 1 "$2"
    check "the device goes" dmsetup remove r
    remap_create r "$1" "$spare" "$3" 8192
    check "the data is there after a restart" tool sectors verify /dev/mapper/r 992 32 2 --step 32
    check "the device goes" dmsetup remove r
}

remap_create r "$plain" "$spare" 0 8192
check "a write over a sector with EIO succeeds" tool sectors write /dev/mapper/r 992 32 2 --step 32
kernel_said "dev ${plain#/dev/}, sector [0-9]+ op 0x1:\(WRITE\)"
moved "$plain" 0 0

remap_create r "$sense" "$spare" 8192 8192
check "sectors are written" tool sectors write /dev/mapper/r 992 8 2 --step 8
check "others too" tool sectors write /dev/mapper/r 1000 8 1 --step 8
check "and others" tool sectors write /dev/mapper/r 1008 16 2 --step 16
scsi_fail_writes 0x3 0xc 0x0
check "a write with sense 3/0C succeeds" tool sectors write /dev/mapper/r 1000 8 2 --step 8
scsi_heal_writes
kernel_said "fail command 0x.a .*sense_key=0x3, asc=0xc"
moved "$sense" 1 8192
