#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a guest boots, and what tests stand on works: tools, disks, device-mapper.
# Lanes: lockdep kasan vm
# Processors: 1
# Module: none

. ./lib/lib.sh

new_disk disk 8
equal "the disk's size" 16384 "$(sectors_of "$disk")"
dm_slice slice "$disk" 1024 2048
check "sectors are written" tool sectors write /dev/mapper/slice 0 2048 1
check "and read through the slice" tool sectors verify /dev/mapper/slice 0 2048 1
refuse "what was not written is told" tool sectors verify /dev/mapper/slice 0 8 2
match "by its generation" "generation 1, expected 2" "$output"
refuse "a sector at another place is told" tool sectors verify "$disk" 1024 8 1
match "by its number" "holds sector 0" "$output"
kernel_did_not_say "I/O error"
