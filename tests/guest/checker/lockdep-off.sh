#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a kernel in which lockdep has switched itself off fails a test, even silently.
# Lanes: lockdep
# Processors: 1
# Module: tests/guest/checker
# Caught: lockdep is off at the end

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=lockdep-off
at_exit rmmod checker
