#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: suspend and resume lose nothing, and while suspended no I/O reaches either device.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 8
remap_create r /dev/nmain "$spare" 0 16384 error_policy any
for ((at = 3; at < 4096; at += 64)); do
    echo "+$at-$at" >/sys/kernel/config/nullb/nmain/badblocks
done
# Failing writes are in flight all the time.
tool sectors hammer /dev/mapper/r 0 4096 --writers 4 --readers 0 --writes 200 --longest 64 --unit 8 \
    --record /tmp/record &
hammer=$!
rounds=0
while kill -0 $hammer 2>/dev/null; do
    need dmsetup suspend --nolockfs r
    before="$(</sys/block/nmain/stat) $(<"/sys/block/${spare##*/}/stat")"
    refuse "a change is refused" dmsetup message r 0 remap 8000 >/dev/null
    equal "nothing is in flight below" "0 0 0 0" \
        "$(awk '{ printf "%s%s %s", n++ ? " " : "", $1, $2 }' /sys/block/nmain/inflight "/sys/block/${spare##*/}/inflight")" >/dev/null
    after="$(</sys/block/nmain/stat) $(<"/sys/block/${spare##*/}/stat")"
    need dmsetup resume r
    [[ $before == "$after" ]] || fail "I/O reached a device while suspended: $before, then $after"
    : $((rounds += 1))
done
wait $hammer || fail "the hammer found an error"
at_least "there were so many rounds" 3 $rounds
# What was never written is not remapped, and can be read now.
null_good nmain 0 4095
check "nothing is lost" tool sectors check /dev/mapper/r 0 /tmp/record end
remapped=$(attr r remapped)
at_least "blocks were remapped" 32 "$remapped"
check "the device goes" dmsetup remove r
remap_create r /dev/nmain "$spare"
equal "the map is whole after a restart" "$remapped" "$(attr r remapped)"
check "and nothing is lost" tool sectors check /dev/mapper/r 0 /tmp/record end
