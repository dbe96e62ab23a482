#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a scan stops for a suspend and goes on after it, survives a reload, is taken up after a restart with all that is known, and goes with the device.
# Lanes: lockdep kasan

. ./lib/lib.sh
. ./lib/scan.sh

load_module
null_disk nmain 64
new_disk spare 8
table=$(remap_table /dev/nmain "$spare" 0 16384 error_policy any scan on)
dm_create r "$table"
scan=/sys/block/$(disk_name /dev/mapper/r)/remap/scan
# How fast a busy machine is says nothing of its disk.
put 1000000 "$scan/../health/slow_ms"
read_since() {
    (($(counter /dev/nmain read_sectors) > $1))
}
refuse "what was started is not started again" dmsetup message r 0 scan start
match "the table says so" " scan on$" "$(dmsetup table r)"
null_bad nmain 3000 3000
# Another device, to see what would have been read meanwhile.
null_disk nother 64
new_disk spare2 8
remap_create other /dev/nother "$spare2"
other=/sys/block/$(disk_name /dev/mapper/other)/remap/scan
# A read of 32 KiB, and at most 1 MiB a second: a pass takes a minute.
for folder in "$scan" "$other"; do
    put 1 "$folder/intensity"
    put 1024 "$folder/speed_max"
    put 1024 "$folder/speed_min"
done
check "the whole pass is wanted" dmsetup message r 0 scan now
before=$(counter /dev/nmain read_sectors)
until_true 20 "it reads" read_since "$before"
need dmsetup suspend r
before=$(counter /dev/nmain read_sectors)
refuse "no command while suspended" dmsetup message r 0 scan stop
need dmsetup message other 0 scan now
other_read() {
    (($(attr other scan/sectors_read) >= 1024))
}
until_true 20 "another device reads half a MiB" other_read
need dmsetup message other 0 scan stop
equal "nothing is read while suspended" "$before" "$(counter /dev/nmain read_sectors)"
need dmsetup resume r
until_true 20 "it goes on" read_since "$before"
swap r "$table"
before=$(counter /dev/nmain read_sectors)
until_true 20 "and after a reload" read_since "$before"
need dmsetup message r 0 scan pause
equal "it can pause" paused "$(attr r scan/state)"
swap r "$table"
equal "a reload of the same line leaves it so" paused "$(attr r scan/state)"
need dmsetup message r 0 scan resume
# Its end, as fast as it goes.
put 0 "$scan/speed_max"
put 10 "$scan/intensity"
found() {
    [[ $(attr r pending) == 1 ]]
}
until_true 60 "it finds what is bad" found
need dmsetup message r 0 scan pause
read -r place _ <"$scan/position"
known="$(attr r health/score) $(attr r map/worst) $(attr r scan/errors) $(attr r scan/sectors_read)"
check "the device goes while it scans" dmsetup remove r
dm_create r "$(remap_table /dev/nmain "$spare" 0 16384 error_policy any)"
equal "without the feature it stands still" stopped "$(attr r scan/state)"
scan=/sys/block/$(disk_name /dev/mapper/r)/remap/scan
read -r again _ <"$scan/position"
equal "where it was" "$place" "$again"
equal "and knows what it knew" "$known" \
    "$(attr r health/score) $(attr r map/worst) $(attr r scan/errors) $(attr r scan/sectors_read)"
check "it is started" dmsetup message r 0 scan now
until_true 60 "the pass ends" passes 1
