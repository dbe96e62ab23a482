#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the safe layers under dm-remap carry I/O, errors, events and reloads without losing a bio.
# Lanes: lockdep kasan vm
# Module: tests/guest/linear
# Timeout: 900

. ../lib/lib.sh

load dm-mod
need insmod "${GUEST_MODULE%/*}/linear.ko"
at_exit rmmod linear

new_disk disk 16
null_disk bad 16
bad=/dev/bad

refuse "a missing argument is refused" dmsetup create t --table "0 8 linear-test $disk"
kernel_said "want <device> <start>"
refuse "a range past the end is refused" dmsetup create t --table "0 32768 linear-test $disk 8"
kernel_said "the device is too small"

dm_create t "0 16384 linear-test $disk 2048"
dev=/dev/mapper/t
equal "the table line" "0 16384 linear-test $(dmsetup deps -o devno t | grep -oE '[0-9]+, [0-9]+' | tr -d ' ' | tr , :) 2048" "$(dmsetup table t)"
check "sectors are written" tool sectors write $dev 0 4096 1
check "and read" tool sectors verify $dev 0 4096 1
check "they are where they belong" cmp -n 2097152 $dev "$disk" 0 1048576
check "a flush passes" dd if=/dev/zero of=$dev bs=4k count=1 oflag=direct conv=fsync status=none
if type -P blkdiscard >/dev/null; then
    check "a discard passes" blkdiscard -o 4194304 -l 1048576 $dev
fi

# A message publishes a new value under the readers in flight.
read_on() {
    local n
    for n in {1..6}; do tool sectors verify $dev 64 1000 1 || return; done
}
read_on &
reader=$!
for n in {1..12}; do
    equal "the reply" "$n" "$(dmsetup message t 0 stamp $((n % 3 == 0)))"
done
wait $reader
equal "readers went on" 0 $?
refuse "an unknown message is refused" dmsetup message t 0 other

# Reload and suspend under I/O.
read_on &
reader=$!
for n in {1..5}; do
    need dmsetup reload t --table "0 16384 linear-test $disk 2048"
    need dmsetup suspend t
    need dmsetup resume t
done
wait $reader
equal "readers went through reloads" 0 $?

# A read that fails comes back through the worker: by its own I/O when small, sent again when not.
need dd if=/dev/urandom of=$bad bs=1M count=16 oflag=direct status=none
dm_create e "0 32768 linear-test $bad 0"
null_bad bad 100 100
event=$(dmsetup info -c --noheadings -o events e)
refuse "a small read of a bad sector fails" dd if=/dev/mapper/e of=/dev/null bs=4k skip=12 count=1 iflag=direct status=none
equal "after one retry" "0 32768 linear-test 1" "$(dmsetup status e)"
at_least "which raised an event" $((event + 1)) "$(dmsetup info -c --noheadings -o events e)"
refuse "a large read fails" dd if=/dev/mapper/e of=/dev/null bs=128k count=1 iflag=direct status=none
equal "after another" "0 32768 linear-test 2" "$(dmsetup status e)"
attribute=/sys/block/dm-$(dmsetup info -c --noheadings -o minor e)/linear-test/retried
equal "sysfs agrees" 2 "$(cat "$attribute")"
store() {
    echo "$1" >"$attribute"
}
refuse "sysfs refuses what it does not know" store 7
check "and takes what it does" store 0
equal "at once" 0 "$(cat "$attribute")"
null_good bad 100 100
check "what is good again is read" dd if=/dev/mapper/e of=/tmp/copy bs=128k count=1 iflag=direct status=none
check "as it is" cmp -n 131072 /tmp/copy $bad

need dmsetup remove e
check "the directory is gone with the device" test ! -e "$attribute"
