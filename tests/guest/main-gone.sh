#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: when main goes in the middle nothing is remapped for it, what lies on the spare is still there, and the device can go.
# Lanes: lockdep kasan
# Timeout: 90

. ./lib/lib.sh

load_module
scsi_disk main dev_size_mb=16 delay=0
new_disk spare 4
remap_create r "$main" "$spare"
check "sectors are written" tool sectors write /dev/mapper/r 0 4096 1 --step 64
move r 80 16 2
"$GUEST_TOOLS/sectors" hammer /dev/mapper/r 1024 1024 --writers 4 --readers 0 --writes 100000 --errors-ok >/tmp/hammer 2>&1 &
hammer=$!
before=$(counter "$main" writes)
busy() { (($(counter "$main" writes) > before + 20)); }
until_true 10 "writes are under way" busy
need sh -c "echo 1 >/sys/block/${main##*/}/device/delete"
refuse "a write fails" tool sectors write /dev/mapper/r 8 8 2
refuse "and a read" tool sectors verify /dev/mapper/r 8 8 1
check "what lies on the spare is there" tool sectors verify /dev/mapper/r 80 16 1
check "and can be written" tool sectors write /dev/mapper/r 80 16 2
check "and read" tool sectors verify /dev/mapper/r 80 16 2
kill $hammer
wait $hammer
refuse "a flush fails" sync --data /dev/mapper/r
equal "no block was remapped for it, and none marked" "2 0 rw" "$(attr r remapped) $(attr r pending) $(attr r state)"
check "the device goes" dmsetup remove r
