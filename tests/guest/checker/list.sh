#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a corrupted list fails a test.
# Lanes: lockdep kasan
# Processors: 1
# Module: tests/guest/checker
# Caught: lib/list_debug.c

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=list
at_exit rmmod checker
