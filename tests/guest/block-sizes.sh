#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the smallest and the largest block come up, remap, and come back.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh

load_module
null_disk main 64
for block in 1 2048; do
    new_disk spare 64
    remap_create "r$block" /dev/main "$spare" 0 "$(sectors_of "$spare")" block_sectors $block
    check "sectors are written with blocks of $block" tool sectors write "/dev/mapper/r$block" 4096 2048 $block
    null_bad main 5000 5000
    check "also over a bad one" tool sectors write "/dev/mapper/r$block" 4096 2048 $((block + 1))
    equal "one block moved" 1 "$(attr "r$block" remapped)"
    check "the device goes" dmsetup remove "r$block"
    remap_create "r$block" /dev/main "$spare"
    check "and comes back with its data" tool sectors verify "/dev/mapper/r$block" 4096 2048 $((block + 1))
    need dmsetup remove "r$block"
    null_good main 5000 5000
done
