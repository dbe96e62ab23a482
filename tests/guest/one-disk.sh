#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the spare area may lie on the main device itself, and both ranges stay apart.
# Lanes: lockdep

. ./lib/lib.sh

load_module
null_disk ndisk 32
remap_table_one="0 49152 remap /dev/ndisk /dev/ndisk 49152 16384"
dm_create r "$remap_table_one"
check "all is written" tool sectors write /dev/mapper/r 0 49152 1 --step 2048
null_bad ndisk 100 100
null_bad ndisk 49151 49151
check "over bad sectors too" tool sectors write /dev/mapper/r 0 49152 2 --step 2048
equal "which moved" 2 "$(attr r remapped)"
check "a flush works" sync --data /dev/mapper/r
check "all is there" tool sectors verify /dev/mapper/r 0 49152 2 --step 2048
check "the device goes" dmsetup remove r
dm_create r "$remap_table_one"
equal "the map is back" 2 "$(attr r remapped)"
check "and all is there" tool sectors verify /dev/mapper/r 0 49152 2 --step 2048
