#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: btrfs sees nothing of a disk that goes bad under it: its files are there, and scrub and check find nothing.
# Lanes: vm
# Module: dm-remap tests/guest/weak
# Files: stacks
# Memory: 1024

. ./lib/lib.sh
. ./lib/stack.sh

load_module
load btrfs
failing_remap r 192
more_fails r
check "a file system is made" mkfs.btrfs -q /dev/mapper/r
has_moved r 2 "making it"
mounted btrfs /dev/mapper/r
in_use r
check "it is scrubbed" btrfs scrub start -B /tmp/mount
scrubbed=$(btrfs scrub status --raw /tmp/mount)
match "all of it" "Status: +finished.*Total to scrub: +[1-9][0-9]{7}" "$(tr '\n' ' ' <<<"$scrubbed")"
match "without errors" "no errors found" "$scrubbed"
check "no error was counted" btrfs device stats --check /tmp/mount
check "it is unmounted" unmount
check "btrfs check finds nothing" btrfs check --readonly /dev/mapper/r
restart r
mounted btrfs /dev/mapper/r
files_are_there
check "it is unmounted" unmount
came_through r
