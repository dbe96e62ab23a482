#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: retest moves back what main takes again, with all that was written meanwhile; what it does not take stays, and nobody under it notices.
# Lanes: lockdep kasan
# Timeout: 240

. ./lib/lib.sh

load_module
null_disk nmain 16
null_disk nspare 16
line="0 32768 remap /dev/nmain /dev/nspare 0 32768 2 error_policy any"
dm_create r "$line"
check "sectors are written" tool sectors write /dev/mapper/r 0 64 1
move r 8 16 2
check "and the moved ones again" tool sectors write /dev/mapper/r 8 16 2
flushes=$(status_field r flushes)
free=$(attr r spare_free)
before=$(generation r)
ask r retest 8
equal "one block is back" "1 $((free + 1))" "$(attr r remapped) $(attr r spare_free)"
equal "on main" "8 main" "$(where r 8)"
equal "main was flushed, and no other" $((flushes + 1)) "$(status_field r flushes)"
at_least "it is a change" $((before + 1)) "$(generation r)"
check "main has what was written last" tool sectors verify /dev/nmain 8 8 2
check "and so have we" tool sectors verify /dev/mapper/r 8 16 2
# Main does not take the other one: neither a write, nor a read.
null_bad nmain 20 20
ask r retest all
equal "it stays" "1 1" "$(attr r remapped) $(status_field r stayed)"
kernel_said "from sector 16 on, 1 blocks stay as they are: main does not take"
check "with its data" tool sectors verify /dev/mapper/r 16 8 2
# A block of which the spare has not all: nothing is written over what main alone has.
null_bad nmain 33 33
null_bad nmain 36 36
check "a failing write moves a block" tool sectors write /dev/mapper/r 33 1 3
equal "a sector of it is main's" "36 only-on-main" "$(where r 36)"
null_good nmain 0 4095
writes=$(counter /dev/nmain writes)
ask r retest 32 8
equal "it is refused with a count" "2 2" "$(attr r remapped) $(status_field r stayed)"
equal "and not written" "$writes" "$(counter /dev/nmain writes)"
check "the sector is what it was" tool sectors verify /dev/mapper/r 36 1 1
# Pending sectors are read, and no more.
null_bad nmain 50 51
refuse "a read fails" tool sectors verify /dev/mapper/r 48 8 1 --step 8
equal "it is pending" "50 2 pending" "$(dmsetup message r 0 list pending)"
ask r retest all
equal "it still is" "50 2 pending" "$(dmsetup message r 0 list pending)"
null_good nmain 50 51
ask r retest all
equal "until it can be read" "" "$(dmsetup message r 0 list pending)"
# Under load: blocks go away and come back while others write and read them.
"$GUEST_TOOLS/sectors" hammer /dev/mapper/r 8192 2048 --writers 3 --readers 2 --writes 600 --longest 24 \
    --unit 1 --record /tmp/record &
hammer=$!
for round in 0 1 2 3 4 5; do
    echo remap $((8192 + round * 136)) 128
    echo retest $((8192 + round * 136)) 128
done >/tmp/messages
"$GUEST_TOOLS/sectors" messages r </tmp/messages &
movers=$!
rounds=0
while kill -0 $hammer 2>/dev/null || ((rounds < 3)); do
    need dmsetup suspend --nolockfs r
    need dmsetup resume r
    : $((rounds += 1))
done
wait $hammer || fail "the readers and writers found an error"
wait $movers || fail "a message was refused"
until_true 60 "all messages have ended" idle r
at_least "so many blocks went back" 80 "$(status_field r returned)"
check "nothing is lost" tool sectors check /dev/mapper/r 8192 /tmp/record end
ask r retest 8192 2048
check "not after all went back either" tool sectors check /dev/mapper/r 8192 /tmp/record end
check "main has it" tool sectors check /dev/nmain 8192 /tmp/record end
remapped=$(attr r remapped)
check "the device goes" dmsetup remove r
dm_create r "$line"
equal "the map is whole after a restart" "$remapped" "$(attr r remapped)"
check "and so is the data" tool sectors check /dev/mapper/r 8192 /tmp/record end
