#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a device goes while its own moves and failing I/O are under way: nothing waits, nothing is lost, and a killed writer is no obstacle.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 32
new_disk spare 16
line="0 65536 remap /dev/nmain $spare 0 32768 2 error_policy any"
dm_create r "$line"
check "sectors are written" tool sectors write /dev/mapper/r 0 8192 1 --step 2048
for round in 1 2 3; do
    # Hundreds of blocks are asked for, and the device goes before they have moved.
    need dmsetup message r 0 remap $((round * 1024)) 1024 >/dev/null
    check "it is removed at once ($round)" dmsetup remove r
    dm_create r "$line"
    equal "the map that it left is good" "rw 0" "$(attr r state) $(attr r needs_check)"
done
check "all is there" tool sectors verify /dev/mapper/r 0 8192 1 --step 2048
# A writer with failing writes in flight is killed.
null_bad nmain 32768 49151
"$GUEST_TOOLS/sectors" hammer /dev/mapper/r 32768 16384 --writers 8 --readers 0 --writes 100000 --longest 64 &
writer=$!
before=$(attr r remapped)
moving() { (($(attr r remapped) > before)); }
until_true 20 "blocks are being remapped" moving
kill -9 $writer
check "the device is removed" dmsetup remove --retry r
wait $writer
dm_create r "$line"
equal "the map is good" "rw 0" "$(attr r state) $(attr r needs_check)"
check "all is there" tool sectors verify /dev/mapper/r 0 8192 1 --step 2048
