#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: reloads during relocations, with commits between load and resume, lose no change of the map and no write.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 8
line="0 32768 remap /dev/nmain $spare 0 16384"
dm_create r "$line 2 error_policy any"
for ((at = 3; at < 8192; at += 32)); do
    echo "+$at-$at" >/sys/kernel/config/nullb/nmain/badblocks
done
tool sectors hammer /dev/mapper/r 0 8192 --writers 4 --readers 0 --writes 1000 --longest 64 --unit 8 \
    --record /tmp/record &
hammer=$!
# How fast the hammer is beside the shell is the machine's matter: it has to be at work for the first
# reload, and a message makes sure of a commit in each.
busy=0 block=8192
for feature in "2 error_policy any" "4 error_policy any block_sectors 8" "2 error_policy any"; do
    need dmsetup load r --table "$line $feature"
    generation=$(generation r)
    need dmsetup message r 0 remap $((block += 8)) 8 >/dev/null
    grown() { (($(generation r) > generation)); }
    until_true 20 "a change was committed by the old table" grown
    if kill -0 $hammer 2>/dev/null; then : $((busy += 1)); fi
    generation=$(generation r)
    need dmsetup resume --nolockfs r
    at_least "the generation goes on from there" "$generation" "$(generation r)"
done
at_least "so many reloads were under load" 1 $busy
wait $hammer || fail "the hammer found an error"
null_good nmain 0 8191
check "nothing is lost" tool sectors check /dev/mapper/r 0 /tmp/record end
remapped=$(attr r remapped)
generation=$(generation r)
check "the device goes" dmsetup remove r
dm_create r "$line"
equal "the map is whole after a restart" "$remapped" "$(attr r remapped)"
at_least "and of a later generation" "$generation" "$(generation r)"
check "and nothing is lost" tool sectors check /dev/mapper/r 0 /tmp/record end
