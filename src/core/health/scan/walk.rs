// SPDX-License-Identifier: GPL-2.0-only

//! What is read next: the pass and the follow-up, in turns.

use crate::{
    health::scan::{segments, Read, Scanner, Turn, SEGMENT},
    units::{Sector, SectorCount},
};

impl Scanner {
    fn main_segments(&self) -> u64 {
        segments(self.main)
    }

    pub(super) fn main_ranks(&self) -> u64 {
        self.settings.order.ranks(self.main_segments())
    }

    /// What is read next, if the pass is not over.
    pub(super) fn choose(&mut self) -> Option<(Turn, Read)> {
        let follow = self.follow.next(self.main);
        let pass = self.next_of_pass();
        let own = self.turn == Turn::Follow || pass.is_none();
        let (turn, spare, segment, offset) = match (follow.filter(|_| own), pass) {
            (Some((segment, offset)), _) => (Turn::Follow, false, segment, offset),
            (None, Some((spare, segment))) => (Turn::Pass, spare, segment, self.offset),
            (None, None) => return None,
        };
        Some((turn, self.read_of(spare, segment, offset)))
    }

    /// The segment where the pass is, after stepping over ranks that name none and segments that are read.
    fn next_of_pass(&mut self) -> Option<(bool, u64)> {
        let segments = self.main_segments();
        let ranks = self.main_ranks();
        loop {
            let (spare, segment, end) = if self.rank < ranks {
                let segment = self.settings.order.segment(segments, self.rank);
                (false, segment, self.main)
            } else {
                (true, self.rank.checked_sub(ranks), self.spare)
            };
            let at = segment.map(|s| s.saturating_mul(SEGMENT.into()));
            if spare && at.is_none_or(|at| at >= end) {
                return None;
            }
            let left = at
                .map_or(0, |at| end.saturating_sub(at))
                .min(SEGMENT.into());
            if u64::from(self.offset) < left {
                return segment.map(|s| (spare, s));
            }
            self.rank = self.rank.saturating_add(1);
            self.offset = 0;
        }
    }

    fn read_of(&self, spare: bool, segment: u64, offset: u32) -> Read {
        let end = if spare { self.spare } else { self.main };
        let first = segment.saturating_mul(SEGMENT.into());
        let start = first.saturating_add(offset.into());
        let until = first.saturating_add(SEGMENT.into()).min(end);
        let most = u64::from(self.settings.step().read);
        Read {
            spare,
            start: Sector(start),
            len: SectorCount(until.saturating_sub(start).min(most)),
        }
    }
}
