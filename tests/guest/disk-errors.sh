#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the failing disks that tests use fail as they should: where, how, and nowhere else.
# Lanes: vm
# Module: none
# Disk: bad 16M read=2048 write=4096 eio=8192
# Disk: large 16M block=4096

. ./lib/lib.sh

disk_named bad bad
disk_named large large
equal "the disk's size" 32768 "$(sectors_of "$bad")"
equal "the large disk's block" 4096 "$(blockdev --getss "$large")"
check "good sectors are written" tool sectors write "$bad" 0 2048 1
check "and read" tool sectors verify "$bad" 0 2048 1
refuse "a bad sector cannot be read" tool sectors verify "$bad" 2048 8 0
kernel_said "critical medium error, dev ${bad#/dev/}, sector 2048 op 0x0:\(READ\)"
check "its neighbour can" tool sectors verify "$bad" 2056 8 0
refuse "a bad sector cannot be written" tool sectors write "$bad" 4096 8 1
refuse "nor one with a plain error" tool sectors write "$bad" 8192 8 1
kernel_said "dev ${bad#/dev/}, sector 8192 op 0x1:\(WRITE\)"

scsi_disk scsi dev_size_mb=16
check "a SCSI disk is written" tool sectors write "$scsi" 0 64 1
scsi_fail_writes 0x3 0xc 0x0
refuse "until its writes fail" tool sectors write "$scsi" 0 8 2
kernel_said "I/O error, dev ${scsi#/dev/}, sector 0 op 0x1:\(WRITE\)"
scsi_heal_writes
check "and when they do not any more" tool sectors write "$scsi" 0 8 3
check "they are read" tool sectors verify "$scsi" 0 8 3

null_disk nb 16
null_bad nb 100 101
check "sectors before a bad one are written" tool sectors write /dev/nb 0 100 1 --step 4
refuse "a bad one is not" tool sectors write /dev/nb 100 4 1
null_good nb 100 101
check "and is when it is good again" tool sectors write /dev/nb 100 4 1
