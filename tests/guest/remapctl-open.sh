#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: remapctl format makes a spare area over whatever is no data, refuses what is in use or holds something, and changes nothing then; open finds what was formatted; close refuses a device in use and keeps the map.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh
. ./lib/remapctl.sh

load_module
null_disk main 64
new_disk spare 20
number=0 holds=
# prepared COMMAND...: after it, this is what the spare device holds.
prepared() {
    need "$@"
    holds=$(content "$spare")
}
# refused WHAT PATTERN ARGUMENT...: with one line that says why, and nothing is written.
refused() {
    local what=$1 pattern=$2
    ends "$what" 1 "${@:3}"
    match "it is said why" "remapctl: .*$pattern" "$said"
    equal "nothing was written" "$holds" "$(content "$spare")"
    equal "no device is left" "$number" "$(dmsetup ls --target remap | grep -c "(")"
}
# What a file system of an administrator is, and what a spare device may have been.
need mke2fs -q -F -t ext4 -O ^has_journal /dev/main
need mkdir /tmp/mnt
need mount /dev/main /tmp/mnt
echo "what is to be saved" >/tmp/mnt/file
prepared true
refused "main is mounted" "/dev/main is in use: /tmp/mnt" format /dev/main "$spare" --yes
need umount /tmp/mnt
dm_slice holder "$spare" 0 8
refused "the spare device is part of another" "$spare is in use: /dev/mapper/holder" format /dev/main "$spare" --yes
need dmsetup remove holder
prepared mke2fs -q -F -t ext4 -L backup "$spare" 16384
refused "the spare device holds a file system" "$spare holds ext4, labelled backup: --overwrite gives that up" \
    format /dev/main "$spare" --yes
ends "it is given up where the area is" 0 format /dev/main "$spare" --spare-start 32768 --overwrite --yes
match "and what is left of it is told" "to others $spare is still ext4, labelled backup, .*: if that is over, wipefs -a $spare" "$said"
need dd if=/dev/zero of="$spare" bs=1M count=20 oflag=direct status=none
prepared mke2fs -q -F -t ext4 -E offset=$((1024 * 1024)) "$spare" 16384
refused "the range of the area holds one" "$spare holds ext4: --overwrite" format /dev/main "$spare" --spare-start 2048 --yes
prepared dd if=/dev/urandom of="$spare" bs=1M count=20 oflag=direct status=none
refused "nobody can be asked" "nobody can be asked: --yes" format /dev/main "$spare"
match "what would be done is said" "main    /dev/main, 64 MiB from sector 0: its data stays" "$said"
match "and where" "spare   $spare, 20 MiB from sector 0: what is there is lost" "$said"
match "and that it is little" "about [0-9,]+ spare blocks; 64 MiB would be better, but there is no more room" "$said"
match "and the warning" "never mount or write /dev/main itself" "$said"
refused "main alone" "--spare-start says where" format /dev/main /dev/main --yes
refused "too small" "spare area too small" format /dev/main "$spare" --size 1M --yes
refused "a device that is not there" "/dev/absent" format /dev/main /dev/absent --yes
refused "a file" "is no block device" format /dev/main /tmp --yes
refused "nothing to be opened" "there is no spare area at sector 0" open r /dev/main "$spare"

# What is neither zeros nor a signature is given up when it was said so.
ends "it is formatted" 0 format /dev/main "$spare" --yes
match "it says how to go on" "Open it now with: remapctl open NAME /dev/main $spare$" "$said"
match "and at the next boot" "/etc/remaptab: NAME /dev/main AREA=[0-9a-f-]{36}"$'\n' "$said"
equal "no device is left" "" "$(dmsetup ls --target remap | grep "(")"
prepared true
refused "what was formatted" "$spare holds the spare area [0-9a-f-]{36}: --overwrite" format /dev/main "$spare" --yes
for name in "a b" a/b control ""; do
    refused "the name '$name'" "cannot be a name" open "$name" /dev/main "$spare"
done
# All mapped devices share one claim, so the kernel would let both write.
dm_slice holder /dev/main 0 8
refused "main is part of another device" "/dev/main is in use: /dev/mapper/holder" open r /dev/main "$spare"
need dmsetup remove holder
dm_slice holder "$spare" 0 8
refused "the spare device is" "$spare is in use: /dev/mapper/holder" open r /dev/main "$spare"
need dmsetup remove holder
ends "it is opened" 0 open r /dev/main "$spare" --scan idle --error-policy any
at_exit dm_remove r
prepared true
number=1
match "it says where" "^r is open: /dev/mapper/r, 64 MiB" "$said"
match "and what not to do" "Never mount or write /dev/main itself" "$said"
json status r
uuid=$(attr r uuid)
equal "it is the area that was made" "$uuid REMAP-$uuid" "$(value .devices.0.area_uuid) $(value .devices.0.dm_uuid)"
equal "with the features" "any idle" "$(value .devices.0.table.error_policy) $(value .devices.0.table.scan)"
equal "all there is, for two percent or 64 MiB are not" "0 40960 131072" \
    "$(value .devices.0.table.spare_start_sectors) $(value .devices.0.table.spare_size_sectors) $(value .devices.0.table.size_sectors)"
refused "the name is taken" "there is a device r already" open r /dev/main "$spare"
refused "the area is open under another" "the spare area [0-9a-f-]{36} is open already, as r$" open s /dev/main "$spare"
refused "an area in use" "is in use: .*/dev/mapper/r" format /dev/main "$spare" --overwrite --yes
need mount /dev/mapper/r /tmp/mnt
equal "main's data is there" "what is to be saved" "$(</tmp/mnt/file)"
refused "a mounted device is not closed" "r is in use: /tmp/mnt" close r
need umount /tmp/mnt
dm_slice upon /dev/mapper/r 0 8
refused "nor one that is part of another" "r is in use: /dev/mapper/upon" close r
need dmsetup remove upon
move r 80 8 1
ends "it is closed" 0 close /dev/mapper/r
equal "it says so" "Closed: r." "$said"
number=0
ends "and opened again, read-only" 0 open --json r /dev/main "$spare" --read-only
equal "the map is there" 1 "$(attr r remapped)"
match "in JSON as well" "\"area_uuid\": \"$uuid\"" "$said"
match "nothing can be written" "made read-only" "$(remapctl status r)"
ends "it is closed" 0 close r
new_disk other 32
prepared true
refused "another main" "the kernel refused it: .*main" open r "$other" "$spare"

# A former area is given up if that is said, and what is made is another one.
ends "overwritten" 0 format /dev/main "$spare" --overwrite --yes --size 8M --spare-start 16384 --block-sectors 64
match "its place is said" "$spare --spare-start 16384$" "$said"
ends "it is opened" 0 open r /dev/main "$spare" --spare-start 16384
equal "another one" "0 64" "$(attr r remapped) $(status_field r block_sectors)"
ends "the former one is there, since this one is elsewhere" 1 open s /dev/main "$spare"
ends "it is closed" 0 close r

# On one disk, and on its partitions, the area is where nothing else is.
need dd if=/dev/zero of="$spare" bs=1M count=20 oflag=direct status=none
printf 'start=2048, size=8192\nstart=16384, size=16384\n' | need sfdisk -q "$spare"
until_true 5 "its partitions are there" test -b "${spare}p2"
prepared true
refused "the disk of main" "${spare}p1 is a part of $spare" format "${spare}p1" "$spare" --overwrite --yes
refused "a partition of main" "${spare}p1 is a part of $spare" format "$spare" "${spare}p1" --yes
refused "an area in a partition" "$spare holds the partition ${spare}p2, which" format "$spare" "$spare" --spare-start 24576 --yes
ends "one partition is main, the other one the spare device" 0 format "${spare}p1" "${spare}p2" --yes
need sfdisk -q --delete "$spare"
need dd if=/dev/zero of="$spare" bs=1M count=20 oflag=direct status=none
prepared mke2fs -q -F -t ext4 -b 4096 -O ^has_journal "$spare" 4096
refused "an area in the file system of main" "$spare holds ext4, which reaches to sector 32768" \
    format "$spare" "$spare" --spare-start 24576 --yes
ends "behind it there is room" 0 format "$spare" "$spare" --spare-start 32768 --yes
check "and it is whole" e2fsck -f -n "$spare"

# Blocks of 4096 bytes, and an area behind the data of one disk.
new_disk large 96 4096
ends "on a 4Kn disk, its own spare" 0 format "$large" "$large" --spare-start 131072 --size 30M --yes
ends "it is opened" 0 open r "$large" "$large" --spare-start 131072 --no-auto-remap
json status r
equal "it ends where the area begins" "131072 61440" \
    "$(value .devices.0.table.size_sectors) $(value .devices.0.table.spare_size_sectors)"
check "it holds data" tool sectors write /dev/mapper/r 0 1024 1
check "and gives it" tool sectors verify /dev/mapper/r 0 1024 1
ends "it is closed" 0 close r
