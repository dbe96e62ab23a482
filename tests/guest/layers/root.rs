// SPDX-License-Identifier: GPL-2.0-only

//! The KUnit suite of [`dm`] and [`kernel_ext`]: what of them needs a kernel, but no device.
//!
//! A module of its own from the same sources, so that dm-remap carries no byte of it. Loading it runs the
//! suite.

#![deny(unsafe_code)]

// The layers name the units' crate; here that is this crate.
extern crate self as dm_remap_core;

#[path = "../../../src"]
#[allow(dead_code, unreachable_pub, unsafe_code)]
mod layers {
    pub(crate) mod bindings;
    pub(crate) mod dm;
    pub(crate) mod kernel_ext;
    #[path = "core/record.rs"]
    pub(crate) mod record;
    #[path = "core/units.rs"]
    pub(crate) mod units;
}
use layers::{bindings, dm, kernel_ext, record, units};

mod object;
mod suite;

use kernel::prelude::*;

module! {
    type: Layers,
    name: "dm_remap_layers_test",
    authors: ["the dm-remap developers"],
    description: "the KUnit suite of dm-remap's layers",
    license: "GPL",
}

struct Layers;

impl kernel::Module for Layers {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Layers)
    }
}
