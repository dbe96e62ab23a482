#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: errors that users meet are data for the health, where they were; what is known already counts once; the neighbourhood is scanned.
# Lanes: lockdep kasan
# Processors: 1

. ./lib/lib.sh

load_module
null_disk nmain 300
new_disk spare 16
remap_create r /dev/nmain "$spare" 0 32768 error_policy any
scan=/sys/block/$(disk_name /dev/mapper/r)/remap/scan
# How fast a busy machine is says nothing of its disk.
put 1000000 "$scan/../health/slow_ms"
put 86400000 "$scan/interval_ms"
equal "nothing happened yet" "1000 0" "$(attr r health/score) $(attr r map/tracked_regions)"
null_bad nmain 409600 409600
# In the same 128 MiB, in the 64th MiB of them: the staggered order comes to it nearly last.
null_bad nmain 391268 391268
refuse "a read fails" tool sectors verify /dev/mapper/r 409600 1 1
at_most "the score falls" 999 "$(attr r health/score)"
equal "one region is tracked" 1 "$(attr r map/tracked_regions)"
match "the one" "^409600:[0-9]+$" "$(attr r map/worst)"
for ((i = 0; i < 5; i++)); do
    refuse "it fails again" tool sectors verify /dev/mapper/r 409600 1 1
done
# What happened counts when an hour has shown that it was no storm.
need date -s "@$((EPOCHSECONDS + 7200))" >/dev/null
match "it is the evidence, and was new once" "1 episodes with errors at 1 places, 0 weak ones, 1 bad sectors" \
    "$(cat "$scan/../health/evidence")"
read -ra parts <<<"$(dmsetup message r 0 health 3)"
equal "two thirds are well" "1000 1000" "${parts[0]} ${parts[1]}"
at_most "the last one is not" 900 "${parts[2]}"
# What a user met is followed up: its 128 MiB are read in between, and the other bad sector is found when the pass has
# done a third. A second for 64 MiB.
need dmsetup message r 0 scan start
put 65536 "$scan/speed_max"
put 10 "$scan/intensity"
put 100 "$scan/interval_ms"
put 262144 "$scan/sectors_per_scan"
found() {
    [[ $(dmsetup message r 0 list pending) == *"391268 1 pending"* ]]
}
until_true 60 "its neighbour is found" found
read -r done _ <"$scan/position"
equal "in the first pass" 0 "$(attr r scan/passes)"
at_most "long before the pass would have come to it" 450000 "$done"
