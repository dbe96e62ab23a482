#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: allocations, requests and disks that fail at random under load give errors, and never lose or make up data.
# Lanes: lockdep
# Module: dm-remap tests/guest/recorder
# Timeout: 900

. ./lib/lib.sh
. ./lib/faults.sh

fault_disks
tool sectors faults --seconds 40 --session 8 --stride 12 || fail "faults are not survived"
check "the idle device goes" dmsetup remove idle
check "nothing is left" rmmod dm_remap
