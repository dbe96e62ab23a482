#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: use after free fails a test, so KASAN is on.
# Lanes: kasan
# Processors: 1
# Module: tests/guest/checker
# Caught: KASAN: slab-use-after-free

. ../lib/lib.sh
need insmod "${GUEST_MODULE%/*}/checker.ko" how=use-after-free
at_exit rmmod checker
