// SPDX-License-Identifier: GPL-2.0-only

//! The superblock: what an area is, whose it is, and how it was left.

mod raw;

pub use raw::{decode, encode, Decoded};

use crate::{
    identity::Identities,
    layout::{CopyId, Layout},
    mem::Shared,
    units::{Sector, SectorCount},
};

/// The version of the format. It changes only when no older code can make anything of it.
pub const VERSION: u32 = 1;

/// Bits of features. This code knows none yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// May be ignored.
    pub compatible: u64,
    /// Code that does not know one may only read.
    pub read_only: u64,
    /// Code that does not know one may do nothing.
    pub incompatible: u64,
}

/// Both devices as they were when the superblock was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    /// Main.
    pub main: Identities,
    /// The spare device.
    pub spare: Identities,
}

/// A superblock.
#[derive(Clone, Debug)]
pub struct Superblock {
    /// Which of several is the newest: the highest.
    pub seq: u64,
    /// The area's own UUID.
    pub uuid: [u8; 16],
    /// Features of the area.
    pub features: Features,
    /// The devices.
    pub names: Shared<Names>,
    /// The first sector of main that the target maps, on main.
    pub main_start: Sector,
    /// How many sectors the target has.
    pub main_len: SectorCount,
    /// Where the area began on the spare device.
    pub spare_start: Sector,
    /// The last session that was begun.
    pub epoch: u64,
    /// The last generation that sessions before [`epoch`](Self::epoch) have left: what they wrote with a
    /// higher one was never acknowledged and is void, even if it turns up later.
    pub sealed: u64,
    /// The chain that the session began with, by the generation of its checkpoint's first block: of
    /// former sessions' blocks only this chain's count.
    pub adopted: u64,
    /// A generation that was durable when this was written: a log that ends below it has lost something.
    pub log_floor: u64,
    /// The last session ended in order.
    pub clean: bool,
    /// The metadata has to be checked before the map may change.
    pub needs_check: bool,
    /// For each copy of the log, the generation from which on it is not to be trusted; 0 for a whole one.
    pub degraded: [u64; 2],
    /// When the area was formatted, in seconds since 1970.
    pub created: u64,
    /// Where everything lies.
    pub layout: Shared<Layout>,
}

impl Superblock {
    /// This copy of the log is not known to be whole.
    pub fn is_degraded(&self, copy: CopyId) -> bool {
        copy.of(self.degraded) != 0
    }

    /// A feature or a region that this code does not know forbids to write.
    pub fn read_only(&self) -> bool {
        self.features.read_only != 0 || self.layout.read_only()
    }
}
