#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: remapctl status says of live devices what dmsetup and sysfs say, by name or all, and finds what is wrong with one.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh
. ./lib/remapctl.sh

load_module
equal "without a device" "There is no remap device." "$(remapctl status)"
null_disk main 64
new_disk spare 16
new_disk second 8
remap_create r /dev/main "$spare" 0 8192 error_policy any
remap_create aside "$second" "$spare" 8192 8192
number=$(disk_name /dev/mapper/r)
ends "all of them" 0 status
match "both are told, and in order" $'^aside is well\n.*\nr is well\n.*Of 2 devices 2 are well, and 0 want attention' "$said"
match "with the disk below" "main    /dev/main, 64 MiB from sector 0" "$said"
match "and the spare" "spare   $spare, 4 MiB from sector 0; 0 of [0-9]+ spare blocks in use" "$said"
for name in r /dev/mapper/r "$number" "/dev/$number"; do
    ends "by the name $name" 0 status --brief "$name"
    match "one line" '^r  is well +health 1000, 0 blocks moved$' "$said"
done

json status r
equal "the name" r "$(value .devices.0.name)"
equal "the UUID of the area" "$(attr r uuid)" "$(value .devices.0.area_uuid)"
equal "the feature" any "$(value .devices.0.table.error_policy)"
equal "the generation" "$(generation r)" "$(value .devices.0.status.generation)"
equal "the spare blocks" "$(attr r spare_total)" "$(value .devices.0.status.spare_blocks)"
equal "the scanner" "$(attr r scan/state)" "$(value .devices.0.scan.state)"
equal "the length of a pass" "$(attr r scan/position)" "$(value .devices.0.scan.done_sectors) / $(value .devices.0.scan.pass_sectors)"

# A write that fails is a note, a read that fails wants attention.
null_bad main 80 80
check "a write over a bad sector" tool sectors write /dev/mapper/r 80 8 1
ends "a block that moved is no harm" 0 status r
match "it is told" "note    1 block moved" "$said"
null_bad main 1600 1600
refuse "a read of a bad sector" dd if=/dev/mapper/r of=/dev/null bs=512 skip=1600 count=1 iflag=direct status=none
ends "pending sectors want attention" 1 status r
match "they are told" "warning 1 sector could not be read" "$said"
match "and what to do" "what to do: .*dmsetup message r 0 list pending" "$said"
ends "the other device is well" 0 status aside

# Main behind the map's back: device-mapper does not refuse its own kind.
dm_slice past /dev/main 0 1024
ends "somebody uses main" 1 status r
match "it is told who" "DANGER  /dev/main is used past the map by /dev/mapper/past:" "$said"
need dmsetup remove past
need dmsetup suspend r
ends "a suspended device" 1 status r
match "it is told" "warning it is suspended: all I/O waits" "$said"
need dmsetup resume r

ends "a device that is not there" 1 status absent
match "it is told" "^remapctl: there is no device absent" "$said"
dm_slice linear "$spare" 0 8
ends "a device of another kind" 1 status linear
match "it is told" "^remapctl: linear is no remap device" "$said"
