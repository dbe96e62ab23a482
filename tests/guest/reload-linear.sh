#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: linear to remap to linear, live: I/O that waited for the reload finds the map, and the attributes come and go.
# Lanes: lockdep

. ./lib/lib.sh

load_module
new_disk main 16
new_disk spare 4
remap_create r "$main" "$spare"
check "sectors are written" tool sectors write /dev/mapper/r 0 64 1
move r 8 8 1
check "a moved block is written" tool sectors write /dev/mapper/r 8 8 2
check "the device goes" dmsetup remove r
dm_create r "0 32768 linear $main 0"
check "main itself has the old data" tool sectors verify /dev/mapper/r 8 8 1
# The very first I/O: it waits for the reload, and comes before anybody could look at the device.
need dmsetup suspend --nolockfs r
"$GUEST_TOOLS/sectors" verify /dev/mapper/r 8 8 2 &
reader=$!
until_true 10 "a read waits" grep -qE '^State:.*D' /proc/$reader/status
need dmsetup load r --table "0 32768 remap $main $spare 0 8192"
need dmsetup resume r
wait $reader || fail "the first read bypassed the map"
echo "ok: the first read went to the spare"
equal "the attributes are there" 1 "$(attr r remapped)"
dir=/sys/block/$(disk_name /dev/mapper/r)
need dmsetup load r --table "0 32768 linear $main 0"
need dmsetup resume r
[[ ! -e $dir/remap ]] || fail "the attributes are still there"
[[ -e $dir/stat ]] || fail "$dir is not the device's folder"
echo "ok: the attributes are gone with the table"
check "main has the old data still" tool sectors verify /dev/mapper/r 8 8 1
need dmsetup load r --table "0 32768 remap $main $spare 0 8192"
need dmsetup resume r
check "and the map is back" tool sectors verify /dev/mapper/r 8 8 2
