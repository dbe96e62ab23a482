# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts share: messages, the cache and its locks. To be sourced by bash.
#
# A cache item is a folder or file under $CACHE that appears whole or not at all: it is built
# under a temporary name while its lock is held, and renamed at the end. Its name carries the key
# of what made it. Messages go to stderr; stdout is for the answer (mostly a path).

set -euo pipefail

# An ordinary user's may lack what chroot, depmod and debootstrap are in.
PATH=$PATH:/usr/sbin:/sbin
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROG=${0##*/}
if [[ ${DM_REMAP_INSIDE:-} ]]; then
    CACHE=/cache
else
    CACHE=${DM_REMAP_CACHE:-${HOME:?is not set}/.cache/dm-remap}
fi
# One clock for a script and those it calls, so that their messages tell one story.
export DM_REMAP_T0=${DM_REMAP_T0:-$(date +%s)}

say() {
    local s=$(($(date +%s) - DM_REMAP_T0))
    printf '[%2d:%02d] %s\n' $((s / 60)) $((s % 60)) "$*" >&2
}

die() {
    printf '%s: %s\n' "$PROG" "$*" >&2
    exit 1
}

# usage ERROR: what was wrong with the arguments, then the synopsis from the script's own head.
usage() {
    printf '%s: %s (usage: %s)\n' "$PROG" "$1" "$(sed -n 's/^# Usage: //p' "$0" | head -n 1)" >&2
    exit 2
}

# need_space MIB: refuses to begin what the disk cannot hold.
need_space() {
    local free
    free=$(($(df -Pk "$CACHE" | awk 'NR == 2 { print $4 }') / 1024))
    ((free >= $1)) || die "$CACHE has $free MiB free and this needs $1: make room, or set DM_REMAP_CACHE to a larger disk"
}

make_cache() {
    mkdir -p "$CACHE" 2>/dev/null && [[ -w $CACHE ]] ||
        die "the cache folder $CACHE cannot be written: set DM_REMAP_CACHE to one that can"
}

# as_root CMD...: runs a command as root, or as the root of an own user namespace whose files
# belong to the invoking user and the user's subordinate ids.
as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        check_userns
        unshare --user --map-root-user --map-auto -- "$@"
    fi
}

check_userns() {
    ((EUID == 0)) && return
    local me
    me=$(id -un)
    command -v newuidmap >/dev/null ||
        die "newuidmap is missing: install the package uidmap, or run this as root"
    grep -qE "^($me|$EUID):" /etc/subuid 2>/dev/null && grep -qE "^($me|$EUID):" /etc/subgid 2>/dev/null ||
        die "$me has no subordinate ids in /etc/subuid and /etc/subgid: run 'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $me' as root, or run this as root"
    unshare --user --map-root-user --map-auto -- true 2>/dev/null ||
        die "this machine does not let $me make a user namespace: allow it (sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or run this as root"
}

remove_tree() {
    [[ -e $1 || -L $1 ]] || return 0
    rm -rf --one-file-system "$1" 2>/dev/null || as_root rm -rf --one-file-system "$1"
}

# cache_item NAME MIB FUNCTION [ARG...]: makes $CACHE/NAME, unless it is there, by calling
# FUNCTION TMP ARG..., which fills the folder TMP and dies on failure. Leaves nothing half-made.
cache_item() {
    local name=$1 mib=$2
    shift 2
    [[ -e $CACHE/$name ]] && return
    make_cache
    (
        lock_item "$name"
        [[ -e $CACHE/$name ]] && exit 0
        tmp=$CACHE/.new-$name
        sweep "$name"
        need_space "$mib"
        trap 'remove_tree "$tmp"; rm -f "$tmp.log"' EXIT
        trap 'exit 130' INT TERM HUP
        mkdir "$tmp"
        fn=$1
        shift
        "$fn" "$tmp" "$@"
        mv -T "$tmp" "$CACHE/$name"
    )
}

# sweep NAME: removes what a build that was killed left: that of NAME, whose lock is held, and any
# other whose lock is free.
sweep() {
    local left item
    for left in "$CACHE"/.new-*; do
        [[ -e $left ]] || continue
        item=${left##*/.new-}
        item=${item%.log}
        if [[ $item == "$1" ]] || flock -n "$CACHE/.lock-$item" true; then remove_tree "$left"; fi
    done
}

# lock_item NAME: held until the (sub)shell ends; the kernel releases it however that happens.
# Commands that it starts must not keep it: a daemon left behind would hold it for ever.
lock_item() {
    local fd
    exec {fd}>"$CACHE/.lock-$1"
    flock -n $fd || {
        say "waiting: another process is making $1"
        flock $fd
    }
}

# logged FILE CMD...: runs CMD with its output in FILE; when it fails, shows the end of that. A
# network that is not there has the same cause whatever was wanted from it, so that ends it all.
logged() {
    local log=$1 rc=0 reason
    shift
    "$@" >"$log" 2>&1 </dev/null || rc=$?
    ((rc == 0)) && return
    reason=$(grep -oE 'Temporary failure resolving[^,]*|Could not (resolve|connect)[^,]*|Unable to connect[^,]*|Network is unreachable|Connection (refused|timed out|failed)' "$log" |
        head -n 1 | sed 's/ (.*//')
    [[ ! $reason ]] || die "cannot reach the package archive (${reason%:}): check the network, or set http_proxy if there is a proxy"
    tail -n 20 "$log" >&2
    return $rc
}

# hash FILE...: a short key for what the files say.
hash() {
    cat "$@" | sha256sum | cut -c 1-12
}

# ROOT_ITEM: the toolchain that scripts/root makes; everything that ends up in it is named in
# scripts/packages, so that this file is its key.
root_item() {
    printf 'root-%s\n' "$(hash "$REPO/scripts/packages")"
}

# deb_arch: Debian's name of this machine's architecture.
deb_arch() {
    case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) die "the architecture $(uname -m) has no Debian kernel with Rust: amd64 (tested) and arm64 have" ;;
    esac
}
