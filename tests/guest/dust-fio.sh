#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: fio verifies all that it wrote, by several jobs at a time, over hundreds of sectors that refuse writes.
# Lanes: lockdep kasan
# Timeout: 1200

. ./lib/lib.sh

load_module
new_disk below 16
dust_disk dusty "$below"
new_disk spare 16
# Of 32K sectors, 204 refuse one write, and 204 nine.
dust_bad_many dusty 7 160 32768 1
dust_bad_many dusty 91 160 32768 9
at_least "sectors are bad" 400 "$(dust_left dusty)"
remap_create r /dev/mapper/dusty "$spare"
dust_on dusty
if ! fio --name=w --filename=/dev/mapper/r --numjobs=4 --size=4m --offset_increment=4m --thread --rw=randwrite \
    --bsrange=512-64k --ioengine=libaio --iodepth=16 --direct=1 --verify=crc32c --verify_fatal=1 --do_verify=1 \
    --verify_state_save=0 --group_reporting >/tmp/fio.log 2>&1; then
    cat /tmp/fio.log
    fail "fio found an error"
fi
match "fio wrote all of it and read all of it" "READ:.*io=16.0MiB.*WRITE:.*io=16.0MiB" "$(tr '\n' ' ' </tmp/fio.log)"
at_least "blocks were remapped" 100 "$(attr r remapped)"
equal "nothing is lost" 0 "$(attr r lost)"
equal "and the map can still change" rw "$(attr r state)"
