#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a task that waits for too long fails a test.
# Lanes: lockdep
# Processors: 1
# Module: tests/guest/checker
# Caught: blocked for more than

. ../lib/lib.sh
echo 3 >/proc/sys/kernel/hung_task_timeout_secs
need insmod "${GUEST_MODULE%/*}/checker.ko" how=hang
at_exit rmmod checker
