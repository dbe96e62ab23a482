#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: sectors of a moved block that could not be read stay main's to answer for, until they are written; each write of 512 bytes keeps the others.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
scsi_disk main dev_size_mb=16 delay=0
new_disk spare 4
remap_create r "$main" "$spare"
check "sectors are written" tool sectors write /dev/mapper/r 960 128 1 --step 64
scsi_bad_reads 1002 3
# One sector of the block is written, and main refuses it: the block moves without 1002 to 1004.
scsi_fail_writes 3 0x0c 0
check "a failing write of one sector succeeds" tool sectors write /dev/mapper/r 1001 1 2
scsi_heal_writes
equal "its block moved" 1 "$(attr r remapped)"
match "with it" "^1001 spare [0-9]+ 1$" "$(where r 1001)"
match "and what could be read" "^1000 spare [0-9]+ 0$" "$(where r 1000)"
for at in 1002 1003 1004; do
    match "$at could not" "^$at only-on-main" "$(where r $at)"
    refuse "and is main's error" tool sectors verify /dev/mapper/r $at 1 1
done
spare_before=$(counter "$spare" write_sectors)
check "one of them is written" tool sectors write /dev/mapper/r 1003 1 2
at_least "on the spare" $((spare_before + 1)) "$(counter "$spare" write_sectors)"
match "where it lives now" "^1003 spare [0-9]+ 3$" "$(where r 1003)"
check "and is read" tool sectors verify /dev/mapper/r 1003 1 2
match "its neighbours still are main's" "^1002 only-on-main.*
1004 only-on-main" "$(where r 1002)
$(where r 1004)"
refuse "and still an error" tool sectors verify /dev/mapper/r 1004 1 1
check "the device goes" dmsetup remove r
remap_create r "$main" "$spare"
match "all of this is durable" "^1002 only-on-main.*
1003 spare [0-9]+ 3
1004 only-on-main" "$(for at in 1002 1003 1004; do where r $at; done)"
scsi_good_reads
# A read across all of them: the spare, main, the spare, main, the spare.
check "sector 1000 is old" tool sectors verify /dev/mapper/r 1000 1 1
check "1001 is new" tool sectors verify /dev/mapper/r 1001 1 2
check "1002 is main's, which reads again" tool sectors verify /dev/mapper/r 1002 1 1
check "1003 is new" tool sectors verify /dev/mapper/r 1003 1 2
check "1004 to 1007 are old" tool sectors verify /dev/mapper/r 1004 4 1
check "all of it is written at once" tool sectors write /dev/mapper/r 1000 8 3
check "and read at once" tool sectors verify /dev/mapper/r 1000 8 3
equal "nothing is only on main any more" "" "$(for at in 1002 1004; do where r $at; done | grep only)"
check "main has what it had" tool sectors verify "$main" 1000 8 1
