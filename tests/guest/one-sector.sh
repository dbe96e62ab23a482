#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: many writers of one and the same bad sector all get an end, with and without a place for it to go, and none waits for another for ever.
# Lanes: lockdep kasan
# Timeout: 120

. ./lib/lib.sh

load_module
null_disk nmain 16 irqmode=2 completion_nsec=100000
new_disk spare 4
null_bad nmain 80 80
remap_create r /dev/nmain "$spare" 0 "" error_policy any no_auto_remap
hammer() {
    tool sectors hammer /dev/mapper/r "$@" --writers 8 --readers 0 --longest 1 --writes 300 --errors-ok
}
output=$(hammer 80 1) || fail "writers of a sector that cannot move: $output"
match "each is an error" "^300 writes, 300 failed" "$output"
equal "and nothing moved" 0 "$(attr r remapped)"
# Neighbours in one block, of which one is bad, and messages that want it moved and back meanwhile.
hammer 76 8 --record /tmp/record >/tmp/out &
writers=$!
need dmsetup message r 0 set auto_remap on
while kill -0 $writers 2>/dev/null; do
    dmsetup message r 0 retest 80 >/dev/null 2>&1
    dmsetup message r 0 remap 80 >/dev/null 2>&1
done
wait $writers || fail "the writers of one block came to no end"
until_true 20 "all that was asked for has ended" idle r
null_good nmain 80 80
check "nothing of the block is lost" tool sectors check /dev/mapper/r 76 /tmp/record end
null_bad nmain 80 80
check "the sector itself can be written" hammer 80 1 --record /tmp/one
equal "its block has moved" 1 "$(attr r remapped)"
check "the last of the writes is there" tool sectors check /dev/mapper/r 80 /tmp/one end
null_good nmain 80 80
