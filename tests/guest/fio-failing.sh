#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: fio verifies all that four jobs write at queue depth 64, 4 KiB to 1 MiB at a time, while a thousand blocks go bad under them, and each of these moves once.
# Lanes: lockdep vm
# Module: dm-remap tests/guest/weak
# Timeout: 900

. ./lib/lib.sh

load_module
new_disk below 16 4096
weak_disk weak "$below"
new_disk spare 8
remap_create r /dev/mapper/weak "$spare"
# Each job has a quarter of its own, which it writes and reads once, both at a time.
pass() {
    exec fio --name=w --filename=/dev/mapper/r --numjobs=4 --size=4m --offset_increment=4m --thread --group_reporting \
        --rw=randwrite --bssplit=4k/74:16k/12:64k/8:256k/3:1m/3 --ioengine=libaio --iodepth=64 --direct=1 \
        --verify=crc32c --verify_backlog=64 --verify_fatal=1 --verify_state_save=0 --randseed="$1" >/tmp/fio.log 2>&1
}
writes_more() {
    (($(counter /dev/mapper/r write_sectors) > $1))
}
running=0
for n in 1 2 3; do
    before=$(counter /dev/mapper/r write_sectors)
    pass $n &
    fio=$!
    if ((n < 3)); then
        # Of the 4096 blocks, 500 more; the second ones are behind the first.
        until_true 30 "fio writes" writes_more "$before"
        weak_bad weak $((n * 8)) 8 64 $((n * 8 + 499 * 64 + 8))
        if kill -0 $fio 2>/dev/null; then : $((running += 500)); fi
    fi
    wait $fio || { cat /tmp/fio.log; fail "fio found an error"; }
    match "fio wrote all and read all" "READ:.*io=16.0MiB.*WRITE:.*io=16.0MiB" "$(tr '\n' ' ' </tmp/fio.log)"
done
at_least "of a thousand blocks, so many went bad while fio was running" 500 $running
equal "each of them was written to" 8000 "$(weak_tried weak)"
equal "and has moved" 1000 "$(attr r remapped)"
equal "nothing is lost" 0 "$(attr r lost)"
equal "and the map can still change" rw "$(attr r state)"
check "the device goes" dmsetup remove r
remap_create r /dev/mapper/weak "$spare"
equal "the map is whole after a restart" 1000 "$(attr r remapped)"
