#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: what moves counts in the health; blocks of a region in danger are moved while they can be read if auto_evacuate says so, and not if it does not.
# Lanes: lockdep kasan
# Processors: 1

. ./lib/lib.sh

load_module
null_disk nmain 32
new_disk spare 32
remap_create r /dev/nmain "$spare" 0 65536 error_policy any
scan=/sys/block/$(disk_name /dev/mapper/r)/remap/scan
# How fast a busy machine is says nothing of its disk.
put 1000000 "$scan/../health/slow_ms"
# The passes that are asked for, and no reads of its own besides.
put 86400000 "$scan/interval_ms"
passes() {
    [[ $(attr r scan/passes) == "$1" ]]
}
pass() {
    need dmsetup message r 0 scan now
    until_true 60 "pass $1 ends" passes "$1"
    until_true 20 "what it asked for is done" idle r
    need dmsetup message r 0 scan stop
}
put 10 "$scan/intensity"
check "sectors are written" tool sectors write /dev/mapper/r 0 65536 1 --step 2048
# Eight errors in the region of sector 8192, and one on each side of it.
null_bad nmain 7000 7000
null_bad nmain 11000 11000
for ((i = 0; i < 8; i++)); do
    null_bad nmain $((8192 + i * 200)) $((8192 + i * 200))
done
pass 1
worst=$(attr r map/worst)
worst=${worst%% *}
equal "one region is the worst" 8192 "${worst%:*}"
at_most "it is in danger" 299 "${worst#*:}"
equal "nothing has moved" 0 "$(attr r remapped)"
put 1 "$scan/../health/auto_evacuate"
pass 2
equal "all of the region but its bad blocks has" 248 "$(attr r remapped)"
equal "and nothing else" "" "$(dmsetup message r 0 list remapped from 10240)"
check "the data came along" tool sectors verify /dev/mapper/r 8200 184 1
check "all else is as it was" tool sectors verify /dev/mapper/r 0 6144 1 --step 2048
match "and the spare will not last for ever" "^[0-9]+$" "$(attr r health/time_to_spare_exhaustion)"
check "a write to a bad block" tool sectors write /dev/mapper/r 8192 8 2
equal "moves it" 249 "$(attr r remapped)"
pass 3
equal "what lives on the spare is read there: nothing is new" "$(attr r pending)" 9
