#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: an I/O that must not wait goes to main and to the spare as any other, and is told to come again where the map has to change first.
# Lanes: lockdep kasan
# Timeout: 120

. ./lib/lib.sh

load_module
scsi_disk main dev_size_mb=16 delay=0
new_disk spare 4
remap_create r "$main" "$spare"
now() {
    tool sectors "$1" /dev/mapper/r "${@:2}" --nowait
}
# again WHAT ARG...: it is told to come again.
again() {
    refuse "$1" now "${@:2}"
    match "and told why" "Resource temporarily unavailable" "$output"
}
check "sectors are written" tool sectors write /dev/mapper/r 960 128 1 --step 64
move r 960 8 1
scsi_bad_reads 1002 3
scsi_fail_writes 3 0x0c 0
check "a failing write of one sector succeeds" tool sectors write /dev/mapper/r 1001 1 2
scsi_heal_writes
until_true 5 "a write to main" now write 1040 8 2
until_true 5 "and to the spare" now write 960 8 2
until_true 5 "reads of both" now verify 1040 8 2
until_true 5 "without waiting" now verify 960 8 2
map=$(dmsetup message r 0 list)
again "a write that makes sectors on spare" write 1003 1 2
equal "has changed nothing" "$map" "$(dmsetup message r 0 list)"
check "one that may wait does" tool sectors write /dev/mapper/r 1003 1 2
match "what it has to" "^1003 spare" "$(where r 1003)"

# Each command takes a second, and a block is read by sectors.
need sh -c 'echo 100 >/sys/bus/pseudo/drivers/scsi_debug/delay'
need dmsetup message r 0 remap 1064 >/dev/null
until_true 5 "a block is being read" awk '{ exit ($1 != 1) }' "/sys/block/${main##*/}/inflight"
again "a write to a block that moves" write 1064 8 2
again "and a read" verify 1064 8 1
equal "it still moves" 2 "$(attr r remapped)"
until_true 40 "it arrives" remapped r 3
until_true 10 "commands are fast again" sh -c 'echo 0 >/sys/bus/pseudo/drivers/scsi_debug/delay'
until_true 5 "it comes again" now write 1064 8 2
check "and is there" tool sectors verify /dev/mapper/r 1064 8 2
