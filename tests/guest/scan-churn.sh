#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: a scanner, errors and users, while the device is suspended, resumed, reloaded and removed: no report, no leak, and all data.
# Lanes: lockdep kasan
# Timeout: 900

. ./lib/lib.sh
. ./lib/scan.sh

load_module
churn 2 0
at_least "it was told so many things" 10 "$commands"
at_least "and found what was bad" 2 "$found"
