#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: what is tried alone, and what is read to salvage a block, is a request of its own, which the block layer never merges with others.
# Lanes: lockdep

. ./lib/lib.sh

load_module
scsi_disk main dev_size_mb=16 delay=0
new_disk spare 4
remap_create r "$main" "$spare"
check "sectors are written" tool sectors write /dev/mapper/r 0 64 1 --step 64
# flags OPERATION: those of each request of the kind that the disk refused, in the order in which they came.
flags() {
    kernel_log | sed -nE "s/.* error, dev ${main#/dev/}, sector [0-9]+ op 0x[01]:\($1\) flags (0x[0-9a-f]+) .*/\1/p"
}
# alone OPERATION AT_LEAST: the first request was a user's; those that followed are each on its own. (Of all errors together the
# kernel says ten in five seconds.)
alone() {
    local all first rest flag
    all=$(flags "$1" | paste -sd' ')
    read -r first rest <<<"$all"
    equal "a user's $1 may be merged" 0 $((first & 0x4000))
    read -ra rest <<<"$rest"
    at_least "so many more were tried" "$2" ${#rest[@]}
    for flag in "${rest[@]}"; do
        ((flag & 0x4000)) || fail "of the flags $all, $flag is not of a request on its own"
    done
    echo "ok: each of these is on its own"
}
scsi_fail_writes 3 0x0c 0
check "a failing write moves its block" tool sectors write /dev/mapper/r 10 1 2
scsi_heal_writes
alone WRITE 3
scsi_bad_reads 20 1
refuse "a read fails" tool sectors verify /dev/mapper/r 16 8 1 --step 8
# Of the block, these are read once more when it moves.
move r 16 1 2
alone READ 5
equal "what could not be read is only on main" "20 only-on-main pending" "$(where r 20)"
scsi_good_reads
