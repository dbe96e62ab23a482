#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a region where nothing happened takes no memory, one where something did 64 bytes at most, and scans go on when memory is refused.
# Lanes: lockdep kasan
# Memory: 1024

. ./lib/lib.sh

load_module
null_disk nmain 512
new_disk spare 16
remap_create r /dev/nmain "$spare" 0 32768 error_policy any
scan=/sys/block/$(disk_name /dev/mapper/r)/remap/scan
# How fast a busy machine is says nothing of its disk.
put 1000000 "$scan/../health/slow_ms"
# The passes that are asked for, and no reads of its own besides.
put 86400000 "$scan/interval_ms"
passes() {
    [[ $(attr r scan/passes) == "$1" ]]
}
put 10 "$scan/intensity"
need dmsetup message r 0 scan now
until_true 60 "a pass ends" passes 1
equal "a disk that is well takes none" "0 0" "$(attr r map/tracked_regions) $(attr r map/memory_bytes)"
need dmsetup message r 0 scan stop
# Few enough at a time to be no storm.
for ((i = 0; i < 40; i++)); do
    null_bad nmain $((i * 2048 * 12 + 700)) $((i * 2048 * 12 + 700))
done
need dmsetup message r 0 scan now
until_true 120 "another pass ends" passes 2
regions=$(attr r map/tracked_regions)
at_least "regions are tracked" 30 "$regions"
at_most "their memory" $((regions * 64)) "$(attr r map/memory_bytes)"
