#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: error_policy medium, confirm and any take the errors that they name, and none takes those of the way to the disk.
# Lanes: lockdep

. ./lib/lib.sh

load_module
scsi_disk main dev_size_mb=16 delay=0
null_disk nmain 16
new_disk spare 4
new_disk spare2 4
table() {
    echo "0 32768 remap $main $spare 0 8192 2 error_policy $1"
}
# policy NAME: reloads with it.
policy() {
    need dmsetup load r --table "$(table "$1")"
    need dmsetup resume r
}
dm_create r "$(table medium)"
check "sectors are written" tool sectors write /dev/mapper/r 0 1024 1 --step 256

scsi_fail_writes 3 0x0c 0
refuse "medium: a write error that is no medium error" tool sectors write /dev/mapper/r 0 8 2
scsi_heal_writes
equal "moves nothing" 0 "$(attr r remapped)"
scsi_fail_writes 3 0x11 0
check "medium: a medium error" tool sectors write /dev/mapper/r 0 8 2
scsi_heal_writes
equal "moves the block" 1 "$(attr r remapped)"
policy confirm
scsi_fail_writes 3 0x0c 0
check "confirm: a write error, confirmed by a read elsewhere" tool sectors write /dev/mapper/r 64 8 2
scsi_heal_writes
equal "moves the block" 2 "$(attr r remapped)"

# Host byte 0x0f: the transport failed fast. Status 0x18: reservation conflict.
policy any
for ways in "0xf 0 0" "0 0 0x18"; do
    for opcode in 0x2a 0x8a; do
        # shellcheck disable=SC2086
        scsi_fail 2 1 $opcode $ways 0 0 0
    done
    refuse "any: an error of the way to the disk ($ways)" tool sectors write /dev/mapper/r 128 8 2
    scsi_heal_writes
    equal "moves nothing" 2 "$(attr r remapped)"
done
check "the block is as it was" tool sectors verify /dev/mapper/r 128 8 1

# A disk that gives plain errors, all over: nothing elsewhere works.
dm_create n "0 32768 remap /dev/nmain $spare2 0 8192"
null_bad nmain 0 32767
refuse "confirm: plain errors everywhere" tool sectors write /dev/mapper/n 0 8 1
refuse "confirm: a plain error of a read" tool sectors verify /dev/mapper/n 0 8 0
equal "neither moves nor marks anything" "0 0" "$(attr n remapped) $(attr n pending)"
equal "for it is no medium's" storm "$(status_word n 7)"
# A device that is made anew knows nothing of that.
need dmsetup remove n
dm_create n "0 32768 remap /dev/nmain $spare2 0 8192 2 error_policy any"
refuse "any: a plain error of a read" tool sectors verify /dev/mapper/n 0 1 0
equal "makes it pending" "0 1 pending" "$(dmsetup message n 0 list)"
check "any: a plain error of a write" tool sectors write /dev/mapper/n 0 8 1
equal "moves the block" 1 "$(attr n remapped)"
need dmsetup load n --table "0 32768 remap /dev/nmain $spare2 0 8192 3 error_policy any no_auto_remap"
need dmsetup resume n
refuse "no_auto_remap: a failing write is an error" tool sectors write /dev/mapper/n 64 8 1
null_good nmain 0 32767
equal "and moves nothing" 1 "$(attr n remapped)"
move n 64 1 2
