#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: each table line that is wrong is refused with its own text, and nothing is written to either device.
# Lanes: lockdep
# Processors: 1
# Timeout: 900

. ./lib/lib.sh

load_module
new_disk main 16
new_disk spare 4
new_disk four 16 4096
new_disk foreign 4
null_disk zoned 64 zoned=1 zone_size=4
dirt "$foreign" 8
before="$(content "$main") $(content "$spare") $(content "$four") $(content "$foreign")"
m=$main
s=$spare
many=99999999999999999999
: >/tmp/expected
count=0
while IFS='|' read -r line text; do
    eval "line=\"$line\""
    [[ $line == [0-9]*' remap'* ]] || line="0 32768 remap $line"
    if dmsetup create bad --table "$line" >/tmp/out 2>&1; then
        fail "'$line' was not refused for '$text'"
    fi
    echo "$text" >>/tmp/expected
    : $((count += 1))
done <<'LIST'
0 32768 remap|the main device is missing: <main_dev> <spare_dev> <spare_start> <spare_len>
$m|the spare device is missing after <main_dev>
$m $s|spare_start is missing after <spare_dev>
$m $s x 8192|spare_start is not a number of sectors
$m $s 1k 8192|spare_start is not a number of sectors
$m $s $many 8192|spare_start is too large a number
$m $s 0|spare_len is missing after <spare_start>
$m $s 0 all|spare_len is not a number of sectors
$m $s 0 $many|spare_len is too large a number
$m $s 0 0|spare_len is zero: there is no spare area
$m $s 8 18446744073709551615|spare_start and spare_len together are too large a number
$m $s 0 8192 x|the number of feature arguments is not a number
$m $s 0 8192 $many|the number of feature arguments is too large a number
$m $s 0 8192 0 no_auto_remap|there are more feature arguments than their number says
$m $s 0 8192 1 no_auto_remap x|there are more feature arguments than their number says
$m $s 0 8192 2 no_auto_remap|there are fewer feature arguments than their number says
$m $s 0 8192 1|there are fewer feature arguments than their number says
$m $s 0 8192 1 fast|unknown feature: try block_sectors, main_start, error_policy, pending_writes, no_auto_remap, scan
$m $s 0 8192 4 block_sectors 8 block_sectors 8|block_sectors is given twice
$m $s 0 8192 4 main_start 0 main_start 0|main_start is given twice
$m $s 0 8192 4 error_policy any error_policy any|error_policy is given twice
$m $s 0 8192 2 no_auto_remap no_auto_remap|no_auto_remap is given twice
$m $s 0 8192 1 pending_writes|pending_writes is without remap or main
$m $s 0 8192 2 pending_writes spare|pending_writes is neither remap nor main
$m $s 0 8192 4 pending_writes main pending_writes main|pending_writes is given twice
$m $s 0 8192 1 block_sectors|block_sectors is without its number of sectors
$m $s 0 8192 1 main_start|main_start is without its sector
$m $s 0 8192 1 error_policy|error_policy is without medium, confirm or any
$m $s 0 8192 2 block_sectors x|block_sectors is not a number of sectors
$m $s 0 8192 2 block_sectors $many|block_sectors is too large a number
$m $s 0 8192 2 block_sectors 0|block_sectors is zero
$m $s 0 8192 2 block_sectors 12|block_sectors is not a power of two
$m $s 0 8192 2 block_sectors 4096|block_sectors is more than 2048 (1 MiB)
$m $s 0 8192 2 main_start x|main_start is not a number of sectors
$m $s 0 8192 2 main_start $many|main_start is too large a number
$m $s 0 8192 2 error_policy never|error_policy is none of medium, confirm and any
/dev/nothing $s 0 8192|main device cannot be opened
$m /dev/nothing 0 8192|spare device cannot be opened
/dev/zoned $s 0 8192|main is a zoned device, which is not supported
$m /dev/zoned 0 8192|the spare is a zoned device, which is not supported
$m $four 0 8192|the spare's logical block size is larger than main's
0 32763 remap $four $s 0 8192|the target's length is not a multiple of the logical block size
0 16384 remap $four $s 0 8192 2 main_start 4|main_start is not a multiple of the logical block size
$four $s 4 8184|spare_start is not a multiple of the logical block size
$four $s 0 8188|spare_len is not a multiple of the logical block size
$four $s 0 8192 2 block_sectors 4|block_sectors is less than the logical block size
0 8 remap $m $s 0 8192 2 main_start 32768|main_start is past the end of the main device
$m $s 0 8192 2 main_start 8|the main device ends before main_start and the target's length
0 32776 remap $m $s 0 8192|the main device ends before main_start and the target's length
$m $s 8192 8|spare_start is past the end of the spare device
$m $s 8 8192|the spare device ends before spare_start and spare_len
$m $m 16384 16384|the spare area overlaps the target's range of the same device
0 16384 remap $m $m 8192 4096|the spare area overlaps the target's range of the same device
$m $s 0 2440|spare area too small for two superblocks, two logs and 16 spare blocks
$m $foreign 0 8192|spare area is neither blank nor formatted
LIST
at_least "so many were tried" 40 $count
kernel_log | sed -n 's/.*device-mapper: table: [^ ]* remap: \(.*\) (-[A-Z0-9]*)$/\1/p' >/tmp/said
diff /tmp/expected /tmp/said || fail "the texts above marked with < were expected, those with > were seen"
echo "ok: each was refused with its own text"
# These two are device-mapper's own, for a target that says it takes a whole table.
refuse "two targets in a table" dmsetup create bad --table "0 1024 remap $main $spare 0 8192
1024 1024 remap $main $spare 0 8192 2 main_start 1024"
kernel_said "must appear alone in table"
equal "no device was written" "$before" \
    "$(content "$main") $(content "$spare") $(content "$four") $(content "$foreign")"
