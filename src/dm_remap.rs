// SPDX-License-Identifier: GPL-2.0-only

//! dm-remap: a device-mapper target that keeps a disk with bad sectors usable.
//!
//! A failing write lands on a spare block and succeeds; the map is durable before the write is
//! acknowledged; a failing read never turns into garbage. `docs/architecture.md` leads through the rooms.

#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod bindings;
// Layers for any target: this one does not use all that they offer.
#[allow(unsafe_code, dead_code)]
mod dm;
#[allow(unsafe_code, dead_code)]
mod kernel_ext;
#[path = "core/lib.rs"]
mod logic;
mod target;

// For the host the logic is a crate of its own, and paths to it are the same here: `crate::map` inside
// of it, `dm_remap_core::map` outside.
extern crate self as dm_remap_core;
use logic::*;

use kernel::prelude::*;

use crate::{
    dm::registration::Registration,
    target::{registry::Registry, Remap},
};

module! {
    type: Module,
    name: "dm_remap",
    authors: ["the dm-remap developers"],
    description: "device-mapper target that remaps failing sectors to a spare area",
    license: "GPL",
    alias: ["dm-target-remap"],
}

#[pin_data]
struct Module {
    #[pin]
    target: Registration<Remap>,
}

impl kernel::InPlaceModule for Module {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            target <- Registration::new(module, Registry::new()?),
        })
    }
}
