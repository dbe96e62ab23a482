#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a test that cannot clean up after itself is failed.
# Lanes: lockdep
# Processors: 1
# Module: none
# Caught: the test ended with 1

. ../lib/lib.sh
new_disk disk 4
dm_slice below "$disk" 0 1024
need dmsetup create above --table "0 1024 linear /dev/mapper/below 0"
