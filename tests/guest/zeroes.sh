#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: write zeroes gives zeros wherever sectors live, also where a device refuses or has no such command.
# Lanes: lockdep kasan
# Timeout: 120

. ./lib/lib.sh

load_module
most() {
    cat "/sys/block/$(disk_name "$1")/queue/write_zeroes_max_bytes"
}
# zero DEVICE FROM COUNT: a write-zeroes request, never writes instead of it.
zero() {
    fallocate --punch-hole --offset $(($2 * 512)) --length $(($3 * 512)) "$1"
}
scsi_disk main dev_size_mb=16 delay=0 lbpu=1 lbpws=1 lbpws10=1
new_disk spare 4
remap_create r "$main" "$spare"
at_least "it is offered where both have it" 4096 "$(most /dev/mapper/r)"
at_most "and not at any length" 4194304 "$(most /dev/mapper/r)"

check "sectors are written" tool sectors write /dev/mapper/r 0 2048 1 --step 64
move r 80 8 1
scsi_bad_reads 1002 3
scsi_fail_writes 3 0x0c 0
check "a failing write of one sector succeeds" tool sectors write /dev/mapper/r 1001 1 2
scsi_heal_writes
scsi_good_reads
match "not all of its block is on the spare" "^1002 only-on-main" "$(where r 1002)"
before=$(counter "$main" writes)
check "all of it is made zeros" zero /dev/mapper/r 64 1024
check "which are read" zeros /dev/mapper/r 64 1024
match "with real ones on the spare" "^1002 spare [0-9]+ 2
1004 spare [0-9]+ 4" "$(where r 1002; where r 1004)"
at_most "main was not written sector by sector" $((before + 8)) "$(counter "$main" writes)"
check "below the spare main has what it had" tool sectors verify "$main" 1002 3 1
check "the rest is as it was" tool sectors verify /dev/mapper/r 1088 960 1
check "on both sides" tool sectors verify /dev/mapper/r 0 64 1
check "the device goes" dmsetup remove r
remap_create r "$main" "$spare"
check "the zeros are there after a restart" zeros /dev/mapper/r 64 1024
equal "two blocks are remapped" 2 "$(attr r remapped)"

# Main refuses the command alone: nothing is wrong with its medium.
scsi_fail_zeroes 3 0x0c 0
check "zeros over a disk that fails the command" zero /dev/mapper/r 1200 64
check "are zeros" zeros /dev/mapper/r 1200 64
equal "and nothing moved" 2 "$(attr r remapped)"
# And the writes as well.
scsi_fail_writes 3 0x0c 0
check "zeros over a bad medium" zero /dev/mapper/r 1300 4
scsi_heal_writes
equal "moved its block" 3 "$(attr r remapped)"
check "are zeros" zeros /dev/mapper/r 1300 4
check "beside what was there" tool sectors verify /dev/mapper/r 1296 4 1
check "before and behind it" tool sectors verify /dev/mapper/r 1304 64 1
check "the device goes" dmsetup remove r

# A loop device offers it, and learns from the file system that it cannot.
new_disk other 16
need dd if=/dev/zero of="$spare" bs=1M count=4 oflag=direct status=none
remap_create r "$other" "$spare"
check "sectors are written" tool sectors write /dev/mapper/r 0 256 1 --step 64
move r 80 8 1
at_least "it is offered" 4096 "$(most /dev/mapper/r)"
before=$(counter /dev/mapper/r write_sectors)
check "zeros that main does not support" blkdiscard --zeroout --offset 0 --length 65536 /dev/mapper/r
equal "nobody above had to write them instead" $((before + 128)) "$(counter /dev/mapper/r write_sectors)"
check "are zeros" zeros /dev/mapper/r 0 128
check "and no more" tool sectors verify /dev/mapper/r 128 128 1
equal "nothing moved" 1 "$(attr r remapped)"
check "the device goes" dmsetup remove r

null_disk plain 16
need dd if=/dev/zero of="$spare" bs=1M count=4 oflag=direct status=none
remap_create r /dev/plain "$spare"
equal "it is not offered where main has none" 0 "$(most /dev/mapper/r)"
check "sectors are written" tool sectors write /dev/mapper/r 0 128 1 --step 64
move r 80 8 1
check "and zeros are written instead" blkdiscard --zeroout --offset 0 --length 32768 /dev/mapper/r
check "which are read" zeros /dev/mapper/r 0 64
