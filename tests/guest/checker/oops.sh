#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: an oops fails a test.
# Lanes: lockdep kasan vm
# Processors: 1
# Module: tests/guest/checker
# Caught: the kernel reported:

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=oops
at_exit rmmod checker
