#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a message is carried out while more failing I/O than one batch holds is always waiting.
# Lanes: lockdep
# Timeout: 900

. ./lib/lib.sh

load_module
# Each I/O takes a millisecond, so that there is time for the next to come.
null_disk nmain 32 irqmode=2 completion_nsec=1000000
new_disk spare 16
remap_create r /dev/nmain "$spare" 0 "" error_policy any
# Reads of the first 8192 sectors fail, and are tried alone: 128 of them wait at any time.
null_bad nmain 0 8191
fio --name=w --filename=/dev/mapper/r --rw=randread --bs=4k --size=4m --iodepth=128 --ioengine=libaio --direct=1 \
    --time_based --runtime=600 --continue_on_error=read --error_dump=0 --max_latency=0 >/tmp/fio.log 2>&1 &
readers=$!
stop_readers() {
    kill $readers
    wait $readers || true
}
at_exit stop_readers
in_flight() {
    local read write
    read -r read write <"/sys/block/$(disk_name /dev/mapper/r)/inflight"
    ((read >= 64))
}
until_true 20 "many reads are in flight" in_flight
need dmsetup message r 0 remap 16384 64
moved() { [[ $(attr r remapped) == 8 ]]; }
until_true 20 "eight blocks have moved" moved
check "and the reads go on" in_flight
