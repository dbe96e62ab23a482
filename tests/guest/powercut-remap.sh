#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: after a power cut at any moment, what was acknowledged and flushed is there, and no read gives garbage.
# Lanes: lockdep
# Memory: 1024
# Timeout: 300

. ./lib/lib.sh
. ./lib/powercut.sh

load_module
cut_disk main 4
cut_disk spare 8
main_len=$((4 * 2048 - 8)) spare_len=$((8 * 2048 - 8))
dust_disk dust /dev/mapper/main-gate 512
dust_bad_many dust 100 61 $main_len 1
dust_bad_many dust 130 61 $main_len 3
remap_create r /dev/mapper/dust /dev/mapper/spare-gate 0 $spare_len
dust_on dust
check "writes over bad sectors succeed" tool sectors hammer /dev/mapper/r 0 $main_len --writers 4 \
    --readers 0 --writes 800 --cut-every 4 --log main --log spare --record /tmp/record
dmsetup status r
remapped=$(attr r remapped)
at_least "blocks were remapped meanwhile" 40 "$remapped"
need dmsetup remove r
need dmsetup remove dust
check "nothing is lost by a cut" cut_all 1 /tmp/record \
    "0 $main_len remap main_disk spare_disk 0 $spare_len" main spare
