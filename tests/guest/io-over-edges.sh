#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: I/O of any size and place over many edges between main and spare goes to the right places.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 8
remap_create r /dev/nmain "$spare" 0 16384 error_policy any
check "all is written" tool sectors write /dev/mapper/r 0 16384 1 --step 2048
for ((at = 4096; at < 5120; at += 16)); do
    echo "+$at-$at" >/sys/kernel/config/nullb/nmain/badblocks
done
for ((at = 8195; at < 12288; at += 128)); do
    echo "+$at-$((at + 1))" >/sys/kernel/config/nullb/nmain/badblocks
done
check "writes of 1 MiB over many bad sectors" tool sectors write /dev/mapper/r 4096 8192 1 --step 2048
equal "every bad block is remapped" 96 "$(attr r remapped)"
check "reads of 1 MiB" tool sectors verify /dev/mapper/r 0 16384 1 --step 2048
check "writes at odd places" tool sectors write /dev/mapper/r 4093 5000 2 --step 333
check "read back at others" tool sectors verify /dev/mapper/r 4093 5000 2 --step 141
check "in front of them nothing changed" tool sectors verify /dev/mapper/r 0 4093 1 --step 2048
check "behind them nothing changed" tool sectors verify /dev/mapper/r 9093 7291 1 --step 2048
spare_writes=$(counter "$spare" write_sectors)
check "writes of 1 MiB" tool sectors write /dev/mapper/r 4096 12288 3 --step 2048
equal "exactly the remapped blocks went to the spare" $((spare_writes + 96 * 8)) "$(counter "$spare" write_sectors)"
check "the device goes" dmsetup remove r
remap_create r /dev/nmain "$spare" 0 16384
check "all is right after a restart" tool sectors verify /dev/mapper/r 4096 12288 3 --step 2048
check "main has only what was not remapped" tool sectors verify /dev/nmain 4104 8 3
