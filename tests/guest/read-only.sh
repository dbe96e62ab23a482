#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a device that is made read-only reads what there is and writes nothing, to no device and no metadata; what is read-only below is refused.
# Lanes: lockdep kasan
# Timeout: 90

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 4
table=$(remap_table /dev/nmain "$spare")
create_ro() {
    dmsetup create r --readonly --table "$table"
}
both() {
    echo "$(content /dev/nmain) $(content "$spare")"
}
before=$(both)
refuse "a blank area is not formatted" create_ro
kernel_said "spare area is blank: it is formatted when the device is made writable"
equal "and nothing was written" "$before" "$(both)"
need blockdev --setro /dev/nmain
refuse "a main device that is read-only is refused" dmsetup create r --table "$table"
kernel_said "a device is read-only: make this one with --readonly"
need blockdev --setrw /dev/nmain
need blockdev --setro "$spare"
refuse "and a spare device" dmsetup create r --table "$table"
need blockdev --setrw "$spare"
equal "and nothing was written" "$before" "$(both)"

dm_create r "$table"
check "sectors are written" tool sectors write /dev/mapper/r 0 256 1 --step 64
move r 80 8 1
null_bad nmain 121 122
check "a write of one sector fails on main" tool sectors write /dev/mapper/r 121 1 2
null_good nmain 121 122
refuse "a reload that takes the right to write is refused" dmsetup reload r --readonly --table "$table"
kernel_said "the device is live with other devices, ranges or mode"
# The administrator's own switch is device-mapper's matter: the map goes on.
need blockdev --setro /dev/mapper/r
refuse "a write is refused then" tool sectors write /dev/mapper/r 0 8 2
move r 160 8 3
need blockdev --setrw /dev/mapper/r
check "and possible again" tool sectors write /dev/mapper/r 0 8 1
check "the device goes" dmsetup remove r

before=$(both)
null_bad nmain 200 200
need blockdev --setro /dev/nmain
need blockdev --setro "$spare"
check "the device comes read-only, over devices that are" create_ro
at_exit dm_remove r
equal "and says so" "1 ro" "$(blockdev --getro /dev/mapper/r) $(attr r state)"
check "what is on main is read" tool sectors verify /dev/mapper/r 0 80 1
check "and what is on the spare" tool sectors verify /dev/mapper/r 80 8 1
check "to the sector" tool sectors verify /dev/mapper/r 121 1 2
check "and what is only on main" tool sectors verify /dev/mapper/r 122 1 1
refuse "a read that fails is an error" tool sectors verify /dev/mapper/r 200 1 1
equal "that is written down nowhere" 0 "$(attr r pending)"
refuse "the metadata is not repaired" dmsetup message r 0 clear_needs_check
match "with EROFS" "Read-only file system" "$output"
refuse "a write is refused" tool sectors write /dev/mapper/r 0 8 2
refuse "and a message that changes the map" dmsetup message r 0 remap 240
match "which says so" "Read-only file system" "$output"
need dmsetup suspend r
need dmsetup resume r
check "the device goes" dmsetup remove r
null_good nmain 200 200
equal "nothing was written" "$before" "$(both)"
