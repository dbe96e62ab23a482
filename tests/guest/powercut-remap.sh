#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: after a power cut at any of 200 moments, what was acknowledged and flushed is there, and no read gives garbage.
# Lanes: lockdep
# Memory: 1024
# Timeout: 1800

. ./lib/lib.sh
. ./lib/powercut.sh

load_module
cut_disk main 1
cut_disk spare 3
main_len=$((1 * 2048 - 8)) spare_len=$((3 * 2048 - 8))
dust_disk dust /dev/mapper/main-gate 512
# A sector that refuses one write is good again at the lone attempt. The others refuse both of those, and the
# one after the probe as well: their block moves.
dust_bad_many dust 100 31 $main_len 1
dust_bad_many dust 115 31 $main_len 4
remap_create r /dev/mapper/dust /dev/mapper/spare-gate 0 $spare_len
dust_on dust
check "writes over bad sectors succeed" tool sectors hammer /dev/mapper/r 0 $main_len --writers 4 \
    --readers 0 --writes 804 --cut-every 4 --log main --log spare --record /tmp/record
at_least "blocks were remapped meanwhile" 40 "$(attr r remapped)"
need dmsetup remove r
need dmsetup remove dust
# Devices of a kind share caches of requests; while this one has them, no removal waits for their end.
new_disk idle 4
new_disk idle_spare 4
remap_create idle "$idle" "$idle_spare"
cuts=$(cut_all 1 /tmp/record "0 $main_len remap main_disk spare_disk 0 $spare_len" main spare 2>&1) ||
    fail "something is lost by a cut: $cuts"
at_least "nothing is lost by so many cuts" 200 "${cuts% cuts}"
