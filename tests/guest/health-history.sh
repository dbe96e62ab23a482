#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the history of a disk's health is not another disk's, and can be forgotten; no image that could not be written or read costs one that is whole; short passes write none.
# Lanes: lockdep kasan

. ./lib/lib.sh
. ./lib/scan.sh

load_module
null_disk nmain 64
null_disk nspare 8
dm_slice main /dev/nmain 0 131072
feature="error_policy any"
# shellcheck disable=SC2086
start() {
    dm_create r "$(remap_table /dev/mapper/main /dev/nspare 0 "" $feature)"
}
# met REGION: a user meets a bad sector there, of which the disk is to know more than it has saved.
met() {
    null_bad nmain $(($1 * 2048)) $(($1 * 2048))
    refuse "a user meets region $1" tool sectors verify /dev/mapper/r $(($1 * 2048)) 1 1
}
pause() {
    need dmsetup suspend r
    need dmsetup resume r
}
tracked() {
    attr r map/tracked_regions
}
# image ODD: the first block of a slot.
image() {
    content /dev/nspare "${slot[$1]}" 8
}
start
equal "nothing is known" 0 "$(tracked)"
met 1
pause
met 2
pause
# The images are of one block each; the first one, number 1, lies in the second slot.
grep -abo dmrm-hlt /dev/nspare | cut -d: -f1 >/tmp/slots
mapfile -t slot </tmp/slots
equal "both have one" 2 ${#slot[@]}
slot=($((slot[0] / 512)) $((slot[1] / 512)))

# Writes to the slot that is next fail.
null_bad nspare "${slot[1]}" $((slot[1] + 7))
before=$(image 0)
for region in 3 4; do
    met $region
    pause
    equal "an image that cannot be written costs none that is there" "$before" "$(image 0)"
done
null_good nspare "${slot[1]}" $((slot[1] + 7))
check "the device goes" dmsetup remove r
start
equal "and is written when that can be done" 4 "$(tracked)"

# The newest image, in the second slot, cannot be read.
check "the device goes" dmsetup remove r
null_bad nspare "${slot[1]}" $((slot[1] + 7))
before=$(image 0)
start
kernel_said "what was known of its health could not be read"
equal "the one before it serves" 2 "$(tracked)"
null_good nspare "${slot[1]}" $((slot[1] + 7))
met 5
pause
equal "and stays" "$before" "$(image 0)"
check "the device goes" dmsetup remove r
start
equal "what came last counts" 3 "$(tracked)"

# Short passes, one after the other.
scan_files
put 10 "$scan/intensity"
writes=$(counter /dev/nspare writes)
for n in 1 2 3 4 5; do
    pass $n
done
at_most "writes for five passes" 8 $(($(counter /dev/nspare writes) - writes))

refuse "it is not forgotten while suspended" sh -c "dmsetup suspend r; dmsetup message r 0 health reset; result=\$?; dmsetup resume r; exit \$result"
at_least "so it is known yet" 3 "$(tracked)"
refuse "nor in two words" dmsetup message r 0 health reset all
check "it is forgotten" dmsetup message r 0 health reset
equal "all of it, scans as well" "0 1000 0 0" "$(tracked) $(attr r health/score) $(attr r scan/passes) $(attr r scan/errors)"
check "the device goes" dmsetup remove r
start
equal "after a restart, too" "0 1000" "$(tracked) $(attr r health/score)"
check "the device goes" dmsetup remove r

# Two disks that both are known to areas of one origin: what was kept for the one lands in the area of the other.
null_disk nother 8
need dd if=/dev/nspare of=/dev/nother bs=1M oflag=direct status=none
for name in one two; do
    need dmsetup create $name --uuid TEST-$name --table "0 131072 linear /dev/nmain 0"
    at_exit dm_remove $name
done
# on MAIN SPARE
on() {
    # shellcheck disable=SC2086
    need dmsetup create r --table "$(remap_table "/dev/mapper/$1" "/dev/$2" 0 "" $feature)"
}
on one nspare
kernel_did_not_say "main is another disk"
met 6
check "the device goes" dmsetup remove r
on two nother
met 7
met 8
check "the device goes" dmsetup remove r
for n in 0 1; do
    need dd if=/dev/nspare of=/dev/nother bs=512 skip="${slot[n]}" seek="${slot[n]}" count=8 oflag=direct status=none
done
on two nother
kernel_said "main is another disk than before: what is known of its health begins anew"
equal "it is judged by nothing of the other" "0 1000" "$(tracked) $(attr r health/score)"
check "the device goes" dmsetup remove r
on one nspare
equal "which has its own" 1 "$(tracked)"
check "the device goes" dmsetup remove r
on two nother
equal "and so has this one" 0 "$(tracked)"
equal "it was told once" 1 "$(kernel_log | grep -c "main is another disk")"
check "the device goes" dmsetup remove r
