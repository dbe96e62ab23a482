// SPDX-License-Identifier: GPL-2.0-only

//! The logic of dm-remap: everything that can be decided without a kernel.
//!
//! No I/O, no locks, no clock and no unsafe code: time, seeds and the results of I/O are arguments.
//! The kernel module and the host tools are built from this one source: for the host it is a crate, in the
//! module's crate it is a module, since what is private there can be left out or inlined.

#![cfg_attr(not(any(test, CONFIG_RUST)), no_std)] // Kbuild says no_std itself
#![forbid(unsafe_code)]
// What the module has no use for is for the tests, and no less public there.
#![cfg_attr(CONFIG_RUST, allow(dead_code, unreachable_pub, unused_imports))]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

pub mod crc;
pub mod engine;
pub mod fault;
pub mod format;
pub mod grammar;
pub mod health;
pub mod identity;
pub mod layout;
pub mod log;
pub mod map;
pub mod mem;
pub mod open;
pub mod record;
pub mod requests;
pub mod search;
pub mod snapshot;
pub mod spare;
pub mod superblock;
pub mod tree;
pub mod units;

pub(crate) mod wire;
