#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a device that goes during a scan stops it, nothing is marked for it, and the scan goes on when it is back; one that is gone for good lets everything go.
# Lanes: lockdep kasan

. ./lib/lib.sh
. ./lib/scan.sh

load_module
scsi_disk disk dev_size_mb=64 delay=0
size=$(sectors_of "$disk")
dm_slice main "$disk" 0 "$size"
new_disk spare 16
remap_create r /dev/mapper/main "$spare"
check "sectors are written" tool sectors write /dev/mapper/r 0 4096 1 --step 64
move r 4096 64 8
scan_files
# 1 MiB a second at most: the pass lasts a minute.
put 1 "$scan/intensity"
put 1024 "$scan/speed_max"
put 1024 "$scan/speed_min"
known="$(attr r health/score) $(attr r map/tracked_regions)"
check "it is told" dmsetup message r 0 scan now
until_true 20 "it reads" scanned_since 64
swap main "0 $size error"
until_true 20 "the disk goes, and it stops" scan_state storm
before=$(attr r scan/sectors_read)
refuse "a user meets that" tool sectors verify /dev/mapper/r 0 64 1
equal "nothing is marked for it, nor moved" "0 8 rw" "$(attr r pending) $(attr r remapped) $(attr r state)"
equal "and it is nothing against the disk" "$known" "$(attr r health/score) $(attr r map/tracked_regions)"
swap main "0 $size linear $disk 0"
until_true 30 "it goes on" scanned_since "$before"
check "all is there" tool sectors verify /dev/mapper/r 0 4096 1 --step 64
need sh -c "echo 1 >/sys/block/${disk##*/}/device/delete"
until_true 20 "it goes for good, and the scan stops" scan_state storm
equal "nothing is marked" "0 8 rw" "$(attr r pending) $(attr r remapped) $(attr r state)"
check "the device goes" dmsetup remove r
