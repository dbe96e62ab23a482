#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: writes that fail everywhere stop the remapping, with an event, and it goes on by itself when writes work again.
# Lanes: lockdep kasan
# Timeout: 120

. ./lib/lib.sh

load_module
null_disk nmain 512
new_disk spare 16
remap_create r /dev/nmain "$spare" 0 "" error_policy any
equal "there is no storm" - "$(status_word r 7)"
region=32768
for n in {0..12} 20; do null_bad nmain $((n * region)) $((n * region + 7)); done
listen_uevents
before=$(events r)
for n in {0..6}; do
    check "a write to another region moves" tool sectors write /dev/mapper/r $((n * region)) 8 1
done
refuse "the eighth without a success is an error" tool sectors write /dev/mapper/r $((7 * region)) 8 1
equal "it is a storm" storm "$(status_word r 7)"
until_true 10 "with an event" had_events r $((before + 1))
told() { [[ -n $(uevent r storm) ]]; }
until_true 10 "and a uevent" told
kernel_said "nothing is remapped until that is over"
for n in {8..12}; do
    refuse "errors are passed up" tool sectors write /dev/mapper/r $((n * region)) 8 1
done
equal "and nothing moves" 7 "$(attr r remapped)"
check "what has moved can be written" tool sectors write /dev/mapper/r $((3 * region)) 8 2
check "an administrator may still move what he wants" dmsetup message r 0 remap $((20 * region))
until_true 10 "it has moved" remapped r 8

# The disk takes writes again, all but one.
for n in {0..12}; do null_good nmain $((n * region)) $((n * region + 7)); done
null_bad nmain $((30 * region)) $((30 * region))
calm() {
    tool sectors write /dev/mapper/r $((9 * region)) 8 3 && [[ $(status_word r 7) == - ]]
}
until_true 40 "the storm ends with a write that works" calm
kernel_said "blocks are remapped again"
check "a bad block moves again" tool sectors write /dev/mapper/r $((30 * region)) 8 1
equal "that one" 9 "$(attr r remapped)"
check "all data is there" tool sectors verify /dev/mapper/r $((3 * region)) 8 2
check "on main as well" tool sectors verify /dev/mapper/r $((9 * region)) 8 3
