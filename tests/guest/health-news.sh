#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a level that an error of a user crosses is told at once, while the scanner reads on without a pause.
# Lanes: lockdep

. ./lib/lib.sh
. ./lib/scan.sh

load_module
# Users meet what is bad in the last of its 512 GiB: the scanner, which reads one after the other, will not come there.
null_disk nmain 524288 memory_backed=0
new_disk spare 16
remap_create r /dev/nmain "$spare" 0 32768 error_policy any
listen_uevents
scan_files
put sequential "$scan/order"
put 10 "$scan/intensity"
told() {
    (($(uevent r health | wc -l) == $1))
}
hours() {
    need date -s "@$((EPOCHSECONDS + $1 * 3600))" >/dev/null
    # Whatever is set wakes the worker.
    put 10 "$scan/intensity"
    read -r level <"$scan/../health/level"
}
first=$((500 * 2097152)) place=0 level=
until [[ $level == warning ]]; do
    at=$((first + place * 1048576))
    null_bad nmain $at $((at + 7))
    refuse "a user meets place $place" tool sectors verify /dev/mapper/r $at 8 1
    at_most "places before the warning" 12 $((place += 1))
    hours 12
done
until_true 10 "that is an event" told 1
# Their neighbourhood is read, which is beside the pass.
beside() {
    local place
    read -r place _ <"$scan/position"
    echo $(($(attr r scan/sectors_read) - place))
}
followed() {
    local seen=$beside
    beside=$(beside)
    ((seen > 0 && seen == beside))
}
need dmsetup message r 0 scan now
beside=0
until_true 120 "their neighbourhood is read" followed
need dmsetup message r 0 scan pause
for ((n = 0; n < 100; n++)); do
    hours 12
    if [[ $level == good ]]; then break; fi
done
equal "quiet weeks end it" good "$level"
until_true 10 "that is an event" told 2
need dmsetup message r 0 scan resume
before=$(attr r scan/sectors_read)
until_true 10 "the scanner reads" scanned_since "$before"
at=$((first + place * 1048576))
null_bad nmain $at $((at + 7))
refuse "a user meets another place" tool sectors verify /dev/mapper/r $at 8 1
until_true 10 "the warning is told at once" told 3
read -r place _ <"$scan/position"
at_most "nor has the scanner come near" $((first / 2)) "$place"
