#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: what a disk says of itself is a term of the forecast and of nothing else, is kept over a restart, counts for a week, and changes nothing if it is never told.
# Lanes: lockdep

. ./lib/lib.sh

load_module
null_disk nmain 64 memory_backed=0
new_disk spare 8
table=$(remap_table /dev/nmain "$spare" 0 16384 error_policy any)
dm_create r "$table"
folder() {
    health=/sys/block/$(disk_name /dev/mapper/r)/remap/health
}
# all: what the term must leave alone.
all() {
    local file
    for file in score level trend severity confidence time_to_failure; do
        printf '%s ' "$(cat "$health/$file")"
    done
}
probability() {
    cat "$health/failure_probability"
}
folder
before=$(all)
low=$(probability)
equal "a disk that met nothing" 3 "$low"
plain=$(cat "$health/evidence")
refuse "nothing is told of it yet" grep SMART "$health/evidence"

refuse "not while suspended" sh -c "dmsetup suspend r; dmsetup message r 0 health smart 9; result=\$?; dmsetup resume r; exit \$result"
equal "nothing was told" "$low" "$(probability)"
check "it counts none" dmsetup message r 0 health smart 0
equal "which changes nothing" "$low $before" "$(probability) $(all)"
check "it counts ten" dmsetup message r 0 health smart 10
equal "the forecast is half of the table's" 76 "$(probability)"
equal "the rest is as it was" "$before" "$(all)"
equal "the evidence has it" "$plain; SMART 0 hours ago: 10 bad sectors" "$(cat "$health/evidence")"
check "more than the table has" dmsetup message r 0 health smart 99999999999
equal "is its end" 239 "$(probability)"
check "and ten again" dmsetup message r 0 health smart 10

check "the device goes" dmsetup remove r
dm_create r "$table"
folder
equal "after a restart it is known" 76 "$(probability)"

for day in 1 2 3 4 5 6; do
    need date -s "@$((EPOCHSECONDS + 86400))" >/dev/null
    equal "on day $day, too" 76 "$(probability)"
done
match "the evidence says how old it is" "; SMART 14[4-6] hours ago: 10 bad sectors$" "$(cat "$health/evidence")"
need date -s "@$((EPOCHSECONDS + 86400))" >/dev/null
equal "a week later it counts no more" "$low" "$(probability)"
refuse "nor is it told" grep SMART "$health/evidence"
check "told anew" dmsetup message r 0 health smart 10
equal "it counts" 76 "$(probability)"
check "a reset" dmsetup message r 0 health reset
equal "forgets it" "$low" "$(probability)"
