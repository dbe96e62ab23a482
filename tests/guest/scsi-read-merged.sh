#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a read of 1 MiB over one bad sector records that physical block and no other, and moves nothing; a write of it succeeds, and moves its block.
# Lanes: vm
# Disk: bad 16M read=1003

. ./lib/lib.sh

load_module
new_disk spare 8
disk_named bad bad
# The same with physical blocks of 4 KiB.
scsi_disk large dev_size_mb=16 physblk_exp=3

# one_bad MAIN FIRST COUNT START: of MAIN, the sector 1003 cannot be read, and its physical block is this.
one_bad() {
    local main=$1 first=$2 count=$3 before
    before=$(counter "$main" write_sectors)
    refuse "a read of 1 MiB fails" tool sectors verify /dev/mapper/r 0 2048 1 --step 2048
    kernel_said "critical medium error, dev ${main#/dev/}"
    equal "the bad physical block is pending, and no other" "$first $count pending" "$(dmsetup message r 0 list pending)"
    equal "so many sectors" "$count" "$(attr r pending)"
    equal "nothing was remapped or evacuated" 0 "$(attr r remapped)"
    equal "main was not written" "$before" "$(counter "$main" write_sectors)"
    check "what is in front can be read" tool sectors verify /dev/mapper/r 0 "$first" 1 --step 256
    check "and what is behind" tool sectors verify /dev/mapper/r $((first + count)) $((2048 - first - count)) 1 --step 256
    refuse "the sector cannot" tool sectors verify /dev/mapper/r 1003 1 1 --step 1
    equal "the neighbours are still not pending" "$first $count pending" "$(dmsetup message r 0 list)"
    check "a write of it succeeds" tool sectors write /dev/mapper/r "$first" "$count" 2
    match "and moves its block" "^1003 spare " "$(where r 1003)"
}

check "the disk is filled" tool sectors write "$bad" 0 2048 1 --step 256
remap_create r "$bad" "$spare" 0 8192
one_bad "$bad" 1003 1
check "the device goes" dmsetup remove r

check "the other is filled" tool sectors write "$large" 0 2048 1 --step 256
scsi_bad_reads 1003 1
remap_create r "$large" "$spare" 8192 8192
one_bad "$large" 1000 8
scsi_good_reads
check "what was written is read once the disk reads it again" tool sectors verify /dev/mapper/r 1000 8 2 --step 8
check "between what was there before" tool sectors verify /dev/mapper/r 0 1000 1 --step 256
