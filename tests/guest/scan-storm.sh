#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: errors from everywhere stop a scan, which marks no more, and when the disk can be read again it goes on by itself.
# Lanes: lockdep

. ./lib/lib.sh
. ./lib/scan.sh

load_module
# One bad sector in each of 80 neighbourhoods of 128 MiB: the staggered order meets one after the other.
spans=80
null_disk nmain $((spans * 128)) memory_backed=0 blocksize=4096
new_disk spare 16
remap_create r /dev/nmain "$spare" 0 32768 error_policy any
scan_files
for ((i = 0; i < spans; i++)); do
    null_bad nmain $((i * 262144)) $((i * 262144 + 7))
done
put 10 "$scan/intensity"
check "it is told" dmsetup message r 0 scan now
until_true 30 "it is a storm" scan_state storm
equal "for all" storm "$(status_word r 7)"
found=$(attr r pending)
at_least "some were marked before that" 8 "$found"
at_most "not all" $(((spans - 1) * 8)) "$found"
read_before=$(counter /dev/nmain read_sectors)
score=$(attr r health/score)
for ((i = 0; i < spans; i++)); do
    refuse "a user meets the others" dd if=/dev/mapper/r of=/dev/null bs=4096 skip=$((i * 32768)) count=1 iflag=direct
    if ((i == 9)); then break; fi
done
equal "which are not marked" "$found" "$(attr r pending)"
equal "nor do they count" "$score" "$(attr r health/score)"
if scan_state storm; then
    at_most "nothing was read but that" 200 $(($(counter /dev/nmain read_sectors) - read_before))
fi
for ((i = 0; i < spans; i++)); do
    null_good nmain $((i * 262144)) $((i * 262144 + 7))
done
calm() { [[ $(status_word r 7) == - ]]; }
until_true 30 "it goes on by itself, and the storm is over" calm
read -r place _ <"$scan/position"
further() {
    read -r now _ <"$scan/position"
    ((now > place))
}
until_true 30 "further on" further
