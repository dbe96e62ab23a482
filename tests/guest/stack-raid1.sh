#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a RAID 1 of two remap devices keeps both while the disk of one goes bad, and both are the same.
# Lanes: vm
# Module: dm-remap tests/guest/weak
# Files: stacks

. ./lib/lib.sh
. ./lib/stack.sh

export MDADM_NO_UDEV=1
load_module
load raid1
failing_remap r 24
failing_remap other 24
more_fails r
# Both are zeros, so there is nothing to copy at first.
check "the array is made" mdadm --create /dev/md0 --run --assume-clean --level=1 --raid-devices=2 --metadata=1.2 \
    --bitmap=internal /dev/mapper/r /dev/mapper/other
at_exit stop_array
stop_array() {
    if [[ -e /sys/block/md0/md/array_state ]]; then mdadm --quiet --stop /dev/md0; fi
}
both_work() {
    equal "no member was kicked" 0 "$(</sys/block/md0/md/degraded)"
    equal "none has had an error" "0 0" "$(cat /sys/block/md0/md/dev-*/errors | paste -sd' ')"
    equal "nor bad blocks" "" "$(cat /sys/block/md0/md/dev-*/bad_blocks)"
}
sectors=$(sectors_of /dev/md0)
check "it is filled" tool sectors write /dev/md0 0 "$sectors" 1 --step 128
has_moved r 50 "filling it"
more_fails r
check "and a part of it again" tool sectors write /dev/md0 8192 16384 2 --step 64
has_moved r 20 "writing it"
both_work
check "it is checked" mdadm --action=check /dev/md0
checked() { [[ $(</sys/block/md0/md/sync_action) == idle ]]; }
until_true 60 "to its end" checked
equal "both members are the same" 0 "$(</sys/block/md0/md/mismatch_cnt)"
check "the array is stopped" mdadm --quiet --stop /dev/md0
restart r
check "it is assembled again" mdadm --assemble /dev/md0 /dev/mapper/r /dev/mapper/other
both_work
check "all is there" tool sectors verify /dev/md0 0 8192 1 --step 128
check "and what was written last" tool sectors verify /dev/md0 8192 16384 2 --step 128
check "the array is stopped" mdadm --quiet --stop /dev/md0
came_through r
equal "the other disk has moved nothing" 0 "$(attr other remapped)"
