#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: what a suspend breaks off between two requests of one of the scanner's reads is read again: what is bad there is found in the same pass; meanwhile the scanner waits.
# Lanes: lockdep kasan

. ./lib/lib.sh
. ./lib/scan.sh

load_module
null_disk disk 16
dm_create main "0 32768 linear /dev/disk 0"
new_disk spare 8
remap_create r /dev/mapper/main "$spare" 0 16384 error_policy any
scan_files
put 10 "$scan/intensity"
# The first read is 1 MiB. Of that, one block lives on the spare, so it takes two requests.
ask r remap 1024
equal "a block is on the spare" 1 "$(attr r remapped)"
null_bad disk 1500 1500
# What comes to main waits, until the test is over at the latest.
at_exit dmsetup resume main
need dmsetup suspend --nolockfs --noflush main
need dmsetup message r 0 scan now
until_true 10 "the first read is under way" scan_state running
before=$(counter /dev/disk read_sectors)
dmsetup suspend --nolockfs r &
suspend=$!
# Words that change nothing, until they are refused.
suspended() {
    ! dmsetup message r 0 scan now
}
until_true 10 "nothing may change any more" suspended
equal "the scanner waits" waiting "$(attr r scan/state)"
need dmsetup resume main
wait $suspend || fail "it is not suspended"
equal "the first request has ended, and no other came" 1024 $(($(counter /dev/disk read_sectors) - before))
equal "it still waits" waiting "$(attr r scan/state)"
equal "nothing is found yet" 0 "$(attr r pending)"
need dmsetup resume r
until_true 30 "the pass ends" passes 1
equal "what is bad was found" 1 "$(attr r pending)"
