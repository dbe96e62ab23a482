# SPDX-License-Identifier: GPL-2.0-only
#
# Power cuts. dm-log-writes records what reaches a disk; afterwards the disk is rebuilt as a cut at
# any of many moments would have left it, with its cache lost, or with a random half of that kept.
# Killing a guest is no power cut: the memory behind its disks survives it.

# cut_disk NAME MIB: a disk that can lose its power. What is under test uses /dev/mapper/NAME-gate,
# and `tool sectors hammer --log NAME` makes the cuts; see tests/tools. At most four in a test.
CUT_DISKS=0
cut_disk() {
    local name=$1 size=$2 ram=/dev/ram$((CUT_DISKS * 2)) copy=/dev/ram$((CUT_DISKS * 2 + 1))
    local log=${name}_log
    load dm-log-writes
    load dm-delay
    if ((CUT_DISKS++ == 0)); then
        ram_disks 8 64
        # Hundreds of suspends and removals would do little else than wait for RCU.
        put 1 /sys/kernel/rcu_expedited
    fi
    new_disk "$log" 1024
    dm_slice "$name-disk" "$copy" 0 $((size * 2048))
    printf -v "${name}_disk" %s "/dev/mapper/$name-disk"
    dm_create "$name" "0 $((size * 2048)) log-writes $ram ${!log}"
    # Two flushes at a time could enter the log in the wrong order, and what was written after a cut would
    # look as if it had been cached at it. So they pass through the one thread of a delay target; with a
    # memory disk below, a flush is over when the next one begins. That target is never suspended,
    # for then it lets flushes pass beside its thread: the gate above it is. The end of it
    # is where a cut leaves its name.
    local part="/dev/mapper/$name 0"
    dm_create "$name-order" "0 $((size * 2048 - 8)) delay $part 0 $part 0 $part 1"
    dm_create "$name-gate" "0 $((size * 2048 - 8)) linear /dev/mapper/$name-order 0"
}

# cut_all SEED RECORD TABLE NAME...: ends the recording of these disks. Then for each cut, the
# table line on the disks as they were (in it, NAME_disk stands for them) is compared with the
# record of the hammer, once with the caches lost and once with a half of them kept.
cut_all() {
    local seed=$1 record=$2 table=$3 specs=() name log disk
    for name in "${@:4}"; do
        need dm_remove "$name-gate"
        need dm_remove "$name-order"
        need dm_remove "$name"
        log=${name}_log
        disk=${name}_disk
        specs+=("${!log}:${!disk}")
        table=${table//$disk/${!disk}}
    done
    tool sectors cuts "$seed" "$record" "$table" "${specs[@]}"
}
