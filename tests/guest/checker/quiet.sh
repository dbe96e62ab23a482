#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a module that does nothing wrong passes: what the others are failed for is what they do.
# Lanes: lockdep kasan vm
# Processors: 1
# Module: tests/guest/checker

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=nothing
at_exit rmmod checker
