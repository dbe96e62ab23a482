#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a possible deadlock fails a test, so lockdep is on.
# Lanes: lockdep
# Processors: 1
# Module: tests/guest/checker
# Caught: possible circular locking

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=circular
at_exit rmmod checker
