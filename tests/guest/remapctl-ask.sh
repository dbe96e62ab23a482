#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: remapctl format asks in a terminal, and makes an area only if the answer is yes.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh
. ./lib/remapctl.sh
. ./lib/terminal.sh

load_module
new_disk main 64
new_disk spare 16
holds=$(content "$spare")

# asked ANSWER CODE: what is answered, and how it ends.
asked() {
    terminal 120 12 "$REMAPCTL" format "$main" "$spare"
    sees "what it will do is said" "spare   $spare, 16 MiB from sector 0: what is there is lost"
    sees "and it asks" "^Go on? \[y/N\]"
    types "$1"
    until_true 10 "it ends" test -e /tmp/ended
    equal "as it was answered" "$2 same main cursor" "$(</tmp/ended)"
}

for answer in '\n' 'n\n' 'maybe\n' '\x04'; do
    asked "$answer" 1
    equal "and nothing is written" "$holds" "$(content "$spare")"
done
asked 'y\n' 0
sees "the area is there" "^The spare area .* is there"
ends "and opens" 0 open r "$main" "$spare"
ends "and closes" 0 close r
