#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: each commit, and so each move of a block, passes a trace point that tells what is recorded.
# Lanes: vm

. ./lib/lib.sh

load_module
null_disk nmain 16
new_disk spare 4
remap_create r /dev/nmain "$spare"
tracing=/sys/kernel/tracing
need mount -t tracefs tracefs $tracing
at_exit umount $tracing
# The arguments are named by the type information that the module carries.
event() {
    echo "t:dm_remap/commit dm_remap_commit_tp device:string generation written what:string sector spare" >>$tracing/dynamic_events
}
check "an event is put on the trace point" event
at_exit sh -c "echo >$tracing/dynamic_events"
need sh -c "echo 1 >$tracing/events/dm_remap/commit/enable"
move r 80 16 2
need sh -c "echo 0 >$tracing/events/dm_remap/commit/enable"
name=$(dmsetup info -c --noheadings -o major,minor --separator : r)
match "it tells of both blocks" \
    "device=\"$name\" generation=2 written=3 what=\"remap\" sector=80 spare=0.*device=\"$name\" generation=2 written=3 what=\"remap\" sector=88 spare=1" \
    "$(grep dm_remap_commit $tracing/trace | tr '\n' ' ')"
