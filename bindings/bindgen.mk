# SPDX-License-Identifier: GPL-2.0-only
#
# How bindings.h becomes Rust, for each Kbuild that builds a module on src/dm. It says before in
# `generated` where the result goes: bindings/dm_generated.rs, below $(obj).

dm_remap_bindings := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

# Where src/bindings.rs includes what bindgen makes from.
export DM_REMAP_GENERATED := $(abspath $(obj))/bindings

# The module loader of user-mode Linux knows none of the relocations that its flags for the kernel
# proper lead to.
rustflags-$(CONFIG_UML) += -Crelocation-model=static -Ccode-model=large

# bindgen is clang and the kernel's flags may be gcc's, so only those are passed that shape the
# declarations. Types that the kernel crate has are left out (no recursive allowlist): bio,
# block_device and the like stay its own. The two prefixes keep C's name space clean and are of no
# use to Rust, so they go; where there is no rustfmt, many are on one line.
DM_REMAP_TARGET_x86 := x86_64-linux-gnu
DM_REMAP_TARGET_arm64 := aarch64-linux-gnu
DM_REMAP_TARGET_riscv := riscv64-linux-gnu
DM_REMAP_TARGET_um = $(DM_REMAP_TARGET_$(SUBARCH))

dm_remap_c_flags = -Wp,-MMD,$(depfile) $(NOSTDINC_FLAGS) $(LINUXINCLUDE) \
	-include $(srctree)/include/linux/compiler_types.h \
	$(filter -I% -D% -U% -std=% -fms-extensions -fms-anonymous-structs -fshort-wchar \
		-funsigned-char -m64,$(_c_flags)) \
	-w --target=$(DM_REMAP_TARGET_$(SRCARCH)) -fno-builtin -D__BINDGEN__ -DMODULE

quiet_cmd_dm_remap_bindgen = BINDGEN $(quiet_modtag) $@
      cmd_dm_remap_bindgen = $(BINDGEN) $< \
	$(shell grep -Ev '^$(pound)|^$$' $(dm_remap_bindings)/bindgen_parameters) \
	--rust-target 1.85 --use-core --with-derive-default --ctypes-prefix ::kernel::ffi \
	--no-debug '.*' --enable-function-attribute-detection -o $@ -- $(dm_remap_c_flags) && \
	sed -Ei -e 's/pub const DM_REMAP_CONST_/pub const /g' \
		-e 's/pub fn (dm_remap_helper_([a-z0-9_]*))/$(pound)[link_name = "\1"] pub fn \2/g' $@

$(obj)/$(generated): $(dm_remap_bindings)/bindings.h $(dm_remap_bindings)/bindgen_parameters FORCE
	$(call if_changed_dep,dm_remap_bindgen)

targets += $(generated)
