#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a write to pending sectors moves their block; with pending_writes main it goes to main, which has to give it back, and the sectors stay pending until they are read.
# Lanes: lockdep kasan
# Timeout: 120

. ./lib/lib.sh

load_module
scsi_disk main dev_size_mb=16 delay=0 opts=0
new_disk spare 4
remap_create r "$main" "$spare" 0 8192 pending_writes main
match "the table line says so" " 2 pending_writes main$" "$(dmsetup table r)"
check "sectors are written" tool sectors write /dev/mapper/r 960 64 1
scsi_bad_reads 1000 2
refuse "a bad sector is not read" tool sectors verify /dev/mapper/r 1000 2 1 --step 2
equal "it is pending" "1000 2 pending" "$(dmsetup message r 0 list)"

# The disk goes on to fail the read, so it did not take the write: the block moves.
check "a write succeeds" tool sectors write /dev/mapper/r 1000 2 2 --step 2
equal "what does not read back moves" "1000 8 remapped 0" "$(dmsetup message r 0 list)"
check "its data is there" tool sectors verify /dev/mapper/r 1000 2 2 --step 2
check "and what was around it" tool sectors verify /dev/mapper/r 1002 6 1 --step 6

# Now it takes the write.
scsi_good_reads
scsi_bad_reads 960 8
refuse "others are not read" tool sectors verify /dev/mapper/r 960 8 1 --step 8
scsi_good_reads
check "they are written" tool sectors write /dev/mapper/r 952 24 3
equal "nothing has moved" 1 "$(attr r remapped)"
equal "they stay pending" "960 8 pending" "$(dmsetup message r 0 list pending)"
check "main has the data" tool sectors verify "$main" 952 24 3

need dmsetup message r 0 set pending_writes remap
match "the table line says so" " 0 8192$" "$(dmsetup table r)"
check "with the default they are written once more" tool sectors write /dev/mapper/r 952 24 4
match "and have moved" "^960 8 remapped [0-9]+$" "$(dmsetup message r 0 list remapped from 952 | head -n 1)"
equal "nothing is pending" 0 "$(attr r pending)"
check "the data is there" tool sectors verify /dev/mapper/r 952 24 4
check "the device goes" dmsetup remove r
remap_create r "$main" "$spare"
check "and is there after a restart" tool sectors verify /dev/mapper/r 952 24 4
