#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: every reply of a message reaches the terminal, and is right.
# Lanes: lockdep kasan vm
# Processors: 1

. ./lib/lib.sh

load_module
new_disk main 16
new_disk spare 4
remap_create r "$main" "$spare"
match "help lists the messages" "remap S.*evacuate S.*retest S.*mark S.*unmark S.*query S.*list .*set .*clear_needs_check.*reset_stats.*help" "$(dmsetup message r 0 help | tr '\n' ' ')"
equal "a sector of main" "9 main" "$(where r 9)"
equal "an empty list is empty" "" "$(dmsetup message r 0 list)"
equal "remap says what it did" "queued 17 sectors from 15" "$(dmsetup message r 0 remap 15 17)"
until_true 5 "three blocks moved: those that the sectors touch" remapped r 3
equal "none in front" "7 main" "$(where r 7)"
match "a sector of the spare" "^15 spare [0-9]+ 7$" "$(where r 15)"
match "and the last" "^31 spare [0-9]+ 7$" "$(where r 31)"
equal "none behind" "32 main" "$(where r 32)"
match "the list says the same" "^8 8 remapped [0-9]+
16 8 remapped [0-9]+
24 8 remapped [0-9]+$" "$(dmsetup message r 0 list)"
match "from the middle on" "^16 8 remapped [0-9]+
24 8 remapped [0-9]+$" "$(dmsetup message r 0 list remapped from 20)"
equal "one sector if there is no number" "queued 1 sectors from 15" "$(dmsetup message r 0 remap 15)"
# A list with many lines comes in pages.
need dmsetup message r 0 remap 4096 2400 >/dev/null
until_true 20 "300 more blocks moved" remapped r 303
page=$(dmsetup message r 0 list)
match "the first page names the next" "more from ([0-9]+)$" "$page"
next=${BASH_REMATCH[1]}
rest=$(dmsetup message r 0 list from "$next")
equal "both pages make the list" 303 "$(printf '%s\n%s\n' "$page" "$rest" | grep -c remapped)"
equal "without a line twice" 303 "$(printf '%s\n%s\n' "$page" "$rest" | grep remapped | sort -u | wc -l)"
