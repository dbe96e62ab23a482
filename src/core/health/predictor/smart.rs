// SPDX-License-Identifier: GPL-2.0-only

//! What the disk says of itself: how many bad sectors SMART counts, as somebody told who has asked the disk.
//!
//! It is one term of the probability. It raises no alarm and takes nothing off the score: these come from what was seen,
//! and when, of which a number says nothing. What was told long ago counts no more.

use crate::health::{predictor::Predictor, HOUR};

/// How long it counts, in watched hours: a week.
const FRESH: u32 = 7 * 24;

/// The most that is remembered: the table ends at 255.
pub(super) const MOST: u32 = 65_535;

/// What was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Smart {
    /// Bad sectors, [`MOST`] at most.
    pub(super) sectors: u32,
    /// The watched hour after the one when it was told; 0 if it never was.
    pub(super) hour: u32,
}

impl Predictor {
    /// The disk counts so many bad sectors, the largest of the counts that it keeps. True if that is another number
    /// than before.
    #[inline(never)]
    pub fn note_smart(&mut self, now: u64, sectors: u32) -> bool {
        self.advance(now);
        let before = self.smart;
        self.smart = Smart {
            sectors: sectors.min(MOST),
            hour: self.this_hour().saturating_add(1),
        };
        before.sectors != self.smart.sectors || before.hour == 0
    }

    /// The bad sectors that the disk counts, and how many hours ago that was told; none if that is too long.
    #[inline(never)]
    pub fn smart(&self) -> Option<(u32, u32)> {
        let told = self.smart.hour.checked_sub(1)?;
        let age = self.this_hour().saturating_sub(told);
        (age < FRESH).then_some((self.smart.sectors, age))
    }

    fn this_hour(&self) -> u32 {
        u32::try_from(self.watched.wrapping_div(HOUR)).unwrap_or(u32::MAX)
    }
}
