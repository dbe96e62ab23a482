#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a device that is removed while writes are at the disk, one of which fails and has to move after that, completes every one of them first; nothing reaches a disk after it.
# Lanes: lockdep kasan
# Module: dm-remap tests/guest/early

. ./lib/lib.sh

load_module
null_disk nmain 16 blocksize=4096
new_disk spare 8
check "sectors are written" tool sectors write /dev/nmain 0 4096 1 --step 2048
# A disk whose writes take so long that they are still there when the device goes.
dm_create slow "0 32768 delay /dev/nmain 0 0 /dev/nmain 0 3000"
line="0 32768 remap /dev/mapper/slow $spare 0 16384 2 error_policy any"
dm_create r "$line"
null_bad nmain 1000 1007
# Eight writes from sector 984 to 1047; one of them fails. The device is not open any more when they do.
need insmod "${GUEST_MODULE%/*}/early.ko" device=/dev/mapper/r start=984 count=8
at_exit rmmod early
done_so_far() {
    cat "/sys/module/early/parameters/$1"
}
equal "no write has completed" 0 "$(done_so_far completed)"
check "the device is removed" dmsetup remove r
equal "all writes have completed" 8 "$(done_so_far completed)"
equal "and none of them failed" 0 "$(done_so_far failed)"
stats() {
    echo "$(</sys/block/nmain/stat) $(<"/sys/block/${spare##*/}/stat")"
}
before=$(stats)
# This waits for whatever the slow disk still has.
need dmsetup suspend slow
equal "nothing reached a disk after it" "$before" "$(stats)" >/dev/null
need dmsetup resume slow

dm_create r "$line"
equal "the map that it left is good" "rw 0" "$(attr r state) $(attr r needs_check)"
match "the block of the failed write is on the spare" "^1000 8 remapped [0-9]+" "$(dmsetup message r 0 list)"
written() {
    dd if=/dev/mapper/r bs=4096 skip=123 count=8 iflag=direct status=none | tr -d '\132' | wc -c
}
equal "every byte of the writes is there" 0 "$(written)"
check "and what is in front" tool sectors verify /dev/mapper/r 0 984 1
check "and behind" tool sectors verify /dev/mapper/r 1048 3048 1 --step 2048
check "the device goes" dmsetup remove r
