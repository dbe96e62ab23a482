#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the commands of docs/guide.md do what it says, in its order: taken from the page, with disks of this guest in place of those there.
# Lanes: lockdep
# Processors: 1
# Memory: 768

. ./lib/lib.sh
. ./lib/remapctl.sh

GUIDE=../../docs/guide.md
load_module
null_disk main 64
new_disk spare 24
new_disk fresh 64
new_disk other 24
need mkdir /tmp/mnt /tmp/srv
at_exit dm_remove safe
at_exit unmount

unmount() {
    if mountpoint -q /tmp/mnt; then umount /tmp/mnt; fi
}

# section HEADING: the commands under it, which are what is indented, for this guest: nobody answers a question, its disks
# say nothing of the medium when they fail, and what looks at a device may find something.
section() {
    awk -v head="## $1" '/^## / { on = $0 == head; next } on && /^    / { print substr($0, 5) }' "$GUIDE" |
        sed -e "s|/dev/sda|/dev/main|g; s|/dev/sdb|$spare|g; s|/dev/sdc|$fresh|g; s|/dev/sdd|$other|g" \
            -e "s|/mnt|/tmp/mnt|g; s|/srv|/tmp/srv|g; s|^remapctl format .*|& --yes|" \
            -e "s|^remapctl open .*|& --error-policy any|" -e 's/^remapctl \(status\|health\|map\) .*/& || (($? == 1))/'
}

# run HEADING [CODES]: all of them, as one script that stops where something fails.
run() {
    local script rc=0
    script=$(section "$1")
    [[ $script ]] || fail "the guide has no commands under '$1'"
    said=$({
        declare -f remapctl
        declare -p REMAPCTL
        echo "set -ex"
        printf '%s\n' "$script"
    } | bash 2>&1) || rc=$?
    if [[ $rc != ${2:-0} ]]; then
        echo "$said"
        fail "$1: ended with $rc, expected ${2:-0}"
    fi
    echo "ok: $1"
}

# idle_now: whatever messages asked for has ended.
idle_now() {
    until_true 30 "messages have ended" idle safe
}

need mke2fs -q -F -t ext4 -O ^has_journal /dev/main
need mount /dev/main /tmp/mnt
echo "what is to be kept" >/tmp/mnt/file
# The guide begins with a disk that is mounted; the test would rather not name it twice.
run "Make the device"
equal "main's data is there" "what is to be kept" "$(</tmp/mnt/file)"
match "and the warning was said" "never mount or write /dev/main itself" "$said"

null_bad main 80000 80000
need umount /tmp/mnt
check "a write to a bad sector succeeds" tool sectors write /dev/mapper/safe 80000 8 1
need mount /dev/mapper/safe /tmp/mnt
run "Watch it"
match "it reads main at once" "scan now safe --wait" "$said"
equal "a block has moved" 1 "$(attr safe remapped)"

# Sectors that cannot be read, beyond what the file system uses.
null_bad main 90000 90000
run "The data first"
match "what could be read was copied" "Finished" "$said"
equal "what could not is pending" 1 "$(attr safe pending)"
match "and in the map of ddrescue" "0x02BF2000 +0x00000200 +-" "$(</tmp/srv/copy.map)"

echo 91000 >/tmp/srv/bad-sectors
run "Bad sectors that you know already"
match "it is pending" "91000 1 pending" "$said"
idle_now
equal "and what could be read has moved" "4096 spare" "$(dmsetup message safe 0 query 4096 | cut -d ' ' -f 1,2)"

need dmsetup message safe 0 mark 100000 8
idle_now
run "Make whole what is pending"
match "the list named it" "100000 8 pending" "$said"
match "it has moved" "100000 spare [0-9]+ 0$" "$(dmsetup message safe 0 query 100000)"

# The cable is well again: nothing fails any more.
null_good main 80000 80000
null_good main 90000 90000
run "After a bad cable" [01]
idle_now
equal "all is on main again" "0 0" "$(attr safe remapped) $(attr safe pending)"

need dmsetup message safe 0 remap 2048 8
idle_now
need mount /dev/mapper/safe /tmp/mnt
run "Another spare"
equal "the data is there" "what is to be kept" "$(</tmp/mnt/file)"
equal "what moved is on the other spare" 1 "$(attr safe remapped)"
match "which is in use now" "$other" "$(remapctl status safe)"

run "Give it up" [01]
idle_now
equal "nothing has moved any more" 0 "$(attr safe remapped)"

run "A new disk in its place"
equal "it is whole by itself" "what is to be kept" "$(</tmp/mnt/file)"
equal "and no device is left" "" "$(dmsetup ls --target remap | grep "(")"
need umount /tmp/mnt
need e2fsck -fn "$fresh"
