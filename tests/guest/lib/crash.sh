# SPDX-License-Identifier: GPL-2.0-only
#
# The crash campaign: disks that record what happens to them, for `tool sectors crash`.

# crash_disks PLAYERS [PARAM=VALUE...]: loads the target and the recorder, with a pair of disks for each
# player and one for a device that is idle.
crash_disks() {
    load_module
    need insmod "${GUEST_MODULE%/*}/recorder.ko" pairs=$(($1 + 1)) "${@:2}"
    at_exit rmmod recorder
    # What each device says when it comes up would be most of the console.
    need sh -c "echo 6 >/proc/sys/kernel/printk"
    # Thousands of removals would do little else than wait for RCU.
    need sh -c "echo 1 >/sys/kernel/rcu_expedited"
    # Devices of a kind share caches of requests; while this one has them, no removal waits for their end.
    remap_create idle "/dev/main$1" "/dev/spare$1"
}
