#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a flush that failed on either device fails the next flush and the next FUA write as well, and then no more.
# Lanes: lockdep

. ./lib/lib.sh

load_module
new_disk below_main 16
new_disk below_spare 4
good_main="0 32768 linear $below_main 0"
good_spare="0 8192 linear $below_spare 0"
load dm-flakey
dm_create m "$good_main"
dm_create s "$good_spare"
remap_create r /dev/mapper/m /dev/mapper/s
check "sectors are written" tool sectors write /dev/mapper/r 0 64 1
check "and flushed" sync --data /dev/mapper/r
move r 8 8 1
# sticky WHO: what comes after a flush that failed there.
sticky() {
    refuse "the flush after one that failed on $1 fails" sync --data /dev/mapper/r
    refuse "and the first FUA write" tool sectors write /dev/mapper/r 32 8 2 --durable
    check "the second one succeeds" tool sectors write /dev/mapper/r 32 8 2 --durable
    check "and so does a flush" sync --data /dev/mapper/r
}
swap m "0 32768 flakey $below_main 0 0 60"
refuse "a flush fails on main" sync --data /dev/mapper/r
swap m "$good_main"
sticky main
check "the moved block is written" tool sectors write /dev/mapper/r 8 8 2
swap s "0 8192 flakey $below_spare 0 0 60"
refuse "a flush fails on the spare" sync --data /dev/mapper/r
swap s "$good_spare"
sticky "the spare"
check "the data is there" tool sectors verify /dev/mapper/r 8 8 2
# Without data on the spare that is not flushed, a dead spare is no obstacle.
swap s "0 8192 flakey $below_spare 0 0 60"
check "a flush with nothing on the spare" sync --data /dev/mapper/r
check "and a write to main" tool sectors write /dev/mapper/r 64 8 2 --durable
refuse "a write to the moved block fails" tool sectors write /dev/mapper/r 8 8 3
swap s "$good_spare"
check "and nothing is lost" tool sectors verify /dev/mapper/r 16 8 1
equal "the state is" "rw 1" "$(attr r state) $(attr r remapped)"
