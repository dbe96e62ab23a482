#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: on NVMe disks as main and spare, a write that fails ends as success on the spare, a read that fails is pending, and all is found again.
# Lanes: vm
# Disk: old 32M bus=nvme eio=1003,40000 read=5000
# Disk: new 16M bus=nvme

. ./lib/lib.sh

load_module
disk_named main old
disk_named spare new
match "main is an NVMe disk" "^/dev/nvme[0-9]+n1$" "$main"
remap_create r "$main" "$spare"
check "writes succeed over sectors that fail" tool sectors write /dev/mapper/r 0 65536 1 --step 1024
kernel_said "nvme.*(Write Fault|sector [0-9]+ op 0x1:\(WRITE\))"
match "their blocks moved" "^1000 8 remapped [0-9]+
40000 8 remapped [0-9]+$" "$(dmsetup message r 0 list)"
refuse "a sector cannot be read" tool sectors verify /dev/mapper/r 4096 1024 1 --step 1024
match "it is pending" "^5000 [18] pending" "$(dmsetup message r 0 list pending)"
check "all others can" tool sectors verify /dev/mapper/r 0 5000 1 --step 8
check "behind it" tool sectors verify /dev/mapper/r 5008 60528 1 --step 1024
check "main has the old data" tool sectors verify "$main" 1003 1 0
check "the device goes" dmsetup remove r
remap_create r "$main" "$spare"
equal "the map is there after a restart" 2 "$(attr r remapped)"
check "a write over the pending sector succeeds" tool sectors write /dev/mapper/r 5000 8 2
check "it can be read" tool sectors verify /dev/mapper/r 5000 8 2
check "with all the rest" tool sectors verify /dev/mapper/r 5008 60528 1 --step 1024
