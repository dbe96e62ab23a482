#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: each message that is wrong is refused with EINVAL and a line of its own, and changes nothing; a change is EAGAIN while suspended.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh

load_module
new_disk main 16
new_disk spare 4
remap_create r "$main" "$spare"
move r 8 8 1
status=$(dmsetup status r)
area=$(content "$spare")
: >/tmp/expected
count=0
while IFS='|' read -r message text; do
    # shellcheck disable=SC2086
    refuse "'$message'" dmsetup message r 0 $message
    match "with EINVAL" "Invalid argument" "$output"
    echo "message: $text" >>/tmp/expected
    : $((count += 1))
done <<'LIST'
nonsense|unknown message: try help
Remap 8|unknown message: try help
remap|remap: the sector is missing
remap x|remap: the sector is not a number
remap 1k|remap: the sector is not a number
remap 0x10|remap: the sector is not a number
remap all|remap: the sector is not a number
remap 99999999999999999999|remap: the sector is too large a number
remap 32768|remap: the sector is past the end of the target
remap 0 0|remap: the number of sectors is zero
remap 0 x|remap: the number of sectors is not a number
remap 0 99999999999999999999|remap: the number of sectors is too large a number
remap 32767 2|remap: the sectors go past the end of the target
remap 0 18446744073709551615|remap: the sectors go past the end of the target
remap 0 1 2|remap: there are too many arguments: try help
evacuate|evacuate: the sector is missing
evacuate all|evacuate: the sector is not a number
evacuate 32767 2|evacuate: the sectors go past the end of the target
evacuate 0 1 2|evacuate: there are too many arguments: try help
retest|retest: the sector is missing
retest every|retest: the sector is not a number
retest all 1|retest: there are too many arguments: try help
retest 32768|retest: the sector is past the end of the target
mark|mark: the sector is missing
mark all|mark: the sector is not a number
mark 0 0|mark: the number of sectors is zero
mark 32768 1|mark: the sector is past the end of the target
unmark|unmark: the sector is missing
unmark +1|unmark: the sector is not a number
unmark 0 32769|unmark: the sectors go past the end of the target
query|query: the sector is missing
query x|query: the sector is not a number
query 99999999999999999999|query: the sector is too large a number
query 32768|query: the sector is past the end of the target
query 0 1|query: there are too many arguments: try help
list all|list: what follows is none of remapped, pending, lost and from
list from|list: the sector is missing
list from x|list: the sector is not a number
list lost from 99999999999999999999|list: the sector is too large a number
list from 32768|list: the sector is past the end of the target
list remapped from 0 1|list: there are too many arguments: try help
list remapped pending|list: what follows is none of remapped, pending, lost and from
set|set: the key is missing
set block_sectors 8|set: unknown key: error_policy, pending_writes and auto_remap are known
set error_policy|set: the value is missing
set error_policy all|set: error_policy is none of medium, confirm and any
set pending_writes|set: the value is missing
set pending_writes spare|set: pending_writes is neither remap nor main
set auto_remap|set: the value is missing
set auto_remap 0|set: auto_remap is neither on nor off
set auto_remap on on|set: there are too many arguments: try help
clear_needs_check now|clear_needs_check: there are too many arguments: try help
reset_stats 1|reset_stats: there are too many arguments: try help
health smart|health: the number of sectors is missing
health smart 1x|health: the number of sectors is not a number
health smart 1 1|health: there are too many arguments: try help
help me|help: there are too many arguments: try help
LIST
at_least "so many were tried" 50 "$count"
kernel_log | grep -oE 'message: .*' >/tmp/said
diff /tmp/expected /tmp/said || fail "the lines above marked with < were expected, those with > were seen"
echo "ok: each had its own line"
equal "the status is as it was" "$status" "$(dmsetup status r)"
equal "and so is the spare area" "$area" "$(content "$spare")"

need dmsetup suspend r
table=$(dmsetup table r)
for message in "remap 64" "evacuate 64" "retest all" "mark 64" "unmark 64" "set error_policy any" "set auto_remap off" clear_needs_check reset_stats "health smart 9"; do
    # shellcheck disable=SC2086
    refuse "no '$message' while suspended" dmsetup message r 0 $message
    match "with EAGAIN" "Resource temporarily unavailable" "$output"
done
equal "no feature changed" "$table" "$(dmsetup table r)"
match "a question is answered" "^8 spare" "$(where r 8)"
need dmsetup resume r
equal "nothing moved" 1 "$(attr r remapped)"
move r 64 1 2
