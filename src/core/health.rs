// SPDX-License-Identifier: GPL-2.0-only

//! What is failing, and what is coming: the predictor and the order of the scan.
//!
//! Integers alone, and every figure can be checked by hand; `docs/prediction.md` says where they come from.

pub mod fixed;
pub mod history;
pub mod image;
pub mod keeper;
pub mod latency;
pub mod map;
pub mod monitor;
pub mod predictor;
pub mod scan;

use crate::units::Sector;

/// Seconds in an hour.
pub const HOUR: u64 = 3600;

/// Seconds in a day.
pub const DAY: u64 = 24 * HOUR;

/// log2 of the sectors in a [`Region`]: 1 MiB.
pub const REGION_SHIFT: u32 = 11;

/// A region of main: 1 MiB, counted from the target's first sector. 2^32 of them are 4 PiB; what lies
/// beyond is counted as the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Region(pub u32);

impl Region {
    /// The region that `sector` lies in.
    pub fn of(sector: Sector) -> Region {
        Region(u32::try_from(sector.0.wrapping_shr(REGION_SHIFT)).unwrap_or(u32::MAX))
    }

    /// Its first sector.
    pub fn first(self) -> Sector {
        Sector(u64::from(self.0).wrapping_shl(REGION_SHIFT))
    }
}

/// What happened to a request that was tried alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A media error that the lone retries did not heal.
    Error,
    /// A retry gave the data.
    Recovered,
    /// A read that took many times the device's median while nothing else was asked of it.
    Slow,
    /// The way to the device failed, not the medium.
    Transport,
}

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When, in seconds since 1970.
    pub now: u64,
    /// Where.
    pub region: Region,
    /// What.
    pub what: What,
    /// How many sectors were found bad by it that were not known to be.
    pub sectors: u32,
}

impl Event {
    /// An error that found nothing bad but what was known to be: of a place where there were errors it is no news.
    pub fn is_repeat(&self) -> bool {
        self.what == What::Error && self.sectors == 0
    }
}
