#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a disk that goes in the midst of a pass and comes back leaves no gap in it, and a place that fails by itself does not hold it up and is told.
# Lanes: lockdep

. ./lib/lib.sh
. ./lib/scan.sh

load_module
null_disk disk 64 memory_backed=0
size=$((64 * 2048))
dm_slice base /dev/disk 0 $size
dm_slice main /dev/mapper/base 0 $size
new_disk spare 16
remap_create r /dev/mapper/main "$spare"
scan_files
put 8192 "$scan/speed_max"
put 8192 "$scan/speed_min"
# What of the disk below was read, for each 128 KiB: start+len, reads and sectors.
need dmsetup message base 0 @stats_create - 256 >/dev/null
counted() {
    dmsetup message base 0 @stats_print 0 | awk '$2 { print $1, $2, $4 }'
}
check "it is told" dmsetup message r 0 scan now
until_true 20 "it reads" scanned_since 64
swap main "0 $size error"
until_true 20 "the disk goes, and it stops" scan_state storm
at_most "in the midst of the pass" $((size - 1)) "$(attr r scan/sectors_read)"
swap main "0 $size linear /dev/mapper/base 0"
until_true 60 "the pass ends when it is back" passes 1
counted >/tmp/read
equal "all of it was read" 512 "$(wc -l </tmp/read)"
equal "and once" "" "$(awk '$2 != 1 || $3 != 256' /tmp/read)"
need dmsetup message r 0 scan stop
if [[ $(cat "$scan/../health/evidence") != *storm* ]]; then fail "a disk that goes is no storm"; fi
need dmsetup message r 0 health reset
# No error of the medium, so it is not narrowed; and it is there each time.
swap main "0 1000 linear /dev/mapper/base 0
1000 8 error
1008 $((size - 1008)) linear /dev/mapper/base 1008"
need dmsetup message base 0 @stats_clear 0
check "it is told" dmsetup message r 0 scan now
until_true 90 "the pass ends all the same" passes 1
counted >/tmp/read
# Its neighbours in one read with it, each time; and a little elsewhere, to see whether the disk is there.
equal "all else was read" 511 "$(awk '$1 != "768+256" && $3 >= 256' /tmp/read | wc -l)"
equal "nothing is marked for it" "0 rw" "$(attr r pending) $(attr r state)"
if [[ $(cat "$scan/../health/evidence") == *storm* ]]; then fail "one place makes a storm: $(cat "$scan/../health/evidence")"; fi
kernel_said "the scan leaves out 256 sectors from 768 on,"
