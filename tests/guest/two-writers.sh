#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: writers of different sectors of one block lose nothing of each other, before, during and after its move.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 32
new_disk spare 32
# Blocks of 128 KiB: many writers in each, and moves that take their time.
remap_create r /dev/nmain "$spare" 0 65536 block_sectors 256
hammer() {
    "$GUEST_TOOLS/sectors" hammer /dev/mapper/r 0 4096 --writers 6 --readers 0 --writes "$1" --longest 9 \
        --unit 1 --record /tmp/record &
    hammer=$!
}
# Two ranges move for writes that fail. What of them was not written yet cannot be read.
echo "+700-739" >/sys/kernel/config/nullb/nmain/badblocks
echo "+3900-3939" >/sys/kernel/config/nullb/nmain/badblocks
hammer 1500
# Others move by messages while they are written.
for at in 0 1024 2048; do
    need dmsetup message r 0 remap $at 512 >/dev/null
done
wait $hammer || fail "the hammer found an error"
until_true 20 "all moves are done" remapped r 8
null_good nmain 0 4095
check "nothing is lost" tool sectors check /dev/mapper/r 0 /tmp/record end
check "the device goes" dmsetup remove r
remap_create r /dev/nmain "$spare"
equal "the map is whole after a restart" 8 "$(attr r remapped)"
check "and nothing is lost" tool sectors check /dev/mapper/r 0 /tmp/record end
