#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: when one copy of the metadata cannot be written, the other one serves alone, says so, and is enough after a restart.
# Lanes: lockdep

. ./lib/lib.sh

load_module
null_disk nmain 16
null_disk nspare 4
remap_create r /dev/nmain /dev/nspare
move r 0 1 1
places=$(log_places /dev/nspare r 64)
first=${places%%$'\n'*}
null_bad nspare $((first + 8)) $((first + 263))
null_bad nmain 128 128
listen_uevents
check "a failing write succeeds with one copy" tool sectors write /dev/mapper/r 128 8 2
equal "the state is rw, one copy degraded" "rw a" "$(attr r state) $(status_field r degraded)"
until_true 5 "it is an event" uevent r degraded
kernel_said "copy A of the metadata cannot be written: the other one serves alone"
check "more changes follow" dmsetup message r 0 remap 192 8
until_true 10 "and are made" remapped r 4
generation=$(generation r)
check "the device goes" dmsetup remove r
null_good nspare $((first + 8)) $((first + 263))
remap_create r /dev/nmain /dev/nspare
equal "the good copy has all" "4 rw" "$(attr r remapped) $(attr r state)"
at_least "of the newest generation" "$generation" "$(generation r)"
check "and the data" tool sectors verify /dev/mapper/r 128 8 2
