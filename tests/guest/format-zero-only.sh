#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a spare area is formatted only where every place of metadata reads as zeros; any other is refused and left as it is.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh

load_module
new_disk main 16
null_disk nspare 4
line=$(remap_table "$main" /dev/nspare)
# A byte in a superblock's place, in either copy of the log, in the part kept for health, at the end.
for sector in 0 8 256 1000 8184; do
    dirt /dev/nspare $sector
    before=$(content /dev/nspare)
    refuse "sector $sector is not zero" dmsetup create x --table "$line"
    kernel_said "remap: spare area is neither blank nor formatted"
    equal "the area is as it was" "$before" "$(content /dev/nspare)"
    # The log says what to do, and that helps.
    advice=$(kernel_log | sed -n 's/.*dm_remap: .*: zeroing it destroys the map .*): //p' | tail -n 1)
    equal "the advice" "blkdiscard -z -o 0 -l 4194304 /dev/nspare" "$advice"
    check "is followed" $advice
done
# In the middle of a device, where it does not touch what is beside it.
dirt /dev/nspare 0
dirt /dev/nspare 4096
refuse "the second half is not zero" dmsetup create x --table "$(remap_table "$main" /dev/nspare 4096 4000)"
kernel_said "dm_remap: .*: zeroing it destroys the map .*: blkdiscard -z -o 2097152 -l 2048000 /dev/nspare$"
need blkdiscard -z /dev/nspare
null_bad nspare 8 15
refuse "a part of it cannot be read" dmsetup create x --table "$line"
null_good nspare 8 15
zeros=$(content /dev/nspare)
# It becomes dirty between the constructor and the resume.
need dmsetup create x --notable
at_exit dm_remove x
check "a blank area is loaded" dmsetup load x --table "$line"
dirt /dev/nspare 0
before=$(content /dev/nspare)
refuse "and is dirty when it is resumed" dmsetup resume x
equal "the area is as it was" "$before" "$(content /dev/nspare)"
check "the device goes" dmsetup remove x
need dd if=/dev/zero of=/dev/nspare bs=4096 count=1 oflag=direct status=none
equal "all is zero again" "$zeros" "$(content /dev/nspare)"
# Old data where spare blocks will lie is no obstacle.
dirt /dev/nspare 3000
remap_create r "$main" /dev/nspare
check "data among the spare blocks is none of metadata's" tool sectors write /dev/mapper/r 0 8 1
before=$(content /dev/nspare)
uuid=$(attr r uuid)
check "the device goes" dmsetup remove r
remap_create r "$main" /dev/nspare
equal "a formatted area is opened, never formatted" "$uuid" "$(attr r uuid)"
