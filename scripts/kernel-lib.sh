# SPDX-License-Identifier: GPL-2.0-only
#
# Kernel packages, for the scripts that use them inside the toolchain. To be sourced by bash.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# pick_kernel current|previous|RELEASE [FLAVOUR]: sets
#   RELEASE  with the flavour: 7.3.4+deb13-cloud-amd64
#   MINOR    7.3
#   VERSION  of the packages
#   KEY      the version in a form that make and file names can bear
pick_kernel() {
    local line base arch
    arch=$(deb_arch)
    line=$("$REPO/scripts/kernels" "$1") || exit
    read -r _ base MINOR VERSION <<<"$line"
    case $1 in
    current | previous) RELEASE=$base-${2:-cloud-$arch} ;;
    *) RELEASE=$1 ;;
    esac
    KEY=${VERSION//[~+:]/.}
}

source_item() {
    printf 'source-%s\n' "$KEY"
}

# fetch DIR PACKAGE...: downloads packages at VERSION; a package that the archive does not have
# under that name is an error, once the list of the archive has been renewed.
fetch() {
    local dir=$1 want=()
    shift
    want=("${@/%/=$VERSION}")
    mkdir -p "$dir"
    env -C "$dir" apt-get -q download "${want[@]}" >"$dir/log" 2>&1 && return
    say "$* cannot be fetched; reading the archive's list again"
    logged "$dir/log" apt-get -q update --error-on=any || die "cannot read the list of the package archive: look at the lines above"
    logged "$dir/log" env -C "$dir" apt-get -q download "${want[@]}" ||
        die "the archive no longer has $* at $VERSION: run 'make update' for the newest kernels"
}

have_package() {
    apt-cache madison "$1" | grep -qF "| $VERSION |"
}

# unpack_headers DIR: the packages of the headers of RELEASE, for scripts/tree-recipe.
unpack_headers() {
    local deb
    fetch "$1/.deb" "linux-headers-$RELEASE"
    other_headers "$(dpkg-deb -f "$1"/.deb/*.deb Depends)"
    fetch "$1/.deb" "$COMMON" "$KBUILD"
    for deb in "$1"/.deb/*.deb; do dpkg-deb -x "$deb" "$1"; done
}

# unpack_source DIR: linux-source at VERSION, its contents directly in DIR.
unpack_source() {
    say "fetching linux-source-$MINOR ($VERSION)"
    fetch "$1/.deb" "linux-source-$MINOR"
    say "unpacking linux-source-$MINOR"
    dpkg-deb --fsys-tarfile "$1"/.deb/*.deb |
        tar -xO "./usr/src/linux-source-$MINOR.tar.xz" |
        tar -xJ -C "$1" --strip-components=1 || die "cannot unpack linux-source-$MINOR"
    rm -rf "$1/.deb"
    [[ $(make -s -C "$1" kernelversion) == "${VERSION%%-*}" ]] ||
        die "linux-source-$MINOR is Linux $(make -s -C "$1" kernelversion), not ${VERSION%%-*} as its package says"
}
