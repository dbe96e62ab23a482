# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts of the guest lanes share; to be sourced by bash, inside the
# toolchain.

. "$(dirname "${BASH_SOURCE[0]}")/kernel-lib.sh"

# uml_toolchain KIND: sets UML_MAKE, the arguments that every make of this kind of kernel and of
# its modules gets. They must be the same for both, or Kbuild complains of another compiler.
uml_toolchain() {
    case $1 in
    lockdep) UML_MAKE=(ARCH=um CC=gcc-14 HOSTCC=gcc-14) ;;
    kasan) UML_MAKE=(ARCH=um LLVM=1) ;;
    esac
}

# uml_item KIND: the kernel's folder in the cache, named after all that goes into it.
uml_item() {
    pick_kernel current
    printf 'uml-%s-%s-%s\n' "$1" "$KEY" "$(
        hash "$REPO/scripts/uml" "$REPO/scripts/configs/uml.patch" \
            "$REPO"/scripts/configs/uml-{common,"$1"}.config \
            <(gcc-14 --version) <(clang --version) <(rustc --version) <(bindgen --version)
    )"
}

# Where cargo and the module builds put things.
TARGET=${CARGO_TARGET_DIR:-$REPO/target}

# module_file LANE: where the lane's dm-remap.ko is, once scripts/guest-module made it.
module_file() {
    case $1 in
    vm)
        pick_kernel "${GUEST_KERNEL:-current}"
        printf '%s\n' "$TARGET/module/$RELEASE/dm-remap.ko"
        ;;
    *) printf '%s\n' "$TARGET/module/uml-$1/dm-remap.ko" ;;
    esac
}
