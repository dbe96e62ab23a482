#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a spare block that cannot be written is never used again; what nobody has any more is lost: an error until it is written. But not for an error that is not the medium's.
# Lanes: lockdep kasan

. ./lib/lib.sh

load_module
null_disk nmain 16
null_disk nspare 4
remap_create r /dev/nmain /dev/nspare
check "sectors are written" tool sectors write /dev/mapper/r 0 64 1
move r 8 8 1
[[ $(where r 8) =~ spare\ ([0-9]+) ]] || fail "the block is not on the spare"
old=${BASH_REMATCH[1]}
check "the moved block is written" tool sectors write /dev/mapper/r 8 8 2
# Each sector says who it is, so the spare tells where the block lies.
at=$(dd if=/dev/nspare bs=4096 iflag=direct status=none | grep -obUa dmsector | head -n 1 | cut -d: -f 1)
at=$((at / 512))
null_bad nspare $((at + 3)) $((at + 4))
# This disk does not say that it is the medium: under the default policy a read that fails gives nothing up.
refuse "a write to a block that cannot be read whole fails" tool sectors write /dev/mapper/r 11 1 3
equal "and nothing is lost for it" "0 12 spare $old 4" "$(attr r lost) $(where r 12)"
check "unless every error is the medium's" dmsetup message r 0 set error_policy any
check "a write over bad sectors of the spare succeeds" tool sectors write /dev/mapper/r 11 1 3
[[ $(where r 8) =~ spare\ ([0-9]+) ]] || fail "the block is not on the spare"
((BASH_REMATCH[1] != old)) || fail "the bad spare block is still used"
equal "the bad one is counted" 1 "$(attr r spare_failed)"
check "what was written is there" tool sectors verify /dev/mapper/r 11 1 3
check "the neighbours came along" tool sectors verify /dev/mapper/r 8 3 2 --step 3
check "and those behind" tool sectors verify /dev/mapper/r 13 3 2 --step 3
equal "what neither had is lost" "12 lost" "$(where r 12)"
refuse "and no old data of main's" tool sectors verify /dev/mapper/r 12 1 1
match "but a medium error" "No data available" "$output"
null_good nspare $((at + 3)) $((at + 4))
check "the device goes" dmsetup remove r
remap_create r /dev/nmain /dev/nspare
equal "all of that is durable" "1 1 12 1 lost" \
    "$(attr r spare_failed) $(attr r lost) $(dmsetup message r 0 list lost)"
refuse "it still is an error" tool sectors verify /dev/mapper/r 12 1 1
check "until it is written" tool sectors write /dev/mapper/r 12 1 4
check "and is read" tool sectors verify /dev/mapper/r 12 1 4
equal "nothing is lost any more" 0 "$(attr r lost)"
