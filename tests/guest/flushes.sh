#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a flush reaches main always, and the spare whenever it holds data since the last flush; FUA reaches the device written.
# Lanes: lockdep kasan vm

. ./lib/lib.sh

load_module
new_disk main 16
new_disk spare 4
remap_create r "$main" "$spare"
# flush: how many flushes main and the spare saw of one fdatasync.
flush() {
    local main_before spare_before
    main_before=$(counter "$main" flushes)
    spare_before=$(counter "$spare" flushes)
    need sync --data /dev/mapper/r
    seen="$(($(counter "$main" flushes) - main_before)) $(($(counter "$spare" flushes) - spare_before))"
}
check "main is written" tool sectors write /dev/mapper/r 0 64 1
flush
equal "only main is flushed while nothing is on the spare" "1 0" "$seen"
move r 8 8 1
flush
equal "the move was flushed when it happened" "1 0" "$seen"
check "the moved block is written" tool sectors write /dev/mapper/r 8 8 2
flush
equal "both are flushed" "1 1" "$seen"
flush
equal "and the spare not a second time" "1 0" "$seen"
check "the moved block is read" tool sectors verify /dev/mapper/r 8 8 2
flush
equal "nor after a read" "1 0" "$seen"
before=$(counter "$spare" flushes)
check "a FUA write to the moved block" tool sectors write /dev/mapper/r 8 8 3 --durable
at_least "makes the spare write it through" $((before + 1)) "$(counter "$spare" flushes)"
check "the moved block is written, and nothing flushed" tool sectors write /dev/mapper/r 8 8 4
need dmsetup remove r
remap_create r "$main" "$spare"
flush
equal "the first flush after a close covers what was written before it" "1 1" "$seen"
flush
equal "the second needs not" "1 0" "$seen"
