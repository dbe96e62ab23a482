#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: without a spare block left a failing write is an error and nothing else changes; low water, exhausted and each doubling are events.
# Lanes: lockdep
# Timeout: 120

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 4
remap_create r /dev/nmain "$spare" 0 2448
total=$(attr r spare_total)
equal "the smallest area has so many spare blocks" 16 "$total"
check "sectors are written" tool sectors write /dev/mapper/r 0 1024 1 --step 256
listen_uevents
before=$(events r)
dmsetup wait r "$before" >/tmp/waited &
waiter=$!
move r 0 120 15
wait $waiter || fail "nobody heard of an event"
echo "ok: dmsetup wait ended"
kernel_said "blocks are remapped: the disk is getting worse"
kernel_said "1 of 16 spare blocks are left: replace the disk soon"
until_true 5 "these were two events" had_events r $((before + 2))
until_true 5 "one for the blocks" uevent r remapped_doubled
until_true 5 "and one for the spare" uevent r low_water
null_bad nmain 200 200
null_bad nmain 300 300
check "the last spare block is used" tool sectors write /dev/mapper/r 200 8 2
equal "none is left" 0 "$(attr r spare_free)"
generation=$(generation r)
refuse "the next failing write fails" tool sectors write /dev/mapper/r 296 8 2
kernel_said "no spare block is left"
until_true 5 "it is an event" uevent r exhausted
equal "nothing changed" "16/16 $generation rw" "$(status_word r 1) $(generation r) $(attr r state)"
null_good nmain 300 300
check "the sector that failed is as it was" tool sectors verify /dev/mapper/r 300 1 1
check "other writes go on" tool sectors write /dev/mapper/r 0 200 3 --step 200
check "and reads" tool sectors verify /dev/mapper/r 0 200 3 --step 200
check "also of the last spare block" tool sectors verify /dev/mapper/r 200 8 2
