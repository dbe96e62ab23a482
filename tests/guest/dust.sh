#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: writes over a disk whose sectors refuse some writes and then are good again lose nothing.
# Lanes: lockdep

. ./lib/lib.sh

load_module
new_disk below 16
dust_disk dusty "$below"
new_disk spare 4
dust_bad_many dusty 3 64 2048 2
dust_bad_many dusty 11 64 2048 1
dust_bad_many dusty 19 64 2048 9
equal "so many blocks are bad" 96 "$(dust_left dusty)"
remap_create r /dev/mapper/dusty "$spare"
dust_on dusty
check "all is written" tool sectors write /dev/mapper/r 0 2048 1 --step 256
check "all is read" tool sectors verify /dev/mapper/r 0 2048 1 --step 256
# One failure: the lone attempt gave it. More than that is a bad block.
equal "those moved that failed more than a second time" 32 "$(dmsetup message r 0 list remapped | awk '$1 % 64 == 16' | wc -l)"
equal "those did not that succeeded alone at once" 0 "$(dmsetup message r 0 list remapped | awk '$1 % 64 == 8' | wc -l)"
check "the device goes" dmsetup remove r
remap_create r /dev/mapper/dusty "$spare"
check "all is read after a restart" tool sectors verify /dev/mapper/r 0 2048 1 --step 256
