# SPDX-License-Identifier: GPL-2.0-only
#
# The Debian that packages are tried in; to be sourced by bash after kernel-lib.sh, inside the
# toolchain. What makes it is in debian-recipe, whose hash is part of its name.

. "$REPO/scripts/debian-recipe"

# debian_item: sets ITEM, RELEASE and the like.
debian_item() {
    pick_kernel current
    ITEM=debian-$KEY-$(hash "$REPO/scripts/debian-recipe" "$REPO/scripts/debian-guest")
}

# debian_layer DIR: mounts the root at LAYER, with a layer of memory above it that takes all changes.
debian_layer() {
    local lower options
    lower=$("$REPO/scripts/debian-root")
    debian_item
    mkdir -p "$1"/{upper,work,root}
    options=lowerdir=$lower,upperdir=$1/upper,workdir=$1/work
    mount -t overlay overlay -o "$options" "$1/root" 2>/dev/null ||
        mount -t overlay overlay -o "$options,userxattr" "$1/root" || die "cannot mount a layer above $lower"
    LAYER=$1/root
    mount -t proc proc "$LAYER/proc"
    mount --rbind /dev "$LAYER/dev"
}

# in_debian ROOT CMD...
in_debian() {
    chroot "$1" /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${@:2}"
}
