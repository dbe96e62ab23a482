#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: evacuate moves blocks that can be read whole; one with a sector that cannot stays, and that is said and counted.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 4
remap_create r /dev/nmain "$spare"
check "sectors are written" tool sectors write /dev/mapper/r 0 64 1
null_bad nmain 21 21
equal "the answer" "queued 24 sectors from 10" "$(dmsetup message r 0 evacuate 10 24)"
until_true 10 "it has ended" idle r
match "what could be read moved" "^8 8 remapped [0-9]+
24 8 remapped [0-9]+
32 8 remapped [0-9]+$" "$(dmsetup message r 0 list)"
equal "and is counted" "3 1" "$(status_field r evacuated) $(status_field r stayed)"
kernel_said "from sector 10 on, 1 blocks stay as they are: not all of their sectors can be read"
equal "the other one is where it was" "21 main" "$(where r 21)"
total=$(attr r spare_total)
equal "and took no spare block" $((total - 3)) "$(attr r spare_free)"
null_bad nmain 8 15
null_bad nmain 24 39
check "main is not asked for the moved ones" tool sectors verify /dev/mapper/r 8 8 1
check "nor for these" tool sectors verify /dev/mapper/r 24 16 1
null_good nmain 0 63
ask r evacuate 0 64
equal "with main good again, all move" "8 1" "$(attr r remapped) $(status_field r stayed)"
check "the device goes" dmsetup remove r
remap_create r /dev/nmain "$spare"
equal "and are there after a restart" 8 "$(attr r remapped)"
check "whole" tool sectors verify /dev/mapper/r 0 64 1
equal "counters begin anew with the device" 0 "$(status_field r evacuated)"
