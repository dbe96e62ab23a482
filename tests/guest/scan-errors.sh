#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a pass of the scanner finds all bad sectors of main and of spare blocks in use, just these, before any user reads them.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 40
null_disk nspare 8
remap_create r /dev/nmain /dev/nspare 0 16384 error_policy any
scan=/sys/block/$(disk_name /dev/mapper/r)/remap/scan
# How fast a busy machine is says nothing of its disk.
put 1000000 "$scan/../health/slow_ms"
# The passes that are asked for, and no reads of its own besides.
put 86400000 "$scan/interval_ms"
passes() {
    [[ $(attr r scan/passes) == "$1" ]]
}
pass() {
    check "the scanner is told" dmsetup message r 0 scan now
    until_true 60 "pass $1 ends" passes "$1"
    need dmsetup message r 0 scan stop
}
check "sectors are written" tool sectors write /dev/mapper/r 0 65536 1 --step 2048
# Blocks that live on the spare, one of which fails there.
move r 4096 64 8
check "and written there" tool sectors write /dev/mapper/r 4096 64 1
# Each sector says who it is, so the spare tells where the blocks lie: one behind the other.
at=$(dd if=/dev/nspare bs=4096 iflag=direct status=none | grep -obUa dmsector | head -n 1 | cut -d: -f 1)
at=$((at / 512 + 21))
null_bad nspare $at $at
# On main: alone, two in a block, at an edge of 1 MiB, the last sector; and what is under a remapped block, which
# nobody needs.
for bad in 1003 1500 1501 2047 2048 30000 81919; do
    null_bad nmain $bad $bad
done
null_bad nmain 4100 4100
pass 1
equal "just these are pending" "1003 1 pending
1500 2 pending
2047 1 pending
2048 1 pending
4117 1 pending
30000 1 pending
81919 1 pending" "$(dmsetup message r 0 list pending)"
equal "no user met any" 0 "$(status_field r read_errors)"
at_least "reads that found something" 6 "$(attr r scan/errors)"
equal "regions are tracked, the one of the blocks that moved among them" 5 "$(attr r map/tracked_regions)"
at_most "and the score has fallen" 999 "$(attr r health/score)"
found=$(attr r scan/errors)
pass 2
equal "nothing is new in another pass" "$found" "$(attr r scan/errors)"
for bad in 1003 1500 1501 2047 2048 30000 81919; do
    null_good nmain $bad $bad
done
pass 3
equal "what can be read again is not pending any more" "4117 1 pending" "$(dmsetup message r 0 list pending)"
check "all else is as it was" tool sectors verify /dev/mapper/r 0 4096 1 --step 2048
