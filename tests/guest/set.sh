#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: set changes a feature while the device runs, at once, and dmsetup table prints what is in force.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 4
line="0 32768 remap /dev/nmain $spare 0 8192"
dm_create r "$line 1 no_auto_remap"
null_bad nmain 8 8
null_bad nmain 80 80
null_bad nmain 160 160
refuse "nothing moves by itself" tool sectors write /dev/mapper/r 8 8 1
equal "it is allowed" "" "$(dmsetup message r 0 set auto_remap on)"
match "the table says so" " 0 8192$" "$(dmsetup table r)"
check "a failing write moves its block" tool sectors write /dev/mapper/r 8 8 1
need dmsetup message r 0 set error_policy medium
match "the table has the policy" " 2 error_policy medium$" "$(dmsetup table r)"
refuse "a plain error is not the medium's" tool sectors write /dev/mapper/r 80 8 1
need dmsetup message r 0 set error_policy any
need dmsetup message r 0 set auto_remap off
match "the table has both" " 3 error_policy any no_auto_remap$" "$(dmsetup table r)"
refuse "nothing moves" tool sectors write /dev/mapper/r 80 8 1
printed=$(dmsetup table r)
need dmsetup suspend r
need dmsetup resume r
equal "a suspend changes nothing" "$printed" "$(dmsetup table r)"
need dmsetup message r 0 set auto_remap on
check "now it moves" tool sectors write /dev/mapper/r 80 8 1
equal "two moved" 2 "$(attr r remapped)"
# A reload brings the features of its line.
need dmsetup message r 0 set auto_remap off
need dmsetup load r --table "$line"
need dmsetup resume r
match "they are the new line's" " 0 8192$" "$(dmsetup table r)"
check "and in force" tool sectors write /dev/mapper/r 160 8 1
equal "three moved" 3 "$(attr r remapped)"
