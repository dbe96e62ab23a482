#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: remapctl scan tells the scanner what it is told and waits for a pass, remapctl health and map show what that found, and each refusal of the kernel is said in words.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh
. ./lib/remapctl.sh
. ./lib/scan.sh

load_module
null_disk nmain 40
new_disk spare 8
remap_create r /dev/nmain "$spare" 0 16384 error_policy any
scan_files
all=$(sectors_of /dev/nmain)
ends "the scanner stands" 0 scan
match "and says so" "^r: stopped, 0 % of this pass; no pass has ended yet" "$said"
for word in stop pause resume; do
    ends "$word makes no sense now" 1 scan $word r
    match "the kernel's refusal is said in words" "^remapctl: $word makes no sense: the scan of r is stopped$" "$said"
done
ends "settings are taken" 0 scan set r --intensity 9 --cycle-days 3 --order sequential --speed-min 500 --speed-max 600
equal "all of them" "9 3 sequential 500 600" \
    "$(attr r scan/intensity) $(attr r scan/cycle_days) $(attr r scan/order) $(attr r scan/speed_min) $(attr r scan/speed_max)"
ends "a pair of speeds below the former" 0 scan set r --speed-min 100 --speed-max 200
ends "and above them" 0 scan set r --speed-min 1000 --speed-max 0
ends "a least above the most is refused" 1 scan set r --speed-max 900
match "in words" "speed-min may not be above speed-max" "$said"
ends "back to what it was" 0 scan set r --speed-min 0

null_bad nmain 20480 20480
before=$(attr r scan/sectors_read)
ends "a pass is waited for" 0 scan now r --wait
match "it has ended" "^r: [a-z]+, [0-9]+ % of this pass; 1 pass ended, the last one [0-9]+ seconds? ago" "$said"
at_least "all was read" "$all" $(($(attr r scan/sectors_read) - before))
ends "it is paused" 0 scan pause r
equal "the kernel says so" paused "$(attr r scan/state)"
ends "now makes no sense" 1 scan now r
ends "it goes on" 0 scan resume r
ends "and is stopped" 0 scan stop --all
equal "the kernel says so" stopped "$(attr r scan/state)"
# Who waits and is interrupted stops waiting; the scan goes on.
need dmsetup suspend r
ends "a suspended device is told apart" 1 scan start r
match "in words" "^remapctl: r is suspended: dmsetup resume r" "$said"
need dmsetup resume r
ends "slowly now" 0 scan set r --speed-max 1 --intensity 1
"$REMAPCTL" scan start r --wait >/tmp/waited 2>&1 &
waits=$!
until_true 10 "it scans" bash -c "[[ \$(<$scan/state) != stopped ]]"
need kill -INT $waits
rc=0
wait $waits || rc=$?
equal "interrupted waiting has its exit code" 130 "$rc"
match "and says so" "interrupted" "$(</tmp/waited)"
refuse "the scan goes on" grep -q stopped "$scan/state"

# What was found.
ends "the health says what was met" 0 health r
match "where" "worst  .* of 1000 at sector 20480 \(10 MiB into the device\)" "$said"
match "and how" "scans met 1 in all" "$said"
ends "auto_evacuate" 0 health r --auto-evacuate on --slow-ms 300
equal "is set" "1 300" "$(attr r health/auto_evacuate) $(attr r health/slow_ms)"
dmsetup message r 0 health 40 >/tmp/parts
ends "the map shows it" 1 map r
match "where it is" "0 bytes \|\.{10}P\.{29}\|" "$said"
need dmsetup message r 0 remap 40960 2048 >/dev/null
until_true 20 "blocks have moved" idle r
json map r
equal "the map shows what moved" "True False" "$(value .devices.0.parts.20.remapped) $(value .devices.0.parts.21.remapped)"
equal "and the scores" "$(awk '{ print $11 }' /tmp/parts)" "$(value .devices.0.parts.10.score)"
