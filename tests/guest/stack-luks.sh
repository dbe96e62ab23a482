#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: LUKS works on a remap device that moves blocks of its headers and of its data, and opens again with all of it.
# Lanes: vm
# Module: dm-remap tests/guest/weak
# Files: stacks

. ./lib/lib.sh
. ./lib/stack.sh

load_module
load dm-crypt
failing_remap r 64
# One of the two headers, and some of the area of the keys.
weak_bad r-disk 32 8 512 32768
more_fails r
printf 'a word to pass' >/tmp/key
luks() {
    cryptsetup --batch-mode --disable-locks --key-file /tmp/key "$@"
}
check "it is formatted" luks luksFormat --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --cipher aes-xts-plain64 /dev/mapper/r
has_moved r 3 "formatting it"
check "it is opened" luks open /dev/mapper/r plain
at_exit dm_remove plain
check "it is written" tool sectors write /dev/mapper/plain 0 16384 1 --step 128
has_moved r 20 "writing it"
more_fails r
check "and a part of it again" tool sectors write /dev/mapper/plain 8192 4096 2 --step 128
has_moved r 4 "writing it again"
check "a second key is added" luks luksAddKey --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/mapper/r /tmp/key
check "it is closed" luks close plain
restart r
check "it is opened again" luks open /dev/mapper/r plain
check "all is there" tool sectors verify /dev/mapper/plain 0 8192 1 --step 128
check "and what was written last" tool sectors verify /dev/mapper/plain 8192 4096 2 --step 128
check "to the end" tool sectors verify /dev/mapper/plain 12288 4096 1 --step 128
check "it is closed" luks close plain
came_through r
