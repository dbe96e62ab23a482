#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: readers and writers agree while blocks under them fail and move, and suspends and reloads come all the time.
# Lanes: lockdep kasan
# Timeout: 1200

. ./lib/lib.sh

load_module
new_disk below 8
dust_disk dusty "$below"
new_disk spare 16
line="$(remap_table /dev/mapper/dusty "$spare")"
dm_create r "$line"
# In the second half, sectors refuse writes (and give an error to whoever reads them before); in the
# first, the blocks move by messages while they are read as well.
dust_bad_many dusty 8201 29 16384 9
dust_on dusty
hammer() {
    "$GUEST_TOOLS/sectors" hammer /dev/mapper/r "$1" 8192 --writers 3 --readers "$2" --writes "$3" --seed "$1" \
        --longest 24 --record "/tmp/record.$1" &
}
hammer 0 2 1500
first=$!
hammer 8192 0 600
second=$!
# A move is refused while the device is suspended.
movers() {
    local at
    for ((at = $1; at < 8192; at += 128)); do
        dmsetup message r 0 remap $at 64 >/dev/null 2>&1
    done
}
movers 0 &
mover=$!
movers 64 &
rounds=0
while kill -0 $first 2>/dev/null || kill -0 $second 2>/dev/null || kill -0 $mover 2>/dev/null; do
    need dmsetup suspend --nolockfs r
    need dmsetup resume r
    feature="2 error_policy any"
    if ((rounds % 2)); then feature="2 error_policy confirm"; fi
    need dmsetup load r --table "$line $feature"
    need dmsetup resume --nolockfs r
    : $((rounds += 1))
done
wait $first || fail "readers and writers do not agree"
wait $second || fail "the writers over bad sectors found an error"
wait
at_least "there were so many suspends and reloads" 5 $rounds
at_least "blocks were remapped" 400 "$(attr r remapped)"
check "what was read is there" tool sectors check /dev/mapper/r 0 /tmp/record.0 end
dust_off dusty
check "and so is what was on bad sectors" tool sectors check /dev/mapper/r 8192 /tmp/record.8192 end
remapped=$(attr r remapped)
check "the device goes" dmsetup remove r
dm_create r "$line"
equal "the map is whole after a restart" "$remapped" "$(attr r remapped)"
check "and so is the data" tool sectors check /dev/mapper/r 0 /tmp/record.0 end
check "of both halves" tool sectors check /dev/mapper/r 8192 /tmp/record.8192 end
