#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a pass over 1 GiB reads each sector once and no other, counted by the disk for each 128 KiB of it, and spare blocks that are in use, once.
# Lanes: lockdep vm

. ./lib/lib.sh
. ./lib/scan.sh

load_module
null_disk disk 1024 memory_backed=0
null_disk disk2 16
dm_slice main /dev/disk 0 $((1024 * 2048))
dm_slice spare /dev/disk2 0 $((16 * 2048))
remap_create r /dev/mapper/main /dev/mapper/spare
move r 4096 800 100
scan_files
# areas NAME SECTORS: lets the disk count for each so many of its sectors. counted NAME: start+len, reads and sectors
# of each that was read.
areas() {
    need dmsetup message "$1" 0 @stats_create - "$2" >/dev/null
}
counted() {
    dmsetup message "$1" 0 @stats_print 0 | awk '$2 { print $1, $2, $4 }'
}
areas main 256
areas spare 8
pass 1
counted main >/tmp/main
# From 4096 to 4896 nothing is to be read of main: three of its 8192 areas, and 32 sectors of the next one.
equal "so many areas of main were read" 8189 "$(wc -l </tmp/main)"
equal "once, and whole, but for this one" "4864+256 1 224" "$(awk '$2 != 1 || $3 != 256' /tmp/main)"
equal "and not where everything has moved" "" "$(grep -E '^(4096|4352|4608)[+]' /tmp/main)"
counted spare >/tmp/spare
equal "spare blocks that were read" 100 "$(awk '$3 == 8' /tmp/spare | wc -l)"
