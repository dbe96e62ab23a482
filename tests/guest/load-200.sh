#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the module is loaded, makes a device that remaps, and is unloaded two hundred times, and nothing is left behind.
# Lanes: lockdep
# Timeout: 1800

. ./lib/lib.sh

load dm-mod
new_disk main 4
new_disk spare 4
# Nearly all that happens here would be waiting for RCU.
put 1 /sys/kernel/rcu_expedited
table=$(remap_table "$main" "$spare")
check "two hundred rounds" tool sectors cycle "$GUEST_MODULE" 200 "$table"
load_module
dm_create r "$table"
# The device may go before the move that was asked for began.
at_least "many of them moved their block" 50 "$(attr r remapped)"
kernel_did_not_say "not closed in order"
