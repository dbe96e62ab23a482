#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: memory that nobody knows any more fails a test.
# Lanes: lockdep
# Processors: 1
# Module: tests/guest/checker
# Caught: kmemleak

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=leak
at_exit rmmod checker
