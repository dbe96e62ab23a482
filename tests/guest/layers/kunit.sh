#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the KUnit suite of the safe layers passes, every case of it.
# Lanes: lockdep kasan
# Module: tests/guest/layers

. ../lib/lib.sh

# The cases that the source has.
cases=$(grep -c '^ *#\[test\]' suite.rs)
at_least "there are so many cases" 10 "$cases"
# Loading the module runs them.
load dm-mod
need insmod "${GUEST_MODULE%/*}/layers.ko"
check "the module goes" rmmod layers
results=$(kernel_log | sed -n 's/^\[ *[0-9.]*\] //; /# Subtest: dm_remap_layers$/,/ok 1 dm_remap_layers/p')
match "the plan names them all" "1\.\.$cases"$'\n' "$results"
equal "so many passed" "$cases" "$(grep -cE '^ +ok [0-9]+ [a-z_]+$' <<<"$results")"
refuse "none failed or was skipped" grep -E 'not ok|# SKIP' <<<"$results"
match "and with them the suite" $'\n'"ok 1 dm_remap_layers\$" "$results"
