#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: while no superblock can be written nothing is remapped, which is told once, and it goes on by itself when one can.
# Lanes: lockdep

. ./lib/lib.sh

load_module
null_disk nmain 16
null_disk nspare 4
remap_create r /dev/nmain /dev/nspare
null_bad nmain 128 128
for place in 0 2048; do null_bad nspare $place $((place + 7)); done
listen_uevents
refuse "a failing write fails" tool sectors write /dev/mapper/r 128 8 2
equal "nothing is in doubt, and no copy is there" "rw - ab" "$(attr r state) $(status_word r 6) $(status_field r degraded)"
until_true 5 "it is an event" uevent r degraded
refuse "the next one, too" tool sectors write /dev/mapper/r 128 8 2
equal "it is told once" 1 "$(kernel_log | grep -c "neither copy of the metadata can be written: nothing is remapped")"
for place in 0 2048; do null_good nspare $place $((place + 7)); done
check "a failing write succeeds again" tool sectors write /dev/mapper/r 128 8 2
equal "both copies serve" "1 rw -" "$(attr r remapped) $(attr r state) $(status_field r degraded)"
check "and the data" tool sectors verify /dev/mapper/r 128 8 2
