#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: discards are main's: offered as main has them, passed on but for what lies on the spare, and an error of one moves nothing.
# Lanes: lockdep kasan
# Timeout: 120

. ./lib/lib.sh

load_module
queue() {
    cat "/sys/block/$(disk_name "$1")/queue/$2"
}
discard() {
    blkdiscard --force --offset $(($2 * 512)) --length $(($3 * 512)) "$1"
}
# same WHO: the limits of the device are main's.
same() {
    local file
    for file in discard_max_hw_bytes discard_granularity; do
        equal "$file of $1" "$(queue "$2" $file)" "$(queue /dev/mapper/r $file)"
    done
}
# delayed "READS WRITES FLUSHES": so many wait in dm-delay.
delayed() {
    [[ $(dmsetup status m) == *" delay $1" ]]
}
null_disk ndisk 16 discard=1
null_disk plain 16
new_disk spare 4
dm_create m "0 32768 linear /dev/ndisk 0"
remap_create r /dev/mapper/m "$spare"
same "main and a spare with other discards" /dev/ndisk

check "sectors are written" tool sectors write /dev/mapper/r 0 256 1 --step 64
move r 80 16 2
# A block of which main has to answer for one sector.
null_bad ndisk 121 122
check "a write of one sector fails on main" tool sectors write /dev/mapper/r 121 1 2
match "its neighbour stays behind" "^122 only-on-main" "$(where r 122)"
null_good ndisk 121 122
map=$(dmsetup message r 0 list)
before=$(counter /dev/ndisk discard_sectors)
check "a discard over all of them" discard /dev/mapper/r 0 128
equal "reaches main but for 23 sectors" $((before + 128 - 23)) "$(counter /dev/ndisk discard_sectors)"
equal "and leaves the map as it is" "$map" "$(dmsetup message r 0 list)"
check "what lies on the spare is as it was" tool sectors verify /dev/mapper/r 80 16 1
check "to the sector" tool sectors verify /dev/mapper/r 121 1 2
check "what is main's is main's" zeros /dev/mapper/r 0 80
check "and what only main has" zeros /dev/mapper/r 122 1
check "the rest was not discarded" tool sectors verify /dev/mapper/r 128 128 1
check "and all can be written" tool sectors write /dev/mapper/r 0 256 3 --step 64
check "and read" tool sectors verify /dev/mapper/r 0 256 3 --step 64

# The block is held while it is read from main, a second and a half long.
need dmsetup suspend r
need dmsetup suspend m
need dmsetup load m --table "0 32768 delay /dev/ndisk 0 1500 /dev/ndisk 0 0"
need dmsetup resume m
need dmsetup resume r
need dmsetup message r 0 remap 200 >/dev/null
until_true 5 "the block is being read" delayed "1 0 0"
before=$(counter /dev/ndisk discard_sectors)
check "a discard of a block that moves" discard /dev/mapper/r 200 8
check "came after its move" remapped r 4
equal "so it has nothing to do" "$before" "$(counter /dev/ndisk discard_sectors)"
swap m "0 32768 linear /dev/ndisk 0"
check "and no data is lost" tool sectors verify /dev/mapper/r 192 64 3

# An error is the caller's.
swap m "0 32768 flakey /dev/ndisk 0 0 60 1 error_writes"
refuse "a discard fails" discard /dev/mapper/r 0 8
swap m "0 32768 linear /dev/ndisk 0"
equal "and nothing moved" "4 0" "$(attr r remapped) $(attr r pending)"
check "the device goes" dmsetup remove r

remap_create r /dev/mapper/m /dev/plain
same "main and a spare without discards" /dev/ndisk
check "the device goes" dmsetup remove r
need dd if=/dev/zero of="$spare" bs=1M count=4 oflag=direct status=none
remap_create r /dev/plain "$spare"
equal "main without discards has none" 0 "$(queue /dev/mapper/r discard_max_hw_bytes)"
refuse "whatever the spare has" discard /dev/mapper/r 0 8
