#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: remapctl probe finds spare areas at sector 0 and where the table says, and not below what holds something else; open takes all but the name from the table, and no other area than the one it names.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh
. ./lib/remapctl.sh

load_module
null_disk main 64
new_disk spare 20
export REMAPTAB=/tmp/remaptab
: >"$REMAPTAB"
# found WHAT LINES [VARIABLE=VALUE...]: what udev is told of the spare device.
found() {
    equal "$1" "$2" "$(env "${@:3}" "$REMAPCTL" probe --udev "$spare" | paste -sd ' ')"
}
found "a blank device" ""
need json format /dev/main "$spare" --size 8M --yes
first=$(value .area_uuid)
need json format /dev/main "$spare" --spare-start 16384 --yes
second=$(value .area_uuid)
area() { echo "ID_REMAP_AREA_UUID=$1 ID_REMAP_LINKS=disk/by-id/remap-area-$1"; }
found "the area at sector 0 is found" "$(area "$first")"
found "but not if something else is there" "" ID_FS_TYPE=ext4
found "or a partition table" "" ID_PART_TABLE_TYPE=gpt
cat >"$REMAPTAB" <<TABLE
safe /dev/main AREA=$second spare-start=16384,scan=idle,error-policy=any
wrong /dev/main AREA=$first spare-start=16384
path /dev/main $spare read-only
TABLE
found "the table says where else to look" "$(area "$first") disk/by-id/remap-area-$second"
found "whatever lies at its begin" "$(area "$second")" ID_FS_TYPE=ext4
equal "main is hidden" "ID_REMAP_MAIN=safe ID_REMAP_HIDE=1" "$(remapctl probe --udev /dev/main | paste -sd ' ')"

# What udev would do.
need mkdir -p /dev/disk/by-id
need ln -s "$spare" "/dev/disk/by-id/remap-area-$first"
need ln -s "$spare" "/dev/disk/by-id/remap-area-$second"
ends "an area that is another one" 1 open wrong
match "is refused" "sector 16384 of .* is another one: $second" "$said"
ends "one that is not in the table" 1 open absent
match "is told" "/tmp/remaptab has no device absent" "$said"
ends "by its name alone it is opened" 0 open safe
at_exit dm_remove safe
json status safe
equal "as the table says" "16384 any idle" \
    "$(value .devices.0.table.spare_start_sectors) $(value .devices.0.table.error_policy) $(value .devices.0.table.scan)"
equal "it is that area" "$second" "$(attr safe uuid)"
ends "and closed" 0 close safe
need json open path
at_exit dm_remove path
equal "it is that area, too" "$first" "$(value .area_uuid)"
json status path
equal "read-only" "True" "$(value .devices.0.read_only)"
ends "and closed" 0 close path
