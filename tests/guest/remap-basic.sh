#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a failing write lands on a spare and succeeds, the very next read gives its data, and a restart keeps it.
# Lanes: lockdep kasan vm

. ./lib/lib.sh

load_module
null_disk nmain 64
new_disk spare 16
remap_create r /dev/nmain "$spare"
match "the table line can be loaded again" "0 131072 remap .* 0 32768" "$(dmsetup table r)"
check "good sectors are written" tool sectors write /dev/mapper/r 0 1024 1
null_bad nmain 80 80
check "a write over a bad sector succeeds" tool sectors write /dev/mapper/r 0 1024 2
check "and is read back at once" tool sectors verify /dev/mapper/r 0 1024 2
equal "one block is remapped" 1 "$(attr r remapped)"
dmsetup status r
check "the device goes" dmsetup remove r
remap_create r /dev/nmain "$spare"
equal "the map is back" 1 "$(attr r remapped)"
check "and so is the data" tool sectors verify /dev/mapper/r 0 1024 2
