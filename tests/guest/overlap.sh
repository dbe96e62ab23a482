#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a second device whose main range or spare area overlaps one in use is refused; disjoint ranges of one disk are not.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh

load_module
null_disk ndisk 32
partitioned disk /dev/ndisk 2048 8192 16384 32768
new_disk main 16
new_disk spare 16
remap_create r "${disk}p2" "$spare" 0 8192
before=$(content "$spare")
refuse "the same spare area" dmsetup create x --table "0 32768 remap $main $spare 0 8192"
refuse "a part of it" dmsetup create x --table "0 32768 remap $main $spare 8184 8192"
kernel_said "remap: spare area overlaps a range that another remap device uses"
refuse "the same main" dmsetup create x --table "0 32768 remap ${disk}p2 $spare 8192 8192"
kernel_said "remap: main range overlaps one that another remap device uses"
refuse "its disk, as far as the partition goes" dmsetup create x \
    --table "0 8192 remap $disk $spare 8192 8192 2 main_start 45056"
refuse "its disk as a spare" dmsetup create x --table "0 32768 remap $main $disk 40960 8192"
refuse "its spare area as main" dmsetup create x --table "0 1024 remap $spare $main 0 8192"
equal "the area is as it was" "$before" "$(content "$spare")"
check "what lies beside them is free" dmsetup create x --table "0 8192 remap ${disk}p1 $spare 8192 8192"
at_exit dm_remove x
check "and serves" tool sectors write /dev/mapper/x 0 64 1
check "as the first does" tool sectors write /dev/mapper/r 0 64 2
check "each its own" tool sectors verify /dev/mapper/x 0 64 1
check "the first device goes" dmsetup remove r
check "its range is free again" dmsetup create r --table "0 32768 remap ${disk}p2 $spare 0 8192"

# Mains of one size without names are the same main, as far as an area can tell: the live one has it.
null_disk one 16
null_disk two 16
new_disk shared 4
remap_create a /dev/one "$shared"
before=$(content "$shared")
refuse "one spare area for two such devices" dmsetup create b --table "$(remap_table /dev/two "$shared")"
equal "said as often as it was so" 2 \
    "$(kernel_log | grep -c "remap: spare area overlaps a range that another remap device uses")"
equal "the area is as it was" "$before" "$(content "$shared")"
