#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a reload changes features live; another device, range or block size is refused, and an inactive table is replaced.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 4
new_disk other 4
new_disk third 16
line="0 32768 remap /dev/nmain $spare 0 8192"
# A table that is never resumed is no obstacle to another one.
need dmsetup create r --notable
at_exit dm_remove r
zeros=$(content "$other")
check "a table is loaded" dmsetup load r --table "0 32768 remap /dev/nmain $other 0 8192"
check "another one takes its place" dmsetup load r --table "$line"
check "and is resumed" dmsetup resume r
equal "the first one changed nothing" "$zeros" "$(content "$other")"
null_bad nmain 8 8
null_bad nmain 80 80
null_bad nmain 160 160
check "a failing write is remapped" tool sectors write /dev/mapper/r 8 8 1
need dmsetup load r --table "$line 1 no_auto_remap"
check "the old table still serves" tool sectors write /dev/mapper/r 80 8 1
need dmsetup resume r
match "the new line is there" " 1 no_auto_remap$" "$(dmsetup table r)"
refuse "now a failing write is an error" tool sectors write /dev/mapper/r 160 8 1
equal "the map is the same object's" 2 "$(attr r remapped)"
for wrong in "0 32768 remap /dev/nmain $other 0 8192" "0 32760 remap /dev/nmain $spare 0 8192" \
    "0 32768 remap $third $spare 0 8192" "0 32768 remap /dev/nmain $spare 0 8192 2 block_sectors 16"; do
    refuse "not: $wrong" dmsetup load r --table "$wrong"
done
kernel_said "remap: the device is live with other devices, ranges or mode; a reload changes features, or makes a range longer"
check "what it serves is the same" tool sectors verify /dev/mapper/r 8 8 1
need dmsetup load r --table "$line"
need dmsetup resume r
check "failing writes are remapped again" tool sectors write /dev/mapper/r 160 8 1
equal "so many by now" 3 "$(attr r remapped)"
