// SPDX-License-Identifier: GPL-2.0-only

//! The target `linear-test`: maps to a range of one device, as dm-linear does.
//!
//! A module of its own, from the same sources as dm-remap: it shows that [`dm`] and [`kernel_ext`]
//! know nothing of remapping, and exercises them without anything above them.
//! Table line: `<begin> <len> linear-test <device> <start>`.

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

mod target;

use dm::registration::Registration;
use kernel::prelude::*;

module! {
    type: LinearTest,
    name: "dm_remap_linear_test",
    authors: ["The dm-remap developers"],
    description: "dm-remap's layers under a linear target, for tests",
    license: "GPL",
}

#[pin_data]
struct LinearTest {
    #[pin]
    registration: Registration<target::Linear>,
}

impl kernel::InPlaceModule for LinearTest {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            registration <- Registration::new(module, ()),
        })
    }
}
