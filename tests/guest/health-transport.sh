#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: errors of the way to the disk, which users meet, flushes too, are nothing against the disk: they keep the scanner away and leave out what the same hour had.
# Lanes: lockdep

. ./lib/lib.sh
. ./lib/scan.sh

load_module
scsi_disk main dev_size_mb=64 delay=0 opts=2
new_disk spare 8
remap_create r "$main" "$spare"
scan_files
put 1 "$scan/intensity"
put 1024 "$scan/speed_max"
put 1024 "$scan/speed_min"
check "sectors are written" tool sectors write /dev/mapper/r 0 4096 1 --step 64
# A bad sector, met by a user: it waits for its hour.
scsi_bad_reads 5000 1
refuse "a bad sector" tool sectors verify /dev/mapper/r 5000 1 1
scsi_good_reads
equal "is pending" 1 "$(attr r pending)"
equal "and its region known" 1 "$(attr r map/tracked_regions)"
check "it is told" dmsetup message r 0 scan now
until_true 20 "it reads" scanned_since 64
# Host byte 0x0f: the transport failed fast.
for opcode in 0x28 0x88; do
    scsi_fail 2 1 $opcode 0xf 0 0 0 0 0
done
left_out() {
    [[ $(cat "$scan/../health/evidence") == *"1 storms"* ]]
}
tries=0
until left_out; do
    tool sectors verify /dev/mapper/r 128 8 1 >/dev/null 2>&1 && fail "it can be read"
    ((tries += 1))
    ((tries < 60)) || fail "no storm after $tries errors of the way: $(cat "$scan/../health/evidence")"
done
echo "ok: $tries errors of the way are a storm"
equal "what waited is taken back" "0 1000" "$(attr r map/tracked_regions) $(attr r health/score)"
equal "the scanner keeps away" storm "$(attr r scan/state)"
equal "nothing was marked for them" "1 rw" "$(attr r pending) $(attr r state)"
for opcode in 0x28 0x88; do
    scsi_fail - 2 $opcode
done
need date -s "@$((EPOCHSECONDS + 7200))" >/dev/null
match "what was before them does not count" "^0 episodes with errors" "$(cat "$scan/../health/evidence")"
before=$(attr r scan/sectors_read)
until_true 30 "the scanner goes on" scanned_since "$before"
for opcode in 0x35 0x91; do
    scsi_fail 2 1 $opcode 0xf 0 0 0 0 0
done
refuse "a flush that fails for the way" sync --data /dev/mapper/r
until_true 5 "keeps it away, too" scan_state storm
