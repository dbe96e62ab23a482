#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: when the map cannot change the scan goes on, and finds what is bad, but the same once only: it cannot be marked.
# Lanes: lockdep

. ./lib/lib.sh
. ./lib/scan.sh

load_module
null_disk nmain 32
null_disk nspare 8
remap_create r /dev/nmain /dev/nspare 0 16384 error_policy any
scan_files
put 10 "$scan/intensity"
move r 0 8 1
# The whole log: whatever is written next is not.
places=$(log_places /dev/nspare r 64)
for place in $places; do
    null_bad nspare $((place + 8)) $((place + 263))
done
null_bad nmain 200 200
refuse "a write whose commit fails" tool sectors write /dev/mapper/r 200 1 1
equal "the map cannot change" ro "$(attr r state)"
before=$(attr r scan/errors)
for bad in 9000 20000 20008 30000; do
    null_bad nmain $bad $bad
done
pass 1
found=$(attr r scan/errors)
at_least "it finds what is bad" 3 $((found - before))
equal "it is not marked" 0 "$(attr r pending)"
tracked=$(attr r map/tracked_regions)
at_least "but known" 3 "$tracked"
need date -s "@$((EPOCHSECONDS + 7200))" >/dev/null
evidence=$(cut -d " " -f 1-14 "$scan/../health/evidence")
pass 2
need date -s "@$((EPOCHSECONDS + 7200))" >/dev/null
equal "another pass finds nothing new" "$found" "$(attr r scan/errors)"
equal "nor does the evidence" "$evidence" "$(cut -d " " -f 1-14 "$scan/../health/evidence")"
