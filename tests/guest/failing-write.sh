#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a write that fails with any sense that may be the medium's ends as success on the spare, and the data is there.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
scsi_disk main dev_size_mb=16 delay=0
new_disk spare 4
remap_create r "$main" "$spare"
check "sectors are written" tool sectors write /dev/mapper/r 0 512 1 --step 256
at=0
count=0
# Write error, peripheral write fault, unrecovered read error, internal target failure, write fault
# of a drive that says hardware error.
for sense in "3 0x0c 0" "3 0x03 0" "3 0x11 0" "4 0x44 0" "4 0x03 0"; do
    # shellcheck disable=SC2086
    scsi_fail_writes $sense
    check "a write succeeds over sense $sense" tool sectors write /dev/mapper/r $at 8 2
    scsi_heal_writes
    equal "its block is remapped" $((count += 1)) "$(attr r remapped)"
    check "the data is there" tool sectors verify /dev/mapper/r $at 8 2
    check "main has the old data" tool sectors verify "$main" $at 8 1
    : $((at += 64))
done
check "the device goes" dmsetup remove r
remap_create r "$main" "$spare"
equal "all blocks are remapped after a restart" 5 "$(attr r remapped)"
for at in 0 64 128 192 256; do
    check "the data of $at is there" tool sectors verify /dev/mapper/r $at 8 2
    check "the sectors behind it are as they were" tool sectors verify /dev/mapper/r $((at + 8)) 56 1
done
