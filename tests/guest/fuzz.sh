#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: thousands of messages and table lines that are wrong are refused with an error and a line of their own each, and change nothing.
# Lanes: lockdep kasan
# Processors: 1
# Timeout: 900

. ./lib/lib.sh

load_module
new_disk main 16
new_disk spare 4
remap_create r "$main" "$spare"
move r 8 64 8
ask r mark 4096 16
before="$(content "$main") $(content "$spare")"
status=$(dmsetup status r)
tool sectors fuzz r 4000 1500 | tee /tmp/fuzz
((PIPESTATUS[0] == 0)) || fail "what is wrong was taken, or changed something"
refused=$(sed -n 's/^messages refused \([0-9]*\),.*/\1/p' /tmp/fuzz)
at_least "so many messages were wrong" 3000 "$refused"
kernel_log | grep -c ': message: ' >/tmp/lines
equal "each had its line" "$refused" "$(cat /tmp/lines)"
equal "the status is as it was" "$status" "$(dmsetup status r)"
equal "and so are the disks" "$before" "$(content "$main") $(content "$spare")"
move r 256 8 9
check "the device goes" dmsetup remove r
remap_create r "$main" "$spare"
equal "and comes back with what it had" 9 "$(attr r remapped)"
