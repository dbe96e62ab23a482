#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: reading an RCU pointer without the lock fails a test.
# Lanes: lockdep
# Processors: 1
# Module: tests/guest/checker
# Caught: suspicious RCU usage

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=rcu
at_exit rmmod checker
