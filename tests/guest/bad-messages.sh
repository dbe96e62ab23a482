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
nonsense|unknown message: remap, query, list and help are known
Remap 8|unknown message: remap, query, list and help are known
remap|remap is without its sector
remap x|remap: the sector is not a number
remap 1k|remap: the sector is not a number
remap 0x10|remap: the sector is not a number
remap 99999999999999999999|remap: the sector is too large a number
remap 32768|remap: the sector is past the end of the target
remap 0 0|remap: the number of sectors is zero
remap 0 x|remap: the number of sectors is not a number
remap 0 99999999999999999999|remap: the number of sectors is too large a number
remap 32767 2|remap: the sectors go past the end of the target
remap 0 18446744073709551615|remap: the sectors go past the end of the target
remap 0 1 2|remap takes no more than a sector and a number of sectors
query|query is without its sector
query x|query: the sector is not a number
query 99999999999999999999|query: the sector is too large a number
query 32768|query: the sector is past the end of the target
query 0 1|query takes no more than a sector
list all|list: what follows is none of remapped, pending, lost and from
list from|list: from is without its sector
list from x|list: the sector is not a number
list lost from 99999999999999999999|list: the sector is too large a number
list from 32768|list: the sector is past the end of the target
list remapped from 0 1|list takes no more than remapped, pending or lost, and from with a sector
list remapped pending|list: what follows is none of remapped, pending, lost and from
help me|help takes no argument
LIST
at_least "so many were tried" 15 "$count"
kernel_log | grep -oE 'message: .*' >/tmp/said
diff /tmp/expected /tmp/said || fail "the lines above marked with < were expected, those with > were seen"
echo "ok: each had its own line"
equal "the status is as it was" "$status" "$(dmsetup status r)"
equal "and so is the spare area" "$area" "$(content "$spare")"

need dmsetup suspend r
refuse "a change while suspended" dmsetup message r 0 remap 64
match "with EAGAIN" "Resource temporarily unavailable" "$output"
match "a question is answered" "^8 spare" "$(where r 8)"
need dmsetup resume r
equal "nothing moved" 1 "$(attr r remapped)"
move r 64 1 2
