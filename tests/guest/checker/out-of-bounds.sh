#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a write behind an allocation fails a test.
# Lanes: kasan
# Processors: 1
# Module: tests/guest/checker
# Caught: KASAN: slab-out-of-bounds

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=out-of-bounds
at_exit rmmod checker
