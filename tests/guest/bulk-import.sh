#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a list of thousands of known bad ranges goes in by messages, one for each; every sector of it is found again, no other, and the same after a restart.
# Lanes: lockdep kasan
# Timeout: 300

. ./lib/lib.sh

load_module
null_disk nmain 256
null_disk nspare 64
remap_create r /dev/nmain /dev/nspare
# From 1 to 16 sectors, in no order, none of them near another; one half is marked, the other moves.
awk 'BEGIN {
    srand(7)
    for (n = 0; n < 6000; n++) {
        print rand(), n % 2 ? "mark" : "remap", n * 64 + int(rand() * 24), 1 + int(rand() * 16)
    }
}' | sort | cut -d ' ' -f 2- >/tmp/list
awk '$1 == "mark" { for (n = 0; n < $3; n++) print $2 + n }' /tmp/list | sort >/tmp/marked
awk '$1 == "remap" { for (n = $2 - $2 % 8; n < $2 + $3; n++) print n; while (n % 8) print n++ }' /tmp/list | sort >/tmp/moved

# listed KIND: every sector that is of this kind.
listed() {
    local from=0 page
    while [[ $from ]]; do
        page=$(dmsetup message r 0 list "$1" from "$from") || return 1
        from=
        if [[ $page =~ more\ from\ ([0-9]+)$ ]]; then from=${BASH_REMATCH[1]}; fi
        grep " $1" <<<"$page"
    done | awk '{ for (n = 0; n < $2; n++) print $1 + n }' | sort
}
found() {
    listed pending | cmp - /tmp/marked || fail "other sectors are pending than were marked"
    listed remapped | cmp - /tmp/moved || fail "other blocks moved than were named"
    echo "ok: $(wc -l </tmp/marked) pending sectors and $(wc -l </tmp/moved) that moved are those of the list"
}

for kind in mark remap; do
    count=$(grep -c $kind /tmp/list)
    began=$(date +%s%N)
    grep $kind /tmp/list | need tool sectors messages r
    until_true 120 "all are done" idle r
    took=$((($(date +%s%N) - began) / 1000000))
    echo "$count messages '$kind' in $took ms: $((count * 1000 / (took + 1))) a second"
done
equal "each could be done" "0 0" "$(status_field r stayed) $(status_field r pending_dropped)"
at_most "many share a commit" 600 "$(status_field r commits)"
found
need dmsetup remove r
remap_create r /dev/nmain /dev/nspare
found
