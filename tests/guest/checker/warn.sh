#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a warning of the kernel fails a test that says that all is well.
# Lanes: lockdep kasan vm
# Processors: 1
# Module: tests/guest/checker
# Caught: WARNING:

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=warn
at_exit rmmod checker
