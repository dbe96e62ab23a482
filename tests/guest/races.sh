#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: remaps by message and by failing writes, reads, writes, reloads and queries on all processors at once: no report, nothing lost.
# Lanes: lockdep kasan
# Timeout: 900

. ./lib/lib.sh

load_module
null_disk nmain 16 irqmode=2 completion_nsec=100000
new_disk spare 16
line="0 32768 remap /dev/nmain $spare 0 32768"
dm_create r "$line 2 error_policy any"
for ((at = 3; at < 4096; at += 32)); do
    echo "+$at-$at" >/sys/kernel/config/nullb/nmain/badblocks
done
# One half has bad sectors and is only written; the other one is moved by messages and read as well.
"$GUEST_TOOLS/sectors" hammer /dev/mapper/r 0 4096 --writers 3 --readers 0 --writes 400 --longest 24 --unit 1 \
    --record /tmp/bad &
first=$!
"$GUEST_TOOLS/sectors" hammer /dev/mapper/r 8192 4096 --writers 3 --readers 2 --writes 1200 --longest 24 \
    --unit 1 --seed 7 --record /tmp/good &
second=$!
at=8192
while kill -0 $first 2>/dev/null || kill -0 $second 2>/dev/null; do
    dmsetup message r 0 remap $at 24 >/dev/null 2>&1
    dmsetup message r 0 list >/dev/null
    attr r remapped >/dev/null
    dmsetup status r >/dev/null
    if ((at % 512 == 0)); then
        need dmsetup load r --table "$line 2 error_policy any"
        need dmsetup resume --nolockfs r
    fi
    : $((at = at < 12200 ? at + 64 : 8192))
done
wait $first || fail "the writers over bad sectors found an error"
wait $second || fail "the writers and readers over moving blocks found an error"
null_good nmain 0 4095
check "nothing is lost over bad sectors" tool sectors check /dev/mapper/r 0 /tmp/bad end
check "nothing is lost where blocks moved" tool sectors check /dev/mapper/r 8192 /tmp/good end
at_least "so many blocks moved" 64 "$(attr r remapped)"
remapped=$(attr r remapped)
check "the device goes" dmsetup remove r
dm_create r "$line"
equal "the map is whole after a restart" "$remapped" "$(attr r remapped)"
check "nothing is lost then" tool sectors check /dev/mapper/r 8192 /tmp/good end
