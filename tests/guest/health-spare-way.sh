#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: errors of the way to the spare device, which users and the scanner meet, are nothing to main: they raise no storm and keep no scanner away.
# Lanes: lockdep

. ./lib/lib.sh
. ./lib/scan.sh

load_module
null_disk nmain 16
scsi_disk spare dev_size_mb=16 delay=0 opts=2
remap_create r /dev/nmain "$spare"
scan_files
check "sectors are written" tool sectors write /dev/mapper/r 0 64 1 --step 64
ask r remap 8
equal "a block is on the spare" 1 "$(attr r remapped)"
# Host byte 0x0f: the transport failed fast.
for opcode in 0x28 0x88; do
    scsi_fail 2 1 $opcode 0xf 0 0 0 0 0
done
for ((n = 0; n < 6; n++)); do
    refuse "the spare cannot be read" tool sectors verify /dev/mapper/r 8 8 1
    # The worker has run since.
    ask r unmark 0
    ask r unmark 0
done
if [[ $(cat "$scan/../health/evidence") == *storm* ]]; then fail "a storm: $(cat "$scan/../health/evidence")"; fi
# All of main is read, and the scanner waits for the way to the spare.
stuck() {
    scan_state storm && (($(cut -d ' ' -f 1 "$scan/position") >= 16 * 2048))
}
need dmsetup message r 0 scan now
until_true 60 "the scanner cannot read it either" stuck
if [[ $(cat "$scan/../health/evidence") == *"left out"* ]]; then fail "main has to do with it: $(cat "$scan/../health/evidence")"; fi
need dmsetup message r 0 scan stop
for opcode in 0x28 0x88; do
    scsi_fail - 2 $opcode
done
check "it can be read again" tool sectors verify /dev/mapper/r 8 8 1
pass 1
