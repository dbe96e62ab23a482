#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the constructor only reads: a table that is loaded and never resumed has changed nothing; the first resume formats, and only what is zero.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh

load_module
null_disk nmain 16
null_disk copied 16
new_disk spare 4
new_disk copy 4
zeros=$(content "$spare")
line=$(remap_table /dev/nmain "$spare")
need dmsetup create r --notable
at_exit dm_remove r
writes="$(counter /dev/nmain writes) $(counter "$spare" writes) $(counter "$spare" flushes)"
check "a table is loaded" dmsetup load r --table "$line"
check "and thrown away" dmsetup clear r
check "and loaded again" dmsetup load r --table "$line"
equal "no device saw a write or a flush" "$writes" \
    "$(counter /dev/nmain writes) $(counter "$spare" writes) $(counter "$spare" flushes)"
equal "the spare is still blank" "$zeros" "$(content "$spare")"
check "the first resume" dmsetup resume r
kernel_said "formatting the spare area"
[[ $zeros != "$(content "$spare")" ]] || fail "nothing was formatted"
equal "main was not written" 0 "$(counter /dev/nmain writes)"

# What an open session leaves after a crash: a copy of an area that is in use.
move r 8 8 1
raw_copy "$spare" "$copy"
before=$(content "$copy")
writes="$(counter "$copy" writes) $(counter "$copy" flushes)"
need dmsetup create c --notable
at_exit dm_remove c
check "a table over an area that was not closed is loaded" \
    dmsetup load c --table "$(remap_table /dev/copied "$copy")"
equal "nothing was settled yet" "$writes" "$(counter "$copy" writes) $(counter "$copy" flushes)"
equal "the area is as it was" "$before" "$(content "$copy")"
refuse "while the original is in use, its copy is not served" dmsetup resume c
kernel_said "in use by another remap device"
equal "and stays as it was" "$before" "$(content "$copy")"
need dmsetup remove r
check "the first resume settles it" dmsetup resume c
equal "with the map in it" 1 "$(attr c remapped)"
kernel_said "not closed in order"
