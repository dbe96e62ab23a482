#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: sleeping in atomic context fails a test.
# Lanes: lockdep
# Processors: 1
# Module: tests/guest/checker
# Caught: the kernel reported: BUG: 

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=sleep
at_exit rmmod checker
