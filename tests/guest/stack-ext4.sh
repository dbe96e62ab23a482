#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: ext4 sees nothing of a disk that goes bad under it: its files are there, and e2fsck finds nothing.
# Lanes: lockdep
# Module: dm-remap tests/guest/weak
# Memory: 768

. ./lib/lib.sh
. ./lib/stack.sh

load_module
failing_remap r 64
more_fails r
check "a file system is made" mkfs.ext4 -q -E lazy_itable_init=0 /dev/mapper/r
has_moved r 2 "making it"
mounted ext4 /dev/mapper/r
in_use r
check "it is unmounted" unmount
check "e2fsck finds nothing" e2fsck -fn /dev/mapper/r
restart r
mounted ext4 /dev/mapper/r
files_are_there
check "it is unmounted" unmount
came_through r
