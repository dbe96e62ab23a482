#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: clear_needs_check decides what is in doubt for good, and then the map may change again; if the area cannot be read or written, nothing changes.
# Lanes: lockdep kasan
# Timeout: 180

. ./lib/lib.sh

load_module
null_disk nmain 16
null_disk nspare 4
remap_create r /dev/nmain /dev/nspare
check "sectors are written" tool sectors write /dev/mapper/r 16384 64 1 --step 64
move r 0 1 1
places=$(log_places /dev/nspare r 64)
for place in $places; do
    null_bad nspare $((place + 8)) $((place + 263))
done
null_bad nmain 16400 16400
refuse "a failing write whose commit fails is an error" tool sectors write /dev/mapper/r 16400 8 2
null_good nmain 16400 16400
equal "the state is" "ro 1" "$(attr r state) $(attr r needs_check)"
refuse "its block is not written" tool sectors write /dev/mapper/r 16400 8 2
# The log still cannot be read where it goes on.
equal "a check is queued" "queued" "$(dmsetup message r 0 clear_needs_check)"
until_true 10 "it has ended" idle r
kernel_said "the metadata could not be checked: "
equal "and found nothing out" "ro 1" "$(attr r state) $(attr r needs_check)"
check "the block reads as before" tool sectors verify /dev/mapper/r 16400 1 1
for place in $places; do
    null_good nspare $((place + 8)) $((place + 263))
done
events=$(events r)
ask r clear_needs_check
equal "the map may change" "rw 0" "$(attr r state) $(attr r needs_check)"
equal "and the status says so" "rw -" "$(status_word r 5) $(status_word r 6)"
at_least "it is an event" $((events + 1)) "$(events r)"
kernel_said "the map may change again"
equal "what was in doubt is revoked" "16400 main" "$(where r 16400)"
check "the block is written again" tool sectors write /dev/mapper/r 16400 8 3
null_bad nmain 8192 8192
check "a failing write moves its block" tool sectors write /dev/mapper/r 8192 8 2
equal "so there are three" 3 "$(attr r remapped)"
check "the device goes" dmsetup remove r
null_good nmain 8192 8192
remap_create r /dev/nmain /dev/nspare
equal "nothing is to be checked after a restart" "rw 0 3" "$(attr r state) $(attr r needs_check) $(attr r remapped)"
check "what was written after the check is there" tool sectors verify /dev/mapper/r 16400 8 3
check "and what moved" tool sectors verify /dev/mapper/r 8192 8 2
# The same, with the check after a restart.
places=$(log_places /dev/nspare r 128)
for place in $places; do
    null_bad nspare $((place + 8)) $((place + 263))
done
null_bad nmain 16408 16408
refuse "once more" tool sectors write /dev/mapper/r 16408 8 2
for place in $places; do
    null_good nspare $((place + 8)) $((place + 263))
done
null_good nmain 16408 16408
check "the device goes" dmsetup remove r
remap_create r /dev/nmain /dev/nspare
equal "it has to be checked" "ro 1" "$(attr r state) $(attr r needs_check)"
ask r clear_needs_check
equal "it is checked" "rw 0" "$(attr r state) $(attr r needs_check)"
move r 256 1 5
