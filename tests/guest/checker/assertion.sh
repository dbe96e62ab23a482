#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: an assertion that does not hold fails a test.
# Lanes: lockdep kasan vm
# Processors: 1
# Module: none
# Caught: the test ended with 1

. ../lib/lib.sh
equal "one and one" 3 $((1 + 1))
