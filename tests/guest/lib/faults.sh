# SPDX-License-Identifier: GPL-2.0-only
#
# The fault campaign: a pair of disks whose places fail on request, for `tool sectors faults`.

fault_disks() {
    load_module
    load dm-flakey
    load dm-dust
    need insmod "${GUEST_MODULE%/*}/recorder.ko" pairs=2 log_bytes=4096 main_sectors=16384 spare_sectors=12288
    at_exit rmmod recorder
    # What each device says when it comes up, would be much of the console.
    need sh -c "echo 1 >/sys/kernel/rcu_expedited"
    need sh -c "echo 6 >/proc/sys/kernel/printk"
    # Devices of a kind share caches of requests; while this one has them, none is made nor taken away.
    remap_create idle /dev/main1 /dev/spare1
}
