#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: what is recorded of a large failing I/O are exactly the physical blocks that failed.
# Lanes: lockdep

. ./lib/lib.sh

load_module
null_disk nmain 32
new_disk spare 4
remap_create r /dev/nmain "$spare" 0 8192 error_policy any
check "sectors are written" tool sectors write /dev/mapper/r 0 8192 1 --step 2048
# One in the middle of a block, two in one block, one at the end of the I/O.
null_bad nmain 1003 1003
null_bad nmain 1500 1501
null_bad nmain 2047 2047
refuse "a read of 1 MiB over them fails" tool sectors verify /dev/mapper/r 0 2048 1 --step 2048
equal "just these are pending" "1003 1 pending
1500 2 pending
2047 1 pending" "$(dmsetup message r 0 list)"
check "a write of 1 MiB succeeds" tool sectors write /dev/mapper/r 0 2048 2 --step 2048
match "just their blocks moved" "^1000 8 remapped [0-9]+
1496 8 remapped [0-9]+
2040 8 remapped [0-9]+$" "$(dmsetup message r 0 list remapped)"
equal "nothing of them is pending any more" 0 "$(attr r pending)"
check "all is read back" tool sectors verify /dev/mapper/r 0 2048 2 --step 2048
check "innocent neighbours were written to main" tool sectors verify /dev/nmain 1008 488 2
