#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a target may grow, between two lives and live, also in the middle of a remapped block; what is new is main's.
# Lanes: lockdep kasan
# Timeout: 120

. ./lib/lib.sh

load_module
null_disk main 64
new_disk spare 16
len=$(sectors_of "$spare")
check "main holds data" tool sectors write /dev/main 0 2048 1
dm_create r "0 1004 remap /dev/main $spare 0 $len 2 block_sectors 8"
null_bad main 1000 1000
check "the last block moves" tool sectors write /dev/mapper/r 1000 4 2
null_good main 1000 1000
equal "one block is remapped" 1 "$(attr r remapped)"
need dmsetup remove r
dm_create r "0 2048 remap /dev/main $spare 0 $len"
check "what moved is on the spare" tool sectors verify /dev/mapper/r 1000 4 2
check "what is new is main's" tool sectors verify /dev/mapper/r 1004 1044 1
check "and can be written" tool sectors write /dev/mapper/r 1000 8 3
check "with the rest of its block" tool sectors verify /dev/mapper/r 1000 8 3

# Live, and the spare area with it, which another device must not overlap from then on.
need dmsetup remove r
new_disk wide 16
start=4096
dm_create r "0 2044 remap /dev/main $wide 0 $start 2 block_sectors 8"
dm_create q "0 4096 remap /dev/main $wide 16384 8192 2 main_start 65536"
null_bad main 2040 2040
check "the last block moves" tool sectors write /dev/mapper/r 2040 4 4
null_good main 2040 2040
longer="0 32768 remap /dev/main $wide 0 8192"
refuse "a target that would grow into another one's is refused" \
    dmsetup load r --table "0 65544 remap /dev/main $wide 0 8192"
kernel_said "main range overlaps one that another remap device uses"
refuse "and a spare area" dmsetup load r --table "0 32768 remap /dev/main $wide 0 16392"
kernel_said "spare area overlaps a range that another remap device uses"
# Of the two ranges each of these has another one longer: both count, although the first is never resumed.
need dmsetup load r --table "0 2044 remap /dev/main $wide 0 8192"
need dmsetup load r --table "0 32768 remap /dev/main $wide 0 $start"
refuse "the range of a table that was loaded is its own" \
    dmsetup create p --table "0 4096 remap /dev/main $wide 24576 8192 2 main_start 16384"
equal "which is the reason" 2 "$(kernel_log | grep -c 'main range overlaps one that another remap device uses')"
refuse "and the spare area of the one before" \
    dmsetup create p --table "0 4096 remap /dev/main $wide 4096 4096 2 main_start 81920"
equal "for the like reason" 2 "$(kernel_log | grep -c 'spare area overlaps a range that another remap device uses')"
check "sectors behind the target are written" tool sectors write /dev/main 2044 64 1
need dd if=/dev/zero of=/dev/mapper/r bs=512 count=1024 oflag=direct status=none
"$GUEST_TOOLS/sectors" hammer /dev/mapper/r 0 1024 --writers 2 --readers 0 --writes 300 >/tmp/hammer 2>&1 &
hammer=$!
need dmsetup load r --table "$longer"
equal "a table that is not resumed changes nothing" 2044 "$(blockdev --getsz /dev/mapper/r)"
need dmsetup suspend r
need dmsetup resume r
wait $hammer || fail "a writer did not see its data: $(</tmp/hammer)"
equal "the device has grown" 32768 "$(blockdev --getsz /dev/mapper/r)"
check "what moved is on the spare" tool sectors verify /dev/mapper/r 2040 4 4
check "what is new is main's" tool sectors verify /dev/mapper/r 2044 64 1
null_bad main 16000 16000
check "a failing write there moves its block" tool sectors write /dev/mapper/r 16000 8 5
match "which can be asked for" "^16000 spare" "$(where r 16000)"
refuse "it does not shrink again" dmsetup load r --table "0 16384 remap /dev/main $wide 0 8192"
kernel_said "a reload changes features, or makes a range longer"
need dmsetup remove r
refuse "also not in its next life" dmsetup create r --table "0 2044 remap /dev/main $wide 0 $start"
dm_create r "$longer"
equal "what moved since is remapped" 2 "$(attr r remapped)"
check "and there" tool sectors verify /dev/mapper/r 16000 8 5
check "with the other block" tool sectors verify /dev/mapper/r 2040 4 4
