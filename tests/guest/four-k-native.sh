#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: on a 4Kn main, bad blocks are remapped and nothing is lost; a spare with larger logical blocks is refused.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 32 blocksize=4096
new_disk spare 4 4096
new_disk small 16
remap_create r /dev/nmain "$spare"
equal "blocks are 4096 bytes" 4096 "$(blockdev --getss /dev/mapper/r)"
check "blocks are written" tool sectors write /dev/mapper/r 0 1024 1 --step 256
null_bad nmain 80 95
check "writes over bad blocks succeed" tool sectors write /dev/mapper/r 0 1024 2 --step 256
equal "just the bad blocks moved" 2 "$(attr r remapped)"
check "all is there" tool sectors verify /dev/mapper/r 0 1024 2 --step 256
null_bad nmain 4096 4103
move r 4096 8 3
equal "a block that cannot be read is only on main" "4100 only-on-main" "$(where r 4100)"
check "the device goes" dmsetup remove r
remap_create r /dev/nmain "$spare"
check "all is there after a restart" tool sectors verify /dev/mapper/r 0 1024 2 --step 256
check "the device goes" dmsetup remove r
before=$(content "$spare")
refuse "a spare with larger blocks" dmsetup create x --table "$(remap_table "$small" "$spare")"
kernel_said "remap: the spare's logical block size is larger than main's"
equal "and is left as it is" "$before" "$(content "$spare")"
# The other way around is allowed: the larger block is main's.
new_disk spare512 4
remap_create y /dev/nmain "$spare512"
null_bad nmain 160 167
check "a 512-byte spare serves a 4Kn main" tool sectors write /dev/mapper/y 160 8 3
equal "with the block on it" 1 "$(attr y remapped)"
check "which can be read" tool sectors verify /dev/mapper/y 160 8 3
