#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a block that moves while a write to it is on its way to main takes that write along.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 4
# Writes reach main a second and a half late.
dm_create late "0 32768 delay /dev/nmain 0 0 /dev/nmain 0 1500"
remap_create r /dev/mapper/late "$spare"
check "sectors are written" tool sectors write /dev/mapper/r 0 64 1 --step 64
inflight=/sys/block/$(disk_name /dev/mapper/r)/inflight
on_its_way() {
    local reads writes
    read -r reads writes <"$inflight"
    ((writes == 1))
}
"$GUEST_TOOLS/sectors" write /dev/mapper/r 8 8 2 &
writer=$!
until_true 5 "a write is on its way" on_its_way
need dmsetup message r 0 remap 8 >/dev/null
check "it still is" on_its_way
wait $writer || fail "the write failed"
until_true 10 "the block moved" remapped r 1
check "with what was written" tool sectors verify /dev/mapper/r 8 8 2
check "and its neighbours are as they were" tool sectors verify /dev/mapper/r 16 48 1
