// SPDX-License-Identifier: GPL-2.0-only

//! Ranges that messages asked to move, waiting for the worker.

use dm_remap_core::units::{Sector, SectorCount};

/// How many ranges can wait.
const ROOM: usize = 64;

/// A first-in-first-out list of ranges; never allocates.
#[derive(Clone, Copy)]
pub(crate) struct Requests {
    ranges: [(Sector, SectorCount); ROOM],
    used: usize,
}

impl Requests {
    /// No request.
    pub(crate) const fn new() -> Requests {
        Requests {
            ranges: [(Sector(0), SectorCount(0)); ROOM],
            used: 0,
        }
    }

    /// Adds a range; false if there is no room.
    pub(crate) fn push(&mut self, start: Sector, len: SectorCount) -> bool {
        let Some(room) = self.ranges.get_mut(self.used) else {
            return false;
        };
        *room = (start, len);
        self.used = self.used.saturating_add(1);
        true
    }

    /// Takes up to `most` sectors of the oldest range.
    pub(crate) fn take(&mut self, most: u32) -> Option<(Sector, u32)> {
        if self.used == 0 {
            return None;
        }
        let (start, len) = self.ranges.first_mut()?;
        let at = *start;
        let part = u32::try_from(len.0).unwrap_or(u32::MAX).min(most);
        *start = Sector(at.0.saturating_add(u64::from(part)));
        *len = SectorCount(len.0.saturating_sub(u64::from(part)));
        if len.0 == 0 {
            self.ranges.rotate_left(1);
            self.used = self.used.saturating_sub(1);
        }
        Some((at, part))
    }
}
