#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a test that takes too long is ended and failed.
# Lanes: lockdep
# Processors: 1
# Module: none
# Timeout: 2
# Caught: the test timed out

sleep 30
