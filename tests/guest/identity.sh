#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a spare area of another main, another start, another block size or of something shrunk is refused with the values in the log and left as it is; growing is accepted.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh

load_module
scsi_disk main dev_size_mb=16 delay=0 max_luns=2
second() {
    local path
    for path in /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*; do
        if [[ /dev/${path##*/} != "$main" ]]; then other=/dev/${path##*/}; fi
    done
    [[ -b ${other:-} ]]
}
until_true 10 "there is a second disk" second
second
null_disk anon 32
new_disk spare 8
table() {
    echo "0 $1 remap $2 $spare 0 $3 ${*:4}"
}
check "an area of the first half of main" dmsetup create r --table "$(table 16384 "$main" 8192)"
at_exit dm_remove r
move r 8 8 1
uuid=$(attr r uuid)
check "the device goes" dmsetup remove r
before=$(content "$spare")
# refused WHAT TEXT VALUES TABLE
refused() {
    refuse "$1" dmsetup create x --table "$4"
    kernel_said "remap: $2 \(-(EINVAL|22)\)"
    kernel_said "dm_remap: .*: $2$3"
    equal "the area is as it was" "$before" "$(content "$spare")"
}
refused "another disk" "spare area belongs to another main device" ": another .*" "$(table 16384 "$other" 8192)"
refused "a disk without a name" "main offers none of the identities that the spare area knows it by" "" \
    "$(table 16384 /dev/anon 8192)"
refused "another start" "spare area belongs to another start on main" ": 0 sectors recorded, 8 found" \
    "$(table 16384 "$main" 8192 2 main_start 8)"
refused "a shorter target" "target or main is shorter than when the spare area was formatted" \
    ": 16384 sectors recorded, 16376 found" "$(table 16376 "$main" 8192)"
refused "a shorter spare area" "spare area is smaller than when it was formatted" \
    ": 8192 sectors recorded, 8184 found" "$(table 16384 "$main" 8184)"
refused "another block size" "spare area was formatted with another block_sectors" \
    ": 8 sectors recorded, 16 given" "$(table 16384 "$main" 8192 2 block_sectors 16)"
check "both may grow" dmsetup create r --table "$(table 32768 "$main" 16384)"
equal "and it is the same area" "$uuid 1" "$(attr r uuid) $(attr r remapped)"
check "the new end is written" tool sectors write /dev/mapper/r 32760 8 1
check "and read" tool sectors verify /dev/mapper/r 32760 8 1
move r 32760 8 2
