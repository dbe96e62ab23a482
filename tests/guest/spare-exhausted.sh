#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: without a spare block left a failing write is an error and nothing else changes; low water, exhausted and each doubling are events.
# Lanes: lockdep

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 4
remap_create r /dev/nmain "$spare" 0 2448
total=$(attr r spare_total)
equal "the smallest area has so many spare blocks" 16 "$total"
check "sectors are written" tool sectors write /dev/mapper/r 0 1024 1 --step 256
before=$(events r)
dmsetup wait r "$before" >/tmp/waited &
waiter=$!
move r 0 120 15
wait $waiter || fail "nobody heard of an event"
echo "ok: dmsetup wait ended"
kernel_said "blocks are remapped: the disk is getting worse"
kernel_said "1 of 16 spare blocks are left: replace the disk soon"
at_least "these were events" $((before + 2)) "$(events r)"
null_bad nmain 200 200
null_bad nmain 300 300
check "the last spare block is used" tool sectors write /dev/mapper/r 200 8 2
equal "none is left" 0 "$(attr r spare_free)"
before=$(events r)
generation=$(generation r)
refuse "the next failing write fails" tool sectors write /dev/mapper/r 296 8 2
kernel_said "no spare block is left"
at_least "it is an event" $((before + 1)) "$(events r)"
equal "nothing changed" "16/16 $generation rw" "$(status_word r 1) $(generation r) $(attr r state)"
null_good nmain 300 300
check "the sector that failed is as it was" tool sectors verify /dev/mapper/r 300 1 1
check "other writes go on" tool sectors write /dev/mapper/r 0 200 3 --step 200
check "and reads" tool sectors verify /dev/mapper/r 0 200 3 --step 200
check "also of the last spare block" tool sectors verify /dev/mapper/r 200 8 2
