// SPDX-License-Identifier: GPL-2.0-only

//! Device-mapper and the block layer made safe for a target written in Rust.
//!
//! Knows nothing of remapping. A target implements [`target::Target`] and registers it with
//! [`registration::Registration`]; it sees bios as owned values ([`bio`]), devices as what its
//! table opened ([`device`]), and does I/O of its own through [`io`].

pub(crate) mod bio;
pub(crate) mod context;
pub(crate) mod device;
pub(crate) mod events;
pub(crate) mod io;
pub(crate) mod limits;
pub(crate) mod queue;
pub(crate) mod registration;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod text;
