#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: LVM works on a remap device that moves blocks of its labels and of its volumes, and finds its volumes again.
# Lanes: vm
# Module: dm-remap tests/guest/weak
# Files: stacks

. ./lib/lib.sh
. ./lib/stack.sh

# No udev and no daemons here; and only what is ours is looked at.
lvm() {
    command lvm "$@" --config 'devices { use_devicesfile=0 filter=["a|^/dev/mapper/r$|","r|.*|"] external_device_info_source="none" obtain_device_list_from_udev=0 }
        activation { udev_sync=0 udev_rules=0 monitoring=0 } backup { backup=0 archive=0 } global { locking_dir="/run/lock/lvm" event_activation=0 }'
}
load_module
failing_remap r 64
# The label and the metadata of LVM are in the first MiB.
weak_bad r-disk 8 8 32 2048
more_fails r
check "a physical volume is made" lvm pvcreate -q /dev/mapper/r
check "a volume group" lvm vgcreate -q --physicalextentsize 1m group /dev/mapper/r
check "and two volumes" lvm lvcreate -q -an --wipesignatures n --zero n --size 8m --name first group
check "with space between them" lvm lvcreate -q -an --wipesignatures n --zero n --size 8m --name second group
has_moved r 3 "LVM's own metadata"
check "they are activated" lvm vgchange -q -ay group
at_exit lvm vgchange -q -an group
check "one is filled" tool sectors write /dev/group/first 0 16384 1 --step 128
more_fails r
check "and the other" tool sectors write /dev/group/second 0 16384 2 --step 128
check "the first grows around it" lvm lvextend -q --size 12m group/first
check "and is filled again" tool sectors write /dev/group/first 0 24576 3 --step 128
has_moved r 50 "filling them"
check "both are there" tool sectors verify /dev/group/first 0 24576 3 --step 128
check "both" tool sectors verify /dev/group/second 0 16384 2 --step 128
check "they are deactivated" lvm vgchange -q -an group
restart r
check "they are found again" lvm vgchange -q -ay group
check "with their data" tool sectors verify /dev/group/first 0 24576 3 --step 128
check "all of it" tool sectors verify /dev/group/second 0 16384 2 --step 128
check "the group is consistent" lvm vgck group
check "they are deactivated" lvm vgchange -q -an group
came_through r
