#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the physical blocks of the spare are the disk's: a new area has nothing in those of its superblocks, whatever their size and wherever the area begins, and what fails of a spare block is the physical block as the disk has it.
# Lanes: lockdep vm

. ./lib/lib.sh

load_module
null_disk nmain 16

# disk EXPONENT ALIGNED: the spare has physical blocks of 2^EXPONENT sectors, of which one begins at sector ALIGNED.
disk() {
    need modprobe -d "$GUEST_MODULES" -r scsi_debug
    scsi_disk spare dev_size_mb=16 delay=0 physblk_exp="$1" lowest_aligned="$2"
    equal "physical blocks are so large" $((512 << $1)) "$(<"/sys/block/${spare#/dev/}/queue/physical_block_size")"
    size=$((1 << $1)) edge=$2
}

# area START: a new area that begins there. Of the superblock's table of regions (docs/on-disk-format.md), none
# may have a sector in a physical block of a superblock.
area() {
    local shared count
    remap_create r /dev/nmain "$spare" "$1" 16384
    check "a block moves to it" tool sectors write /dev/mapper/r 0 64 1
    move r 8 8 1
    check "the device goes" dmsetup remove r
    need dd if="$spare" of=/tmp/super bs=512 skip="$1" count=8 iflag=direct status=none
    count=$(od -An -v -tu4 -j164 -N4 /tmp/super)
    at_least "the area has so many regions" 6 "$count"
    shared=$(od -An -v -tu8 -w32 -j832 -N$((count * 32)) /tmp/super |
        awk -v at="$1" -v size="$size" -v edge="$edge" '
            function physical(sector) { return int((at + sector + size - edge % size) / size) }
            {
                for (place = 0; place < 16384; place = place ? place * 16 : 2048) {
                    if (physical($2) <= physical(place + 7) && physical($2 + $3 - 1) >= physical(place)) {
                        print "region " NR " and superblock " place
                    }
                }
            }')
    equal "no region shares a physical block with a superblock" "" "$shared"
    remap_create r /dev/nmain "$spare" "$1" 16384
    check "it is opened again" tool sectors verify /dev/mapper/r 0 64 1
    check "the device goes" dmsetup remove r
    need dd if=/dev/zero of="$spare" bs=1M count=9 oflag=direct status=none
}

load sd_mod
disk 3 0
area 3
disk 3 7
area 0

# The area begins three sectors into a physical block, and so does each of its spare blocks.
remap_create r /dev/nmain "$spare" 2 16384
check "sectors are written" tool sectors write /dev/mapper/r 0 64 1
move r 8 8 1
at=$(dd if="$spare" bs=4096 iflag=direct status=none | grep -obUa dmsector | head -n 1 | cut -d: -f 1)
at=$((at / 512))
equal "the spare block begins within a physical block" 3 $(((at - edge + 8) % 8))
scsi_bad_reads $((at + 6)) 1
refuse "a sector of the spare cannot be read" tool sectors verify /dev/mapper/r 8 8 1 --step 8
equal "just its physical block is pending" "13 3 pending" "$(dmsetup message r 0 list pending)"
scsi_good_reads
check "the device goes" dmsetup remove r

disk 6 0
area 0
disk 6 17
area 40
