#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: writers of different sectors of one block lose nothing of each other, before, during and after its move.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 32
new_disk spare 32
# Writes reach main late: a move that does not wait for those on their way copies what is old.
dm_create late "0 65536 delay /dev/nmain 0 0 /dev/nmain 0 10"
# Blocks of 128 KiB: many writers in each.
remap_create r /dev/mapper/late "$spare" 0 65536 block_sectors 256
# hammer FROM WRITERS READERS RECORD
hammer() {
    exec "$GUEST_TOOLS/sectors" hammer /dev/mapper/r "$1" 2048 --writers "$2" --readers "$3" --writes 600 \
        --longest 9 --unit 1 --record "$4"
}
# In one half, blocks move for writes that fail. What of them was not written yet cannot be read.
echo "+2708-2807" >/sys/kernel/config/nullb/nmain/badblocks
echo "+3900-3999" >/sys/kernel/config/nullb/nmain/badblocks
hammer 2048 4 0 /tmp/failing &
failing=$!
# In the other half, they move by messages while they are written and read.
hammer 0 12 2 /tmp/moved &
moved=$!
for at in 0 256 512 768 1024 1280 1536 1792; do
    need dmsetup message r 0 remap $at 1 >/dev/null
done
wait $failing || fail "the writers over bad sectors found an error"
wait $moved || fail "the writers and readers over moving blocks found an error"
until_true 20 "all moves are done" remapped r 10
null_good nmain 0 4095
check "nothing is lost where writes failed" tool sectors check /dev/mapper/r 2048 /tmp/failing end
check "nothing is lost where blocks moved" tool sectors check /dev/mapper/r 0 /tmp/moved end
check "the device goes" dmsetup remove r
remap_create r /dev/mapper/late "$spare"
equal "the map is whole after a restart" 10 "$(attr r remapped)"
check "and nothing is lost then" tool sectors check /dev/mapper/r 0 /tmp/moved end
