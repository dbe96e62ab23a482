#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a read-ahead that fails is an error and no more: it is not tried again, nothing is recorded of it, and whoever asked for data gets it.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 4
remap_create r /dev/nmain "$spare" 0 8192 error_policy any
check "sectors are written" tool sectors write /dev/mapper/r 0 1024 1 --step 256
need blockdev --setra 256 /dev/mapper/r
null_bad nmain 16 16
before=$(counter /dev/nmain read_sectors)
check "the first page is read, and those behind it are read ahead" dd if=/dev/mapper/r of=/tmp/page bs=4096 count=1 status=none
at_least "more was asked for than that" $((before + 32)) "$(counter /dev/nmain read_sectors)"
check "it is what was written" cmp --bytes=4096 /tmp/page /dev/nmain
equal "what was read ahead and failed is recorded nowhere" "0 0 0" \
    "$(attr r pending) $(attr r remapped) $(status_field r read_errors)"
refuse "whoever asks for the bad sector itself" dd if=/dev/mapper/r of=/dev/null bs=4096 skip=2 count=1 status=none
equal "gets an error, which is recorded" "16 1 pending" "$(dmsetup message r 0 list)"
