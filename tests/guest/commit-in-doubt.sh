#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a commit that neither copy took is in doubt: ro and needs_check, that block reads as before and refuses writes, all else goes on.
# Lanes: lockdep

. ./lib/lib.sh

load_module
null_disk nmain 16
null_disk nspare 4
remap_create r /dev/nmain /dev/nspare
check "a block far away is written" tool sectors write /dev/mapper/r 16384 64 1 --step 64
# The first change opens the session; the second one shows where the log goes on.
move r 0 1 1
places=$(log_places /dev/nspare r 64)
equal "a commit goes to two places" 2 "$(wc -l <<<"$places")"
for place in $places; do
    null_bad nspare $((place + 8)) $((place + 263))
done
null_bad nmain 16400 16400
generation=$(generation r)
listen_uevents
refuse "a failing write whose commit fails is an error" tool sectors write /dev/mapper/r 16400 8 2
equal "the state is" "ro 1" "$(attr r state) $(attr r needs_check)"
equal "and in the status line" "ro needs_check" "$(status_word r 5) $(status_word r 6)"
kernel_said "the map cannot change any more"
until_true 5 "it is an event" uevent r state
equal "nothing was acknowledged" "$generation 2" "$(generation r) $(attr r remapped)"
equal "the block is where it was" "16400 main" "$(where r 16400)"
null_good nmain 16400 16400
refuse "writes to it fail, even where main is good" tool sectors write /dev/mapper/r 16401 1 2
check "its sectors are as main has them" tool sectors verify /dev/mapper/r 16400 1 1
check "writes to other blocks go on" tool sectors write /dev/mapper/r 16408 8 2
check "and to moved ones" tool sectors write /dev/mapper/r 0 8 2
check "and reads" tool sectors verify /dev/mapper/r 0 8 2
refuse "the map does not change" dmsetup message r 0 remap 4096
match "and says so" "Read-only file system" "$output"
null_bad nmain 8192 8192
refuse "a failing write elsewhere is an error" tool sectors write /dev/mapper/r 8192 8 2
null_good nmain 8192 8192
for place in $places; do
    null_good nspare $((place + 8)) $((place + 263))
done
check "the device goes" dmsetup remove r
remap_create r /dev/nmain /dev/nspare
equal "it has to be checked still after a restart" "ro 1" "$(attr r state) $(attr r needs_check)"
equal "without the change that was in doubt" 2 "$(attr r remapped)"
check "what was moved is there" tool sectors verify /dev/mapper/r 0 8 2
check "and the others" tool sectors verify /dev/mapper/r 16408 8 2
