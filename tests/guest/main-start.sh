#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: with main_start the target is that range of main and no other, its own retries, records and moves back included.
# Lanes: lockdep

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 4
check "main holds data" tool sectors write /dev/nmain 0 32768 7 --step 2048
before="$(content /dev/nmain 0 8192) $(content /dev/nmain 16384 16384)"
line="0 8192 remap /dev/nmain $spare 0 8192 4 main_start 8192 error_policy any"
dm_create r "$line"
check "all of it is written" tool sectors write /dev/mapper/r 0 8192 1 --step 2048
check "where main_start says" cmp --bytes=4194304 /dev/mapper/r /dev/nmain 0 4194304
null_bad nmain $((8192 + 1000)) $((8192 + 1000))
null_bad nmain $((8192 + 8191)) $((8192 + 8191))
refuse "a bad sector cannot be read" tool sectors verify /dev/mapper/r 960 64 1 --step 64
equal "it is recorded by its place in the target" "1000 1 pending" "$(dmsetup message r 0 list)"
check "writes over bad sectors succeed" tool sectors write /dev/mapper/r 0 8192 2 --step 2048
match "their blocks moved" "^1000 8 remapped [0-9]+
8184 8 remapped [0-9]+$" "$(dmsetup message r 0 list)"
check "all is there" tool sectors verify /dev/mapper/r 0 8192 2 --step 2048
null_good nmain 8192 16383
ask r retest 1000
equal "one block is back" 1 "$(attr r remapped)"
check "with its data" tool sectors verify /dev/mapper/r 1000 8 2
check "the device goes" dmsetup remove r
dm_create r "$line"
check "all is there after a restart" tool sectors verify /dev/mapper/r 0 8192 2 --step 2048
check "the device goes" dmsetup remove r
equal "nothing outside of the range was written" "$before" "$(content /dev/nmain 0 8192) $(content /dev/nmain 16384 16384)"
