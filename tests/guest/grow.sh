#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a target that ended within a remapped block may grow: what is new of that block is main's.
# Lanes: lockdep

. ./lib/lib.sh

load_module
null_disk main 64
new_disk spare 16
len=$(sectors_of "$spare")
check "main holds data" tool sectors write /dev/main 0 2048 1
dm_create r "0 1004 remap /dev/main $spare 0 $len 2 block_sectors 8"
null_bad main 1000 1000
check "the last block moves" tool sectors write /dev/mapper/r 1000 4 2
null_good main 1000 1000
equal "one block is remapped" 1 "$(attr r remapped)"
need dmsetup remove r
dm_create r "0 2048 remap /dev/main $spare 0 $len"
check "what moved is on the spare" tool sectors verify /dev/mapper/r 1000 4 2
check "what is new is main's" tool sectors verify /dev/mapper/r 1004 1044 1
check "and can be written" tool sectors write /dev/mapper/r 1000 8 3
check "with the rest of its block" tool sectors verify /dev/mapper/r 1000 8 3
