#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: clear_needs_check writes a bad block of either copy of the metadata again from the other, and ends the use of one copy alone, while I/O goes on; what is bad in both copies changes nothing that is in use.
# Lanes: lockdep kasan
# Timeout: 180

. ./lib/lib.sh

load_module
null_disk nmain 16
null_disk nspare 4
remap_create r /dev/nmain /dev/nspare
move r 0 1 1
places=$(log_places /dev/nspare r 64)
read -r a b <<<"${places//$'\n'/ }"
check "sectors are written" tool sectors write /dev/mapper/r 0 128 1
tool sectors hammer /dev/mapper/r 1024 2048 --writes 4000 >/tmp/hammer 2>&1 &
hammer=$!
for place in $a $b; do
    whole=$(content /dev/nspare "$place" 8)
    dirt /dev/nspare "$place"
    ask r clear_needs_check
    equal "the block is as it was" "$whole" "$(content /dev/nspare "$place" 8)"
done
kernel_said "the metadata was checked: 1 blocks of the log written again"
# The first superblock.
dirt /dev/nspare 0
ask r clear_needs_check
refuse "the superblock is another one than dirt" cmp --bytes=4096 /dev/nspare /tmp/dirt
equal "the map may change" "rw 0" "$(attr r state) $(attr r needs_check)"
if ! wait $hammer; then
    cat /tmp/hammer
    fail "I/O did not go on"
fi
match "I/O went on" "0 failed" "$(</tmp/hammer)"

# A copy that cannot be written for a while.
null_bad nspare $((a + 8)) $((a + 263))
move r 128 8 3
equal "one copy serves alone" "rw a" "$(attr r state) $(status_field r degraded)"
ask r clear_needs_check
equal "and goes on to" "rw a" "$(attr r state) $(status_field r degraded)"
move r 192 8 4
null_good nspare $((a + 8)) $((a + 263))
ask r clear_needs_check
equal "both serve again" "rw -" "$(attr r state) $(status_field r degraded)"
move r 256 8 5
check "the device goes" dmsetup remove r
null_bad nspare "$b" $((b + 263))
remap_create r /dev/nmain /dev/nspare
equal "the copy that was given up has all" "5 rw" "$(attr r remapped) $(attr r state)"
check "and the data" tool sectors verify /dev/mapper/r 0 128 1
null_good nspare "$b" $((b + 263))
ask r clear_needs_check
equal "both serve" "rw -" "$(attr r state) $(status_field r degraded)"

for place in $a $b; do dirt /dev/nspare "$place"; done
ask r clear_needs_check
kernel_said "the metadata could not be checked: log of the spare area "
equal "the map in use is as it was" "5 rw" "$(attr r remapped) $(attr r state)"
check "and the data" tool sectors verify /dev/mapper/r 0 128 1
