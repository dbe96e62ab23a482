#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: scanner and health are there from the first resume on with their defaults, settings change at once, and what makes no sense is EINVAL and changes nothing.
# Lanes: lockdep kasan vm
# Processors: 1

. ./lib/lib.sh

load_module
new_disk main 16
new_disk spare 4
remap_create r "$main" "$spare"
dir=/sys/block/$(disk_name /dev/mapper/r)/remap
all() {
    (cd "$dir" && grep . scan/* health/* map/*)
}
match "the defaults" "^scan/action:start stop pause resume now
scan/cycle_days:14
scan/errors:0
scan/intensity:5
scan/interval_ms:60000
scan/last_pass:0
scan/order:staggered
scan/passes:0
scan/position:0 / [0-9]+
scan/sectors_per_scan:auto
scan/sectors_read:0
scan/speed_max:0
scan/speed_min:128
scan/state:stopped
health/auto_evacuate:0
health/confidence:[0-9]+
health/evidence:0 episodes with errors at 0 places, .*
health/failure_probability:[0-9]
health/level:good
health/score:1000
health/severity:1
health/slow_ms:100
health/time_to_failure:unknown
health/time_to_spare_exhaustion:unknown
health/trend:stable
map/memory_bytes:0
map/tracked_regions:0$" "$(all)"
equal "nothing is worse than the rest" "" "$(cat "$dir/map/worst")"
before=$(all)
while read -r file values; do
    for value in $values; do
        refuse "$file: $value" bash -c "printf '%s\n' '$value' >$dir/$file"
        match "is EINVAL" "Invalid argument" "$output"
    done
done <<'LIST'
scan/action begin Start 1 resume pause stop
scan/interval_ms 99 86400001 -1 1k x 4294967296
scan/sectors_per_scan 0 Auto -5 all
scan/cycle_days 0 366 x
scan/intensity 0 11 x
scan/order random Staggered
scan/speed_min -1 x
scan/speed_max 1 127 x
health/auto_evacuate 2 yes
health/slow_ms -1 x
LIST
for file in scan/state scan/position health/score health/level map/worst; do
    refuse "$file cannot be written" bash -c "echo 1 >$dir/$file"
done
equal "nothing has changed" "$before" "$(all)"
while read -r file value; do
    put "$value" "$dir/$file"
    equal "$file" "$value" "$(attr r "$file")"
done <<'LIST'
scan/interval_ms 100
scan/sectors_per_scan 4096
scan/sectors_per_scan auto
scan/cycle_days 1
scan/intensity 9
scan/order sequential
scan/speed_min 4096
scan/speed_max 8192
health/auto_evacuate 1
health/slow_ms 1000000
LIST
put start "$dir/scan/action"
match "it runs" "waiting|running" "$(attr r scan/state)"
equal "64 parts, all well" "$(printf '1000 %.0s' {1..63})1000" "$(dmsetup message r 0 health)"
equal "or three" "1000 1000 1000" "$(dmsetup message r 0 health 3)"
match "the status line has both" " health 1000 scan [0-9]+/[0-9]+$" "$(dmsetup status r)"
need dmsetup message r 0 scan stop
equal "and stops" stopped "$(attr r scan/state)"
