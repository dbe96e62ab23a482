#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: status, table and the attributes in sysfs are all there and agree, survive suspend and reload, and go with the device.
# Lanes: lockdep kasan vm
# Processors: 1

. ./lib/lib.sh

load_module
new_disk main 16
new_disk spare 4
remap_create r "$main" "$spare" 0 8192 error_policy any
dir=/sys/block/$(disk_name /dev/mapper/r)/remap
names="health lost map needs_check pending remapped scan spare_failed spare_free spare_total state uuid"
equal "the attributes" "$names" "$(ls "$dir" | tr '\n' ' ' | sed 's/ $//')"
for name in $names; do
    if [[ -d $dir/$name ]]; then continue; fi
    at_least "$name has one line" 1 "$(wc -l <"$dir/$name")"
    refuse "$name cannot be written" bash -c "echo 1 >$dir/$name"
done
match "the UUID looks like one" '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' "$(attr r uuid)"
move r 0 16 2
agree() {
    equal "status and attributes agree $1" \
        "$(attr r remapped)/$(attr r spare_total) $(attr r pending) $(attr r lost) $(attr r state)" \
        "$(status_word r 1) $(status_word r 2) $(status_word r 3) $(status_word r 5)"
    equal "and so do the keys" "$(attr r spare_free) $(attr r spare_failed)" \
        "$(status_field r spare_free) $(status_field r spare_failed)"
}
agree "at first"
match "the status line" "^0 32768 remap 2/[0-9]+ 0 0 [0-9]+ rw - - block_sectors 8 spare_free [0-9]+ spare_failed 0 pending_dropped 0 degraded - queued 0 read_errors 0 write_errors 0 recovered 0 moved_write 0 moved_message 2 evacuated 0 returned 0 stayed 0 commits [0-9]+ flushes [0-9]+ health 1000 scan 0/[0-9]+$" "$(dmsetup status r)"
uuid=$(attr r uuid)
generation=$(generation r)
need dmsetup suspend r
agree "while suspended"
line=$(dmsetup table r)
match "the table line" "^0 32768 remap [0-9]+:[0-9]+ [0-9]+:[0-9]+ 0 8192 2 error_policy any$" "$line"
need dmsetup load r --table "$line"
need dmsetup resume r
agree "after a reload of the same line"
equal "the line is the same" "$line" "$(dmsetup table r)"
equal "the UUID is the same" "$uuid" "$(attr r uuid)"
at_least "the generation did not shrink" "$generation" "$(generation r)"
check "the device goes" dmsetup remove r
[[ ! -e $dir ]] || fail "$dir is still there"
remap_create r "$main" "$spare"
equal "the UUID is the area's own" "$uuid" "$(attr r uuid)"
agree "after a restart"
