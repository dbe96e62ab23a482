#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: reads that take many times the median are slow; with auto_evacuate what is slow is moved while it can be read, within half of the spare.
# Lanes: lockdep

. ./lib/lib.sh
. ./lib/scan.sh

load_module
null_disk disk 40
new_disk spare 8
size=$(sectors_of /dev/disk)
# Two blocks in the last MiB take two seconds each. A pass comes to them late, when it knows how long reads take.
first=$((size - 2048))
dm_create main "0 $first linear /dev/disk 0
$first 16 delay /dev/disk $first 2000 /dev/disk $first 0
$((first + 16)) 2032 linear /dev/disk $((first + 16))"
remap_create r /dev/mapper/main "$spare"
scan_files
check "sectors are written" tool sectors write /dev/mapper/r 0 "$size" 1 --step 64
put 1500 "$scan/../health/slow_ms"
pass 1
equal "slow reads are told" "$first" "$(attr r map/worst | cut -d: -f1)"
match "in the evidence of the next hour, too" "1 weak" \
    "$(date -s "@$((EPOCHSECONDS + 7200))" >/dev/null; cat "$scan/../health/evidence")"
equal "nothing has moved" 0 "$(attr r remapped)"
put 1 "$scan/../health/auto_evacuate"
pass 2
moved=$(attr r remapped)
equal "with auto_evacuate it has" 32 "$moved"
equal "all of the read, and nothing else" "$first $((first + 256))" \
    "$(dmsetup message r 0 list remapped | awk 'NR == 1 { first = $1 } { last = $1 + $2 } END { print first, last }')"
check "its data is there" tool sectors verify /dev/mapper/r 0 "$size" 1 --step 64
