#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a scan runs in the background by its own schedule, in parts of the size that was set, while users work; the end of a pass is an event, and the next pass begins.
# Lanes: lockdep kasan vm

. ./lib/lib.sh
. ./lib/scan.sh

load_module
null_disk nmain 16
new_disk spare 4
remap_create r /dev/nmain "$spare"
all=$(sectors_of /dev/nmain)
scan_files
check "sectors are written" tool sectors write /dev/mapper/r 0 "$all" 1 --step 64
listen_uevents
equal "by default a scan is a minute's share of 14 days" auto "$(attr r scan/sectors_per_scan)"
put 60000 "$scan/interval_ms"
check "it is started" dmsetup message r 0 scan start
# That is two sectors: one read, and then it waits for two hours.
until_true 20 "it reads its share" scanned_since 0
until_true 20 "and waits for the next interval" scan_state waiting
equal "of one read" 256 "$(attr r scan/sectors_read)"
equal "which is a place" "256 / " "$(cut -c 1-6 "$scan/position")"
# More often, a part of 4096 sectors each, and 8 MiB a second of it however busy the disk is.
put 8192 "$scan/speed_min"
put 4096 "$scan/sectors_per_scan"
put 100 "$scan/interval_ms"
told() { [[ -n $(uevent r scan_pass) ]]; }
rounds=0
passed() {
    (($(attr r scan/passes) >= $1))
}
while ! passed 2; do
    tool sectors verify /dev/mapper/r 0 "$all" 1 --step 64 || fail "a user has no data"
    tool sectors write /dev/mapper/r 1 4096 1 --step 64 || fail "a user cannot write"
    ((rounds += 1))
    ((rounds < 500)) || fail "it does not get on: $(<"$scan/position")"
done
put 86400000 "$scan/interval_ms"
at_least "users worked meanwhile" 1 "$rounds"
until_true 5 "a uevent told of it" told
at_least "by its own clock" $((2 * all)) "$(attr r scan/sectors_read)"
# The time of the last pass is the clock's.
need date -s "@$((EPOCHSECONDS + 30 * 86400))" >/dev/null
now=$EPOCHSECONDS
before=$(attr r scan/passes)
need dmsetup message r 0 scan now
until_true 60 "another pass" passed $((before + 1))
at_least "the last pass was today" "$now" "$(attr r scan/last_pass)"
equal "nothing was found" "0 1000" "$(attr r scan/errors) $(attr r health/score)"
