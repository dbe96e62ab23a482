#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Where no systemd is in the initramfs: opens the remap devices that are not open yet and whose disks are there. It is run
# whenever udev has settled, until the root file system is found. dracut sources it.

remap_open() {
    local name rest word said

    [ -e /etc/remaptab ] || return 0
    for word in $(cat /proc/cmdline); do
        case $word in
        remap=no | remap=0 | remap=off | rd.remap=no | rd.remap=0 | rd.remap=off) return 0 ;;
        esac
    done
    modprobe -q dm_mod
    while read -r name rest; do
        case ,${rest##* }, in
        *,initramfs,*) ;;
        *) continue ;;
        esac
        [ -e "/dev/mapper/$name" ] && continue
        if ! said=$(remapctl open "$name" 2>&1 </dev/null); then
            case $said in
            # Its disks may come yet.
            *"No such file or directory"*) ;;
            *) echo "remap: $said" >&2 ;;
            esac
        fi
    done </etc/remaptab
    return 0
}

remap_open
