#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: f2fs sees nothing of a disk that goes bad under it: its files are there, and fsck.f2fs finds nothing.
# Lanes: vm
# Module: dm-remap tests/guest/weak kernel:fs/f2fs:F2FS_FS
# Files: stacks
# Memory: 1024

. ./lib/lib.sh
. ./lib/stack.sh

load_module
need insmod "${GUEST_MODULE%/*}/f2fs.ko"
at_exit rmmod f2fs
failing_remap r 128
more_fails r
check "a file system is made" mkfs.f2fs -q /dev/mapper/r
has_moved r 2 "making it"
mounted f2fs /dev/mapper/r
in_use r
check "it is unmounted" unmount
check "fsck.f2fs finds nothing" fsck.f2fs --dry-run /dev/mapper/r
restart r
mounted f2fs /dev/mapper/r
files_are_there
check "it is unmounted" unmount
came_through r
