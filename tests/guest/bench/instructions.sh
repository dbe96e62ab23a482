#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Measures the I/O path: for each device, instructions per 4 KiB direct read and write, as lines
# `bench: NAME VALUE`. Run by scripts/bench, with a clock that counts instructions.

cd ..
. ./lib/lib.sh

COUNT=100
ENTRIES=1000
# The I/O is in the first 64 MiB; entries "elsewhere" lie far behind it.
SPAN=131072
FAR=1048576

measure() {
    local op
    for op in read write; do
        echo "bench: ${1}_$op $(tool sectors time $op "$2" "${3:-0}" "${4:-$SPAN}" $COUNT)"
    done
}

load_module
load dm-flakey
# No data is kept on main, and completions come at once: the path is all that is measured.
null_disk main 1024 memory_backed=0 irqmode=0
null_disk spare 64
measure bare /dev/main
dm_create linear "0 $(sectors_of /dev/main) linear /dev/main 0"
measure linear /dev/mapper/linear
need dmsetup remove linear
dm_create flakey "0 $(sectors_of /dev/main) flakey /dev/main 0 1000000 0"
measure flakey /dev/mapper/flakey
need dmsetup remove flakey
remap_create r /dev/main /dev/spare
measure remap_empty /dev/mapper/r
equal "nothing is remapped" 0 "$(attr r remapped)"
# Every fourth block, so that no two entries touch.
seq "$FAR" 32 $((FAR + 32 * (ENTRIES - 1))) | sed 's/^/remap /' >/tmp/blocks
while read -r line; do
    until dmsetup message r 0 $line >/dev/null 2>&1; do sleep 0.01; done
done </tmp/blocks
all_moved() { [[ $(attr r remapped) == "$ENTRIES" ]]; }
until_true 60 "a thousand blocks are remapped" all_moved
measure remap_1000 /dev/mapper/r
measure remap_on_spare /dev/mapper/r "$FAR" 8
