#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: what IMA measures of a table names the target, its version, both devices, where they begin, the block size and the state.
# Lanes: vm

. ./lib/lib.sh

load_module
null_disk main 64
new_disk spare 16
need mount -t securityfs none /sys/kernel/security
at_exit umount /sys/kernel/security
ima=/sys/kernel/security/ima
put "measure func=CRITICAL_DATA label=device-mapper" "$ima/policy"

# measured EVENT: what was measured at the newest of them.
measured() {
    local hex
    hex=$(awk -v event="$1" '$5 == event { hex = $6 } END { print hex }' "$ima/ascii_runtime_measurements")
    # The list has it as hexadecimal digits.
    printf '%b\n' "$(sed 's/../\\x&/g' <<<"$hex")"
}

dm_create r "0 4096 remap /dev/main $spare 2048 24576 4 block_sectors 16 main_start 8192"
version=$(dmsetup targets | sed -n 's/^remap *v//p')
read -r _ _ _ main spare _ <<<"$(dmsetup table r)"
match "the table has the devices' numbers" '^[0-9]+:[0-9]+ [0-9]+:[0-9]+$' "$main $spare"
told=$(measured dm_table_load)
match "a table is measured when it is loaded" "name=r,.*;target_index=0,target_begin=0,target_len=4096,target_name=remap," "$told"
match "by its target's version and all that places it" \
    "target_version=${version//./\\.},main=$main,main_start=8192,spare=$spare,spare_start=2048,spare_len=24576,block_sectors=16,state=[a-z_]+;" \
    "$told"
