#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: after a block was moved while the device runs, the very next I/O goes to the spare, and none to main.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
new_disk main 16
new_disk spare 4
remap_create r "$main" "$spare"
check "blocks are written" tool sectors write /dev/mapper/r 0 64 1
move r 8 8 1
writes=$(counter "$main" write_sectors)
reads=$(counter "$main" read_sectors)
spare_writes=$(counter "$spare" write_sectors)
check "the next write succeeds" tool sectors write /dev/mapper/r 8 8 2
equal "main sees nothing of it" "$writes" "$(counter "$main" write_sectors)"
equal "the spare sees all of it" $((spare_writes + 8)) "$(counter "$spare" write_sectors)"
check "the next read gives it" tool sectors verify /dev/mapper/r 8 8 2
equal "main was not read either" "$reads" "$(counter "$main" read_sectors)"
check "the neighbours are where they were" tool sectors verify "$main" 0 8 1
check "main itself still has the old data" tool sectors verify "$main" 8 8 1
check "and all of it reads right" tool sectors verify /dev/mapper/r 16 48 1
