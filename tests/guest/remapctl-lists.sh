#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: remapctl import marks a list on a live device, and nothing if a line is wrong; what remapctl export writes of it imports again.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh
. ./lib/remapctl.sh

load_module
null_disk main 64
new_disk spare 16
new_disk second 16
remap_create r /dev/main "$spare" 0 32768

printf '1\n2\n40\nforty\n' >/tmp/wrong
ends "a list with a wrong line" 1 import badblocks --block-size 4096 r /tmp/wrong
match "it is told" "^remapctl: /tmp/wrong:4: 'forty' is no block number$" "$said"
printf '1\n16384\n' >/tmp/past
ends "a list that goes past the end" 1 import badblocks --block-size 4096 r /tmp/past
match "it is told, too" "^remapctl: /tmp/past:2: .*131072 sectors$" "$said"
equal "nothing is pending" 0 "$(attr r pending)"

# One mark each.
seq 0 4 1196 >/tmp/list
ends "a list of 300 blocks" 0 import badblocks --block-size 4096 r /tmp/list
equal "all of them are pending" 2400 "$(attr r pending)"
match "it is told how many" "has 2,400 sectors pending now" "$said"
equal "nothing moved" 0 "$(attr r remapped)"
check "they come out" remapctl export badblocks --block-size 4096 r -o /tmp/out
check "as they went in" cmp /tmp/list /tmp/out
check "for ddrescue" remapctl export ddrescue r -o /tmp/map
check "and as a document" remapctl export json r -o /tmp/document
ask r unmark 0 131072
until_true 30 "all are done" idle r
equal "nothing is pending again" 0 "$(attr r pending)"
for format in "ddrescue r /tmp/map" "json r /tmp/document"; do
    # shellcheck disable=SC2086 # two words
    ends "it comes back: $format" 0 import $format
    equal "whole" 2400 "$(attr r pending)"
    ask r unmark 0 131072
    until_true 30 "all are done" idle r
done

check "it is suspended" dmsetup suspend r
ends "of a suspended device nothing is marked" 1 import ddrescue r /tmp/map
match "what to do" "dmsetup resume r$" "$said"
check "it goes on" dmsetup resume r
equal "nothing is pending yet" 0 "$(attr r pending)"

# Who is interrupted ends between two marks, and says how many there are.
seq 0 2 15998 >/tmp/long
"$REMAPCTL" import badblocks --block-size 4096 r /tmp/long >/tmp/interrupted 2>&1 &
imports=$!
some() { (($(attr r pending) > 0)); }
until_true 10 "some are pending" some
need kill -INT $imports
rc=0
wait $imports || rc=$?
equal "interrupted import has its exit code" 130 "$rc"
match "and says so" "^remapctl: ([0-9]+) of 8000 ranges were marked: interrupted$" "$(</tmp/interrupted)"
marked=${BASH_REMATCH[1]}
at_most "not all were sent" 7999 "$marked"
until_true 30 "all are done" idle r
equal "as many are pending as it says" $((8 * marked)) "$(attr r pending)"
