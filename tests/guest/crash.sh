#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: after a power cut at any moment, what was acknowledged and flushed is there, and no read gives garbage.
# Lanes: lockdep
# Module: dm-remap tests/guest/recorder
# Processors: 1
# Timeout: 900

. ./lib/lib.sh
. ./lib/crash.sh

crash_disks 3
refuse "disks that forget flushes are told" tool sectors crash --story blocks-move --stride 7 --lie flush
match "by what is missing" "losses [1-9]" "$output"
refuse "disks that forget FUA are told" tool sectors crash --story blocks-move --stride 7 --lie fua
match "by what is missing" "losses [1-9]" "$output"
tool sectors crash --stride 40 || fail "a power cut is not survived"
