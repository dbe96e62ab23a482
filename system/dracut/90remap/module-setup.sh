#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# dracut's module for remap devices: those that the root file system stands on are opened in the initramfs, and of all that
# /etc/remaptab names the main devices are kept from being mounted from the first event on.

# What the initramfs gets as its table. remapctl says what is wrong with the own one.
remap_table() {
    if [[ -e /etc/remaptab ]]; then
        /usr/sbin/remapctl tab --initramfs
    fi
}

# called by dracut
check() {
    require_binaries /usr/sbin/remapctl dmsetup || return 1
    if [[ $(remap_table 2>/dev/null) ]]; then return 0; fi
    return 255
}

# called by dracut
depends() {
    echo rootfs-block dm
    return 0
}

# called by dracut
installkernel() {
    hostonly='' instmods dm_mod dm_remap
    if ! modinfo -k "$kernel" dm_remap &>/dev/null; then
        dwarn "remap: the kernel $kernel has no module dm_remap, so its initramfs can open no remap device: \
build it for that kernel (dkms status says for which it is)"
    fi
}

# called by dracut
install() {
    local table
    table=$(remap_table) || dwarn "remap: not all of /etc/remaptab can be used"
    mkdir -p "$initdir/etc"
    printf '%s\n' "$table" >"$initdir/etc/remaptab"
    inst_multiple /usr/sbin/remapctl dmsetup
    inst_rules 63-remap.rules
    if dracut_module_included systemd; then
        mkdir -p "$initdir/usr/lib/systemd/system-generators"
        ln -sfn ../../../sbin/remapctl "$initdir/usr/lib/systemd/system-generators/remap-generator"
    else
        inst_multiple modprobe cat
        inst_hook initqueue/settled 30 "$moddir/remap-open.sh"
    fi
}
