#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a guest that ends before its test is failed, even if nothing was wrong so far.
# Lanes: lockdep kasan vm
# Processors: 1
# Module: none
# Caught: without the end marker

echo o >/proc/sysrq-trigger
sleep 30
