#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the limits of both devices are stacked: block sizes, sizes of an I/O, write cache; there is no polling and there are no atomic writes.
# Lanes: lockdep vm
# Processors: 1

. ./lib/lib.sh

load_module
queue() {
    cat "/sys/block/$(disk_name "$1")/queue/$2"
}
null_disk small 16 max_sectors=64 blocksize=512
null_disk large 16 blocksize=4096
new_disk plain 16

remap_create a /dev/small "$plain"
equal "the smaller I/O counts, of main" 32 "$(queue /dev/mapper/a max_hw_sectors_kb)"
check "larger ones are split" tool sectors write /dev/mapper/a 0 2048 1 --step 2048
check "and are right" tool sectors verify /dev/mapper/a 0 2048 1 --step 2048
match "the write cache of the spare is seen" "write back" "$(queue /dev/mapper/a write_cache)"
check "the device goes" dmsetup remove a
need dd if=/dev/zero of=/dev/small bs=1M oflag=direct status=none count=16
remap_create b "$plain" /dev/small
equal "and of the spare" 32 "$(queue /dev/mapper/b max_hw_sectors_kb)"
check "the device goes" dmsetup remove b
# What would pass by the map, or promise more than it holds: a disk that can be polled, one with atomic writes.
null_disk polled 16 poll_queues=1
equal "main can be polled" 1 "$(queue /dev/polled io_poll)"
remap_create p /dev/polled "$plain"
equal "polling is off" 0 "$(queue /dev/mapper/p io_poll)"
check "the device goes" dmsetup remove p
new_disk blank 4
scsi_disk atomic dev_size_mb=16 atomic_wr=1
at_least "main has atomic writes" 512 "$(queue "$atomic" atomic_write_max_bytes)"
remap_create w "$atomic" "$blank"
equal "none are offered" 0 "$(queue /dev/mapper/w atomic_write_max_bytes)"
check "the device goes" dmsetup remove w
remap_create c /dev/large "$plain"
equal "the larger logical block counts" 4096 "$(queue /dev/mapper/c logical_block_size)"
equal "and the physical one" 4096 "$(queue /dev/mapper/c physical_block_size)"
equal "discards are not offered where main has none" 0 "$(queue /dev/mapper/c discard_max_bytes)"
equal "nor is write zeroes where a device has none" 0 "$(queue /dev/mapper/c write_zeroes_max_bytes)"
match "both devices are named" "\(7, [0-9]+\).*" "$(dmsetup deps c)"
match "and are two" "^2 dependencies" "$(dmsetup deps c)"
