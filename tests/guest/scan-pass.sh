#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a pass of the scanner reads each sector of main once, counted by the disk, at each intensity and in both orders.
# Lanes: lockdep kasan vm

. ./lib/lib.sh

load_module
null_disk nmain 40
new_disk spare 8
remap_create r /dev/nmain "$spare"
all=$(sectors_of /dev/nmain)
passes() {
    [[ $(attr r scan/passes) == "$1" ]]
}
equal "it does nothing by itself" stopped "$(attr r scan/state)"
pass=0
scan=/sys/block/$(disk_name /dev/mapper/r)/remap/scan
# How fast a busy machine is says nothing of its disk.
put 1000000 "$scan/../health/slow_ms"
# The passes that are asked for, and no reads of its own besides.
put 86400000 "$scan/interval_ms"
for order in staggered sequential; do
    put "$order" "$scan/order"
    for intensity in 5 7 10; do
        put "$intensity" "$scan/intensity"
        before=$(counter /dev/nmain read_sectors)
        read_before=$(attr r scan/sectors_read)
        put now "$scan/action"
        until_true 20 "pass $((pass += 1)) ends, $order at intensity $intensity" passes $pass
        put stop "$scan/action"
        equal "the disk has read each sector once" "$all" $(($(counter /dev/nmain read_sectors) - before))
        equal "and so it says" "$all" $(($(attr r scan/sectors_read) - read_before))
    done
done
equal "nothing was found" "0 1000 good 0" \
    "$(attr r scan/errors) $(attr r health/score) $(attr r health/level) $(attr r map/memory_bytes)"
at_least "the time of the last pass is known" 1000000000 "$(attr r scan/last_pass)"
