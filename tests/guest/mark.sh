#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: mark and unmark set what is pending, durably, many at a time; a full quota drops marks and nothing else.
# Lanes: lockdep kasan vm
# Timeout: 120

. ./lib/lib.sh

load_module
null_disk nmain 32
null_disk nspare 4
remap_create r /dev/nmain /dev/nspare
check "sectors are written" tool sectors write /dev/mapper/r 0 64 1
ask r mark 10 3
equal "marked sectors are pending" "10 3 pending" "$(dmsetup message r 0 list)"
equal "and are said to be" "11 main pending" "$(where r 11)"
check "they read as before" tool sectors verify /dev/mapper/r 0 64 1
equal "nothing moved" 0 "$(attr r remapped)"
ask r unmark 11
equal "one is unmarked" "10 1 pending
12 1 pending" "$(dmsetup message r 0 list)"
check "the device goes" dmsetup remove r
remap_create r /dev/nmain /dev/nspare
equal "all of that is durable" "10 1 pending
12 1 pending" "$(dmsetup message r 0 list)"
# A list of bad blocks, one by one: as much as there is room for, and more.
began=$(date +%s%N)
seq 64 16 65535 | sed 's/^/mark /' | need tool sectors messages r
until_true 60 "all are done" idle r
took=$((($(date +%s%N) - began) / 1000000))
count=$(seq 64 16 65535 | wc -l)
echo "$count marks, one a message, in $took ms"
at_least "marks a second" 200 $((count * 1000 / (took + 1)))
marked=$(attr r pending)
dropped=$(status_field r pending_dropped)
equal "each is there, or counted" $((count + 2)) $((marked + dropped))
at_least "the quota was full" 1 "$dropped"
equal "the map is as it was" "rw -" "$(status_word r 5) $(status_word r 6)"
# How many depends on how fast messages come; one of its own for each would be as many as there are.
at_most "many share a commit" $((count / 4)) "$(status_field r commits)"
check "I/O goes on" tool sectors write /dev/mapper/r 16 32 2
equal "unmarked sectors stay" 0 "$(attr r remapped)"
check "and marked ones are written" tool sectors write /dev/mapper/r 8 8 2
equal "their block has moved" 1 "$(attr r remapped)"
ask r remap 4096
check "and blocks move" remapped r 2
# One message for all of them.
began=$(date +%s%N)
ask r unmark 0 65536
took=$((($(date +%s%N) - began) / 1000000))
echo "$marked unmarked by one message in $took ms"
equal "nothing is pending" 0 "$(attr r pending)"
ask r mark 8192 8
equal "there is room again" 8 "$(attr r pending)"
ask r reset_stats
equal "the counters begin anew" "0 0" "$(status_field r pending_dropped) $(status_field r commits)"
# Moves, one a message.
began=$(date +%s%N)
seq 16384 16 24575 | sed 's/^/remap /' | need tool sectors messages r
until_true 60 "all are done" idle r
took=$((($(date +%s%N) - began) / 1000000))
echo "512 moves, one a message, in $took ms"
equal "all moved" 514 "$(attr r remapped)"
at_least "moves a second" 50 $((512000 / (took + 1)))
at_most "many share a commit" 256 "$(status_field r commits)"
