#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: on a disk with physical blocks of 4 KiB that begin at sector 7, what fails is the physical block as the disk has it, also below a partition; a smaller write over it succeeds and all data stays.
# Lanes: lockdep vm

. ./lib/lib.sh

load_module
scsi_disk large dev_size_mb=16 physblk_exp=3 lowest_aligned=7 delay=0
new_disk spare 8
name=${large#/dev/}
equal "sectors of 512 bytes" 512 "$(<"/sys/block/$name/queue/logical_block_size")"
equal "in blocks of 4 KiB" 4096 "$(<"/sys/block/$name/queue/physical_block_size")"
equal "from sector 7 on" 3584 "$(<"/sys/block/$name/alignment_offset")"

# small_write MAIN COUNT SPARE_START: sector 1003 of MAIN cannot be read; in the block from 1000 on, COUNT
# sectors share its physical block. A write of that sector alone moves the block.
small_write() {
    local main=$1 bad=1003 count=$2
    remap_create r "$main" "$spare" "$3" 8192
    refuse "a read over the bad sector fails" tool sectors verify /dev/mapper/r 0 2048 1 --step 2048
    equal "its physical block is pending" "1000 $count pending" "$(dmsetup message r 0 list)"
    scsi_fail_writes 3 0x0c 0
    check "a write of the sector alone succeeds" tool sectors write /dev/mapper/r "$bad" 1 2
    scsi_heal_writes
    match "its block moved" "(^|"$'\n'")1000 8 remapped [0-9]+" "$(dmsetup message r 0 list remapped)"
    equal "and no other" 1 "$(attr r remapped)"
    check "it is there" tool sectors verify /dev/mapper/r "$bad" 1 2
    check "and all in front of it" tool sectors verify /dev/mapper/r 0 "$bad" 1 --step 256
    check "and behind it" tool sectors verify /dev/mapper/r $((bad + 1)) $((2047 - bad)) 1 --step 256
    check "main has the old data behind it" tool sectors verify "$main" $((bad + 1)) 4 1
    check "the device goes" dmsetup remove r
}

check "the disk is filled" tool sectors write "$large" 0 2048 1 --step 256
scsi_bad_reads 1003 1
# The physical block is 999 to 1006. (999 alone can be read: the disk is a simulation.)
small_write "$large" 7 0
scsi_good_reads

# A partition from sector 63 on begins at an edge, though 63 is no multiple of 8.
partition "$large" 63 16384
until_true 10 "the partition is there" test -b "${large}1"
check "the partition is filled" tool sectors write "${large}1" 0 2048 1 --step 256
scsi_bad_reads $((63 + 1003)) 1
small_write "${large}1" 8 8192
scsi_good_reads
