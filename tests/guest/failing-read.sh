#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a read that fails with a medium error is an error, makes its sectors pending and durably so, and never gives garbage.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
scsi_disk main dev_size_mb=16 delay=0 opts=0
new_disk spare 4
remap_create r "$main" "$spare"
check "sectors are written" tool sectors write /dev/mapper/r 960 64 1
scsi_bad_reads 1000 2
refuse "a bad sector is not read" tool sectors verify /dev/mapper/r 1000 1 1 --step 1
match "with a medium error" "No data available" "$output"
equal "it is pending" "1000 1 pending" "$(dmsetup message r 0 list)"
equal "it lives where it did" "1000 main pending" "$(where r 1000)"
equal "nothing is remapped" 0 "$(attr r remapped)"
refuse "a read again is an error again" tool sectors verify /dev/mapper/r 1000 2 1 --step 2
equal "two sectors are pending" 2 "$(attr r pending)"
check "the device goes" dmsetup remove r
remap_create r "$main" "$spare"
equal "they still are after a restart" "1000 2 pending" "$(dmsetup message r 0 list pending)"
move r 1000 1 1
equal "what could not be read is only on main" "1001 only-on-main" "$(where r 1001 | sed 's/ pending//')"
refuse "it still is an error on the moved block" tool sectors verify /dev/mapper/r 1000 2 1 --step 1
check "the sectors around it came along" tool sectors verify /dev/mapper/r 1002 6 1 --step 6
scsi_good_reads
check "what can be read again is the old data" tool sectors verify /dev/mapper/r 1000 8 1
