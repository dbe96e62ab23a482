#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: the power cut tools accept a disk that keeps its promises, and tell one that forgets flushes.
# Lanes: lockdep vm
# Module: none
# Memory: 1024
# Timeout: 1500

. ./lib/lib.sh
. ./lib/powercut.sh

cut_disk one 4
cut_disk two 4
check "writers and readers agree" tool sectors hammer /dev/mapper/one-gate 0 8184 --writers 4 \
    --readers 2 --writes 1000 --cut-every 20 --log one --log two --record /tmp/record
check "nothing is lost by a cut" cut_all 1 /tmp/record "0 8184 linear one_disk 0" one two

cut_disk liar 4
check "a liar's writers and readers agree" tool sectors hammer /dev/mapper/liar-gate 0 8184 \
    --writes 200 --cut-every 20 --log liar --record /tmp/lies --lie
refuse "what it said was durable is missed" cut_all 1 /tmp/lies "0 8184 linear liar_disk 0" liar
match "at a cut" "cut-[0-9]+, cache lost: sector [0-9]+ holds generation [0-9]+, expected" "$output"
