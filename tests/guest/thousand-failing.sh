#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a thousand failing writes in flight at once are each handled, once, and none is lost.
# Lanes: lockdep kasan
# Memory: 768

. ./lib/lib.sh

load_module
null_disk nmain 32
new_disk spare 16
dm_slice gate /dev/nmain 0 65536
remap_create r /dev/mapper/gate "$spare"
# Every write of the first 8192 sectors fails; 1024 blocks of it are written at once.
null_bad nmain 0 8191
need dmsetup suspend --nolockfs gate
fio --name=w --filename=/dev/mapper/r --rw=write --bs=4k --size=4m --iodepth=1024 --ioengine=libaio \
    --direct=1 --verify=crc32c --do_verify=0 --verify_state_save=0 >/tmp/fio.log 2>&1 &
writer=$!
in_flight() {
    local read write
    read -r read write <"/sys/block/$(disk_name /dev/mapper/r)/inflight"
    ((write >= 1000))
}
until_true 20 "a thousand writes are in flight" in_flight
need dmsetup resume gate
wait $writer || { cat /tmp/fio.log; fail "the writes did not succeed"; }
echo "ok: all writes succeeded"
equal "each block is remapped once" 1024 "$(attr r remapped)"
equal "and so many lines say so" 1024 "$(for from in 0 2048 4096 6144; do
    dmsetup message r 0 list remapped from $from | grep remapped; done | sort -u | wc -l)"
check "all data is there" fio --name=w --filename=/dev/mapper/r --rw=read --bs=4k --size=4m --iodepth=64 \
    --ioengine=libaio --direct=1 --verify=crc32c --verify_state_save=0
