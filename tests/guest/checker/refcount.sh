#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a reference count that comes back from zero fails a test.
# Lanes: lockdep kasan vm
# Processors: 1
# Module: tests/guest/checker
# Caught: refcount

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=refcount
at_exit rmmod checker
