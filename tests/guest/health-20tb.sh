#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: health and scanner of a disk of 20 TB take 1 MiB at most, and memory_bytes is what the allocator gave for the map.
# Lanes: vm

. ./lib/lib.sh
. ./lib/scan.sh

load_module
tracing=/sys/kernel/tracing
need mount -t tracefs tracefs $tracing
at_exit umount $tracing
null_disk nmain $((20 * 1000 * 1000)) memory_backed=0
null_disk nspare 64
table=$(remap_table /dev/nmain /dev/nspare 0 131072 error_policy any)
# unreclaimable VAR: what the kernel holds in slabs, in large allocations and in vmalloc.
unreclaimable() {
    local -n var=$1
    local word kib
    var=0
    while read -r word kib _; do
        case $word in
        SUnreclaim: | VmallocUsed:) var=$((var + kib)) ;;
        esac
    done </proc/meminfo
}
# The keeper and its scanner are made with the device, for a small disk as for a large one.
dm_create r "$table"
scan_files
unreclaimable before
need dmsetup message r 0 scan now
until_true 20 "it reads a disk of 20 TB" scanned_since 10000
at_least "it is one" 39062500000 "$(sectors_of /dev/mapper/r)"
unreclaimable after
at_most "KiB more than before" 1024 $((after - before))
need dmsetup message r 0 scan stop
equal "the map of a disk that is well takes none" 0 "$(attr r map/memory_bytes)"

# The map grows by errors in as many regions, far from each other; what it asks for is 28 bytes for each, twice as often as before.
put "bytes_req==28 || bytes_req==56 || bytes_req==112 || bytes_req==224 || bytes_req==448 || bytes_req==896 || bytes_req==1792" \
    $tracing/events/kmem/kmalloc/filter
put 1 $tracing/events/kmem/kmalloc/enable
regions=40
for ((i = 0; i < regions; i++)); do
    null_bad nmain $((i * 4096 * 2048)) $((i * 4096 * 2048))
done
given=()
for ((i = 0; i < regions; i++)); do
    # More at so many places in an hour would be a storm.
    if ((i % 5 == 4)); then need date -s "@$((EPOCHSECONDS + 7200))" >/dev/null; fi
    dd if=/dev/mapper/r of=/dev/null bs=4096 skip=$((i * 4096 * 256)) count=1 iflag=direct status=none 2>/dev/null
    given[i]=$(attr r map/memory_bytes)
    touched=$(attr r map/tracked_regions)
    ((given[i] <= 64 * touched)) || fail "$touched regions take ${given[i]} bytes"
done
put 0 $tracing/events/kmem/kmalloc/enable
equal "so many regions are tracked" $regions "$touched"
equal "and take so many bytes" 2048 "${given[regions - 1]}"
# The last that was asked for is the one that the map lies in.
match "which the allocator gave" "bytes_req=1792 bytes_alloc=2048 " "$(grep -a 'bytes_req=1792' $tracing/trace | tail -n 1)"
