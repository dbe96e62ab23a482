#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: remapctl watch shows live devices while they work: a sector that fails, a pass, a device that goes, and q leaves the terminal as it was.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh
. ./lib/remapctl.sh
. ./lib/terminal.sh

load_module
null_disk main 64
new_disk spare 16
new_disk second 8
remap_create r /dev/main "$spare" 0 8192 error_policy any
remap_create aside "$second" "$spare" 8192 8192

terminal 110 36 "$REMAPCTL" watch --interval 0.2
sees "it takes the whole terminal, and has both devices" "^2 devices  "
sees "the first is chosen" "^> aside  *1000 good  is well "
sees "and how both are" "^  r  *1000 good  is well  *0 of "
sees "the keys are told" "^q quit  ? help"

null_bad main 1600 1600
refuse "a read of a bad sector" dd if=/dev/mapper/r of=/dev/null bs=512 skip=1600 count=1 iflag=direct status=none
sees "a sector that fails is seen" "^  r  .* needs attention .*pending_sectors"
types 'j\r'
sees "the page of a device" "^r needs attention"
sees "it says what is wrong" "^  warning  *1 sector could not be read"
sees "where" "│▲"
sees "how often" "^  errors  *reads 1 "
null_bad main 80 80
check "a write over a bad sector" tool sectors write /dev/mapper/r 80 8 1
sees "a block that moves is seen while it is watched" "^  moved  *now 1 (+1, "
sees "among the events" "1 block moved to the spare area"
ends "a pass" 0 scan now r --wait
sees "is seen when it has ended" "1 pass ended"
types '\e'
sees "back to the list" "^> r "
need dmsetup remove aside
sees "a device that goes" "^  aside .*gone"
types q
until_true 10 "it ends" test -e /tmp/ended
equal "with the terminal as it was" "0 same main cursor" "$(</tmp/ended)"

terminal 60 12 "$REMAPCTL" watch r
sees "with a name it begins with the page" "^r needs attention"
need dmsetup remove r
sees "whose device may go" "^r is gone"
types '\x03'
until_true 10 "Ctrl-C ends it" test -e /tmp/ended
equal "the terminal is as it was" "130 same main cursor" "$(</tmp/ended)"
