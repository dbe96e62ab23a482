#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: remapctl check, dump, restore and repair refuse an area in use, understand what the module wrote, and make areas that the module serves; of a spare device with bad sectors, what cannot be saved is an error and not old data.
# Lanes: lockdep
# Processors: 1
# Timeout: 180

. ./lib/lib.sh
. ./lib/remapctl.sh

load_module
null_disk main 64
new_disk spare 8
new_disk other 8
remap_create r /dev/main "$spare" 2048 8192
move r 0 1 1
move r 640 1 2
check "the first block is written" tool sectors write /dev/mapper/r 0 8 1
check "and the second" tool sectors write /dev/mapper/r 640 8 2
uuid=$(attr r uuid)
area=("$spare" --offset 2048 --length 8192)

for command in check dump; do
    ends "$command of an area in use" 1 $command "${area[@]}"
    match "is refused" "$spare is in use" "$said"
done
ends "repair of one" 1 repair -i "$spare" --offset 2048 --length 8192 -o /tmp/saved
match "likewise" "$spare is in use" "$said"
ends "restore to one" 1 restore -i /dev/null -o "$spare"

need dmsetup remove r
ends "check of an area that the module has closed" 0 check "${area[@]}"
match "it is well" "area $uuid, its last session was closed" "$said"
match "nothing is wrong" "Nothing is wrong." "$said"
ends "its dump" 0 dump --json "${area[@]}" -o /tmp/dump
# On another device, at the same place, with what the spare blocks hold.
ends "is restored elsewhere" 0 restore -i /tmp/dump -o "$other" --offset 2048 --data-from "$spare" --data-offset 2048
ends "which is well" 0 check -q "$other" --offset 2048 --length 8192
ends "and has the same map" 0 dump --json "$other" --offset 2048 --length 8192 -o /tmp/again
check "to the byte" cmp /tmp/dump /tmp/again
remap_create r /dev/main "$other" 2048 8192
equal "the module serves it" "2 $uuid rw" "$(attr r remapped) $(attr r uuid) $(attr r state)"
check "with the data" tool sectors verify /dev/mapper/r 0 8 1
check "of both blocks" tool sectors verify /dev/mapper/r 640 8 2
need dmsetup remove r

# The second spare block cannot be read any more.
block=$(remapctl dump "${area[@]}" | sed -n 's/^640 to 647: on spare block [0-9]*, sector \([0-9]*\) of.*/\1/p')
bad=$((2048 + block))
all=$(sectors_of "$spare")
dm_create failing "0 $bad linear $spare 0
$bad 3 error
$((bad + 3)) $((all - bad - 3)) linear $spare $((bad + 3))"
mkdir -p /tmp/full
need mount -t tmpfs -o size=12k none /tmp/full
at_exit umount /tmp/full
ends "repair to a disk that is full" 1 repair -i /dev/mapper/failing --offset 2048 --length 8192 -o /tmp/full/saved
match "says so" "No space left on device" "$said"
equal "and leaves nothing" "" "$(ls /tmp/full)"
ends "repair tells what it could not read" 1 repair -i /dev/mapper/failing --offset 2048 --length 8192 -o /tmp/saved --output-offset 2048
match "to the sector" "LOSS: sectors 640 to 642: their spare block cannot be read; now lost" "$said"
ends "what it made is well" 0 check /tmp/saved --offset 2048
need dd if=/dev/zero of="$other" bs=1M count=6 status=none conv=fsync
need dd if=/tmp/saved of="$other" bs=1M status=none conv=fsync
remap_create r /dev/main "$other" 2048 8192
equal "the module serves it" "2 3 rw" "$(attr r remapped) $(attr r lost) $(attr r state)"
check "with the data that could be saved" tool sectors verify /dev/mapper/r 0 8 1
check "to the sector" tool sectors verify /dev/mapper/r 643 5 2
refuse "what could not is an error" tool sectors verify /dev/mapper/r 640 1 2

# A file that a loop device stands on.
loop=$(losetup --find --show /tmp/saved)
at_exit losetup -d "$loop"
ends "a file that a loop device has" 1 check /tmp/saved --offset 2048
match "is refused, and told whose it is" "is in use: $loop stands on it" "$said"
