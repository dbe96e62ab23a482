#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: while users keep the disk busy, also past dm-remap, `scan idle` reads nothing and `scan on` reads some; when they stop, both do.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 64
new_disk spare 8
dm_create r "$(remap_table /dev/nmain "$spare" 0 16384 scan idle)"
scan=/sys/block/$(disk_name /dev/mapper/r)/remap/scan
put 86400000 "$scan/interval_ms"
# A device without users, to see what would have been read meanwhile.
null_disk nother 64
new_disk spare2 8
dm_create other "$(remap_table /dev/nother "$spare2" 0 16384 scan idle)"
other=/sys/block/$(disk_name /dev/mapper/other)/remap/scan
put 86400000 "$other/interval_ms"
other_since() {
    (($(attr other scan/sectors_read) >= $1 + 8192))
}
# Two seconds of idleness are waited for, and 1 MiB a second is read then, or in any case.
for folder in "$scan" "$other"; do
    put 1 "$folder/intensity"
    put 1024 "$folder/speed_min"
    put 1024 "$folder/speed_max"
done
busy() {
    while [[ -e /tmp/busy ]]; do
        dd if="$1" of=/dev/null bs=4096 count=4000 iflag=direct status=none
    done
}
users() {
    : >/tmp/busy
    local before
    before=$(counter /dev/nmain read_sectors)
    # Two of them, for one pauses when it begins anew.
    busy "$1" &
    users=$!
    busy "$1" &
    users="$users $!"
    until_true 10 "there are users of $1" read_since "$before"
}
read_since() {
    (($(counter /dev/nmain read_sectors) > $1))
}
scanned_since() {
    (($(attr r scan/sectors_read) > $1))
}
rest() {
    rm /tmp/busy
    # shellcheck disable=SC2086
    wait $users
}
for device in /dev/mapper/r /dev/nmain; do
    users "$device"
    before=$(attr r scan/sectors_read)
    check "a pass is wanted" dmsetup message r 0 scan now
    need dmsetup message other 0 scan now
    until_true 20 "another one reads for four seconds" other_since "$(attr other scan/sectors_read)"
    need dmsetup message other 0 scan stop
    equal "nothing is read beside users of $device" "$before" "$(attr r scan/sectors_read)"
    rest
    until_true 20 "they stop, and it reads" scanned_since "$before"
    need dmsetup message r 0 scan stop
done
swap r "$(remap_table /dev/nmain "$spare" 0 16384 scan on)"
users /dev/mapper/r
before=$(attr r scan/sectors_read)
need dmsetup message r 0 scan now
until_true 20 "with scan on some is read beside them" scanned_since "$before"
rest
