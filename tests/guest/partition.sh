#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: main as the second partition of a disk: its range and no other, retries and records included.
# Lanes: lockdep

. ./lib/lib.sh

load_module
null_disk ndisk 32
partitioned disk /dev/ndisk 2048 8192 16384 32768
new_disk spare 4
check "the first partition is filled" tool sectors write "${disk}p1" 0 8192 7 --step 2048
before="$(content "$disk" 0 16384) $(content "$disk" 49152 16384)"
remap_create r "${disk}p2" "$spare" 0 8192 error_policy any
equal "it is as long as the partition" 32768 "$(sectors_of /dev/mapper/r)"
check "all of it is written" tool sectors write /dev/mapper/r 0 32768 1 --step 2048
# Sector 1000 of the partition, and the last one.
null_bad ndisk 17384 17384
null_bad ndisk 49151 49151
refuse "a bad sector of it cannot be read" tool sectors verify /dev/mapper/r 960 64 1 --step 64
equal "it is recorded by its place in the partition" "1000 1 pending" "$(dmsetup message r 0 list)"
check "writes over bad sectors succeed" tool sectors write /dev/mapper/r 0 32768 2 --step 2048
match "their blocks moved" "^1000 8 remapped [0-9]+
32760 8 remapped [0-9]+$" "$(dmsetup message r 0 list)"
check "all is there" tool sectors verify /dev/mapper/r 0 32768 2 --step 2048
check "the partition holds the rest" tool sectors verify "${disk}p2" 1008 8192 2 --step 2048
equal "nothing outside of it was written" "$before" "$(content "$disk" 0 16384) $(content "$disk" 49152 16384)"
check "the device goes" dmsetup remove r
