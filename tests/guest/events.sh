#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: an event reaches those who wait for device-mapper's and those who listen to uevents, after a suspend, a reload and a removal as before.
# Lanes: lockdep kasan vm

. ./lib/lib.sh

load_module
null_disk nmain 64
new_disk spare 16
remap_create r /dev/nmain "$spare"
listen_uevents
# told EVENT COMMAND...: that it is heard, by both, when the command has been carried out.
told() {
    local before=$(events r)
    : >/tmp/uevents
    check "$1: something happens" "${@:2}"
    until_true 5 "$1 is a uevent" uevent r "$1"
    until_true 5 "and an event" had_events r $((before + 1))
}
fail_read() {
    ! tool sectors verify /dev/mapper/r "$1" 1 1
}
null_bad nmain 80 80
dmsetup wait r "$(events r)" >/tmp/waited &
waiter=$!
told remapped_doubled tool sectors write /dev/mapper/r 80 8 1
wait $waiter || fail "nobody who waited heard of it"
equal "which says so once" 1 "$(uevent r remapped_doubled | wc -l)"
need dmsetup suspend r
need dmsetup resume r
null_bad nmain 160 160
told remapped_doubled tool sectors write /dev/mapper/r 160 8 1
need dmsetup suspend r
need dmsetup load r --table "$(remap_table /dev/nmain "$spare" 0 "" error_policy any)"
need dmsetup resume r
null_bad nmain 240 240
told first_pending fail_read 240

# What was raised and not sent is no obstacle to the end of the device.
for n in {1..5}; do
    null_bad nmain $((n * 1024)) $((n * 1024))
    check "a read fails" fail_read $((n * 1024))
    move r $((n * 1024 + 8)) 8 $((n + 2))
    check "the device goes at once" dmsetup remove r
    remap_create r /dev/nmain "$spare"
done
equal "the device is there" "7 rw" "$(attr r remapped) $(attr r state)"
