#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: device-mapper loads the module by itself when a table names the target, for the module is called after it.
# Lanes: lockdep vm
# Processors: 1

. ./lib/lib.sh

equal "the module's file" dm-remap.ko "${GUEST_MODULE##*/}"
load dm-mod
new_disk main 16
new_disk spare 4
[[ ! -d /sys/module/dm_remap ]] || fail "the module is there already"
# What the kernel runs to load a module, of which it has no other one here.
cat >/tmp/modprobe <<EOF
#!/bin/bash
echo "\$*" >>/tmp/asked
[[ \${*: -1} == dm-remap ]] && exec insmod $GUEST_MODULE
EOF
need chmod +x /tmp/modprobe
before=$(</proc/sys/kernel/modprobe)
put /tmp/modprobe /proc/sys/kernel/modprobe
at_exit put "$before" /proc/sys/kernel/modprobe
at_exit unload_module
remap_create r "$main" "$spare"
match "it was asked for by the name of the target" "dm-remap" "$(</tmp/asked)"
check "and serves" tool sectors write /dev/mapper/r 0 64 1
