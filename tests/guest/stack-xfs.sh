#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: xfs sees nothing of a disk that goes bad under it: its files are there, and xfs_repair finds nothing.
# Lanes: vm
# Module: dm-remap tests/guest/weak
# Files: stacks
# Memory: 1024

. ./lib/lib.sh
. ./lib/stack.sh

load_module
load xfs
# Not a loop device, whose file system cannot make zeros: those of the log would be written block by block.
null_disk nbelow 320 blocksize=4096
failing_remap r /dev/nbelow
# Where the first superblock is.
weak_bad r-disk 0 64
check "a file system is made" mkfs.xfs -q /dev/mapper/r
has_moved r 2 "making it"
more_fails r
mounted xfs /dev/mapper/r
in_use r
check "it is unmounted" unmount
check "xfs_repair finds nothing" xfs_repair -n /dev/mapper/r
restart r
mounted xfs /dev/mapper/r
files_are_there
check "it is unmounted" unmount
came_through r
