// SPDX-License-Identifier: GPL-2.0-only

//! Ranges that messages asked to move, waiting for the worker.

use kernel::prelude::*;

use dm_remap_core::{
    mem::Buf,
    units::{Sector, SectorCount},
};

/// How many ranges can wait.
const ROOM: usize = 64;

/// A first-in-first-out list of ranges. Its room is made once.
pub(crate) struct Requests {
    ranges: Buf<(Sector, SectorCount)>,
}

impl Requests {
    /// No request.
    pub(crate) fn new() -> Result<Requests> {
        let mut ranges = Buf::new();
        ranges.try_reserve(ROOM).map_err(|_| ENOMEM)?;
        Ok(Requests { ranges })
    }

    /// Adds a range; false if there is no room.
    pub(crate) fn push(&mut self, start: Sector, len: SectorCount) -> bool {
        self.ranges.push_within((start, len)).is_ok()
    }

    /// Takes up to `most` sectors of the oldest range.
    pub(crate) fn take(&mut self, most: u32) -> Option<(Sector, u32)> {
        let (start, len) = self.ranges.as_mut_slice().first_mut()?;
        let at = *start;
        let part = u32::try_from(len.0).unwrap_or(u32::MAX).min(most);
        *start = Sector(at.0.saturating_add(u64::from(part)));
        *len = SectorCount(len.0.saturating_sub(u64::from(part)));
        if len.0 == 0 {
            let _ = self.ranges.remove(0);
        }
        Some((at, part))
    }
}
