#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: over simulated weeks a disk that fails in new places falls to warning and to danger, each of them an event, with a forecast and its evidence; quiet months end it, and a restart in between forgets nothing.
# Lanes: lockdep

. ./lib/lib.sh
. ./lib/scan.sh

load_module
null_disk nmain 32768 memory_backed=0
new_disk spare 16
table=$(remap_table /dev/nmain "$spare" 0 32768 error_policy any)
dm_create r "$table"
health=/sys/block/$(disk_name /dev/mapper/r)/remap/health
listen_uevents
told() {
    (($(uevent r health | wc -l) >= $1))
}
hours() {
    need date -s "@$((EPOCHSECONDS + $1 * 3600))" >/dev/null
    # Whatever is set wakes the worker, which has slept for less than an hour by its own clock.
    put 5 "$health/../scan/intensity"
    read -r level <"$health/level"
}
place=0 level=
# bad_day: two places, each a GiB behind the one before, that a user meets.
bad_day() {
    local n
    for n in 1 2; do
        null_bad nmain $((place * 2097152)) $((place * 2097152 + 7))
        refuse "a user meets place $place" tool sectors verify /dev/mapper/r $((place * 2097152)) 8 1
        : $((place += 1))
        hours 12
    done
}
equal "it begins well" "good 1000 1 stable unknown" \
    "$(attr r health/level) $(attr r health/score) $(attr r health/severity) $(attr r health/trend) $(attr r health/time_to_failure)"
low=$(attr r health/failure_probability)
days=0
until [[ $level == warning ]]; do
    bad_day
    at_most "bad days before the warning" 5 $((days += 1))
done
at_most "the score of a warning" 699 "$(attr r health/score)"
until_true 10 "it is an event" told 1
kernel_said "its health is [3-6][0-9]* of 1000 now: back up, and watch it"
score=$(attr r health/score)
evidence=$(cat "$health/evidence")
check "the device goes" dmsetup remove r
dm_create r "$table"
health=/sys/block/$(disk_name /dev/mapper/r)/remap/health
equal "after a restart it knows as much" "$score $evidence" "$(attr r health/score) $(cat "$health/evidence")"
until [[ $level == danger ]]; do
    bad_day
    at_most "bad days before the danger" 12 $((days += 1))
done
at_most "the score of danger" 299 "$(attr r health/score)"
until_true 10 "it is an event" told 2
kernel_said "its health is [12]?[0-9]?[0-9] of 1000 now: it is likely to fail: replace the disk"
match "the evidence names the counters" "^[0-9]+ episodes with errors at [0-9]+ places, .*, alarm" "$(cat "$health/evidence")"
equal "it is declining, and that is serious" "declining 1" "$(attr r health/trend) $(($(attr r health/severity) >= 7))"
at_least "failure is likelier than before" $((10 * (low + 1))) "$(attr r health/failure_probability)"
at_least "that is certain to some extent" 40 "$(attr r health/confidence)"
match "and when" "^[0-9]+$" "$(attr r health/time_to_failure)"
for ((days = 0; days < 200; days++)); do
    hours 23
    if [[ $level == good ]]; then break; fi
done
equal "quiet months end it" good "$level"
at_least "not weeks" 30 "$days"
