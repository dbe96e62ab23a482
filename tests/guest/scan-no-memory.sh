#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a scan that gets no memory goes on in small parts and still finds all, and users' I/O never fails for it.
# Lanes: lockdep

. ./lib/lib.sh
. ./lib/scan.sh

load_module
null_disk nmain 64
new_disk spare 16
remap_create r /dev/nmain "$spare" 0 32768 error_policy any
scan_files
check "sectors are written" tool sectors write /dev/mapper/r 0 65536 1 --step 2048
put 10 "$scan/intensity"
debug=/sys/kernel/debug
for kind in failslab fail_page_alloc; do
    put Y $debug/$kind/task-filter
    put N $debug/$kind/ignore-gfp-wait
    put 1 $debug/$kind/interval
    put 100 $debug/$kind/times
    put 0 $debug/$kind/verbose
    put 0 $debug/$kind/probability
done
put Y $debug/failslab/cache-filter
# filtered 0|1: whether the threads that work for the device, and those that the kernel makes, are refused memory.
filtered() {
    local comm
    for comm in /proc/[0-9]*/comm; do
        read -r name 2>/dev/null <"$comm" || continue
        if [[ $name == dm-remap/* || $name == kworker/u* || $name == kworker/R-dm-rem* || $name == kthreadd ]]; then
            echo "$1" >"${comm%/*}/make-it-fail"
        fi
    done
}
# marked COMMAND...: runs it, and counts what it asks for.
marked() {
    (echo 1 >/proc/self/make-it-fail && exec "$@")
}

# A suspended device's memory may be what everybody waits for: what 1 MiB takes is asked for by neither.
put 8 $debug/fail_page_alloc/min-order
put 100 $debug/fail_page_alloc/probability
check "it is started" marked dmsetup message r 0 scan now
need dmsetup suspend r
check "and resumed" marked dmsetup resume r
equal "no large memory was asked for" 100 "$(<$debug/fail_page_alloc/times)"
put 0 $debug/fail_page_alloc/probability
until_true 60 "the pass ends" passes 1
need dmsetup message r 0 scan stop

# reads PASS: how many reads the next pass takes.
reads() {
    local before
    before=$(counter /dev/nmain reads)
    pass "$1"
    reads=$(($(counter /dev/nmain reads) - before))
}
reads 2
# The disk takes a read of 1 MiB in nine requests.
at_most "reads are large" 600 "$reads"
# The buffer went when it stopped. Now the worker gets neither large pages nor room to put small ones together, unless
# it waits for them.
for kind in failslab fail_page_alloc; do
    put Y $debug/$kind/ignore-gfp-wait
    put -1 $debug/$kind/times
done
put 4 $debug/fail_page_alloc/min-order
put 1 /sys/kernel/slab/vmap_area/failslab
filtered 1
put 100 $debug/failslab/probability
put 100 $debug/fail_page_alloc/probability
reads 3
put 0 $debug/fail_page_alloc/probability
put 0 $debug/failslab/probability
put N $debug/failslab/ignore-gfp-wait
filtered 0
# Without a buffer it is a block each.
at_least "in small parts" 8000 "$reads"
kernel_said "no memory for a scan's reads: they are small for a while"
reads 4
at_most "with memory reads are large again" 600 "$reads"

# Now the worker gets none: what it would remember, it cannot.
# Not where users read.
for i in {0..19}; do
    null_bad nmain $((70000 + i * 2500)) $((70000 + i * 2500))
done
for cache in /sys/kernel/slab/*; do
    case ${cache##*/} in
    kmemleak* | debug_objects*) ;;
    *) echo 1 >"$cache/failslab" 2>/dev/null ;;
    esac
done
filtered 1
put 100 $debug/failslab/probability
need dmsetup message r 0 scan now
users=0
while ! passes 5; do
    tool sectors verify /dev/mapper/r 0 65536 1 --step 2048 || fail "a user is refused"
    ((users += 1))
    filtered 1
    ((users < 2000)) || fail "the pass does not end"
done
put 0 $debug/failslab/probability
filtered 0
at_least "users had all their data meanwhile" 1 "$users"
need dmsetup message r 0 scan stop
equal "no user was refused, the map is as it was" "rw 0" "$(attr r state) $(attr r remapped)"
pass 6
equal "with memory all are found" 20 "$(attr r pending)"
at_least "and remembered" 15 "$(attr r map/tracked_regions)"
