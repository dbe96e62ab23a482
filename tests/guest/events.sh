#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: events reach those who wait for them, after a suspend and a resume as before.
# Lanes: lockdep

. ./lib/lib.sh

load_module
null_disk main 64
new_disk spare 16
remap_create r /dev/main "$spare"
events() { dmsetup info -c --noheadings -o events r; }
null_bad main 80 80
before=$(events)
check "a first block moves" tool sectors write /dev/mapper/r 80 8 1
at_least "that is an event" $((before + 1)) "$(events)"
need dmsetup suspend r
need dmsetup resume r
null_bad main 160 160
before=$(events)
check "a second block moves after a suspend" tool sectors write /dev/mapper/r 160 8 1
at_least "that is an event too" $((before + 1)) "$(events)"
