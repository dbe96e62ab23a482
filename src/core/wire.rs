// SPDX-License-Identifier: GPL-2.0-only

//! `zerocopy` under one name in both worlds: the kernel has its derive macros in a crate beside it.

pub(crate) use zerocopy::{
    little_endian::{U16, U32, U64},
    transmute_mut, transmute_ref, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
};
#[cfg(CONFIG_RUST)]
pub(crate) use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};
