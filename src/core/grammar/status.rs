// SPDX-License-Identifier: GPL-2.0-only

//! The status line.

use core::fmt;

use super::Out;
use crate::engine::{State, Stats, Status};
use crate::map::Counters;
use crate::units::BlockSize;

/// What the status line is made from. Displaying it gives the line: fixed fields, then keys with values.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// What the map counts.
    pub counters: Counters,
    /// What may be changed, and how far the metadata has come.
    pub status: Status,
    /// The size of a block.
    pub block_size: BlockSize,
    /// How often what happened.
    pub stats: Stats,
    /// Requests of messages that have not ended.
    pub queued: usize,
    /// The score of the device, of 1000.
    pub score: u32,
    /// Sectors that the pass of the scanner has dealt with, and all of them.
    pub scan: (u64, u64),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line {
            counters, status, ..
        } = self;
        let mut out = Out::new(f);
        out.number("", counters.remapped);
        out.number("/", counters.spare_total.into());
        out.number(" ", counters.pending_sectors);
        out.number(" ", counters.lost_sectors);
        out.number(" ", status.generation);
        out.text(match status.state {
            State::Rw => " rw",
            State::Ro => " ro",
            State::Fail => " fail",
        });
        out.text(if status.needs_check {
            " needs_check "
        } else {
            " - "
        });
        out.text(if status.storm { "storm" } else { "-" });
        out.number(" block_sectors ", self.block_size.sectors().into());
        out.number(" spare_free ", counters.spare_free.into());
        out.number(" spare_failed ", counters.spare_failed.into());
        out.number(" pending_dropped ", counters.pending_dropped);
        out.text(match status.degraded & 3 {
            0 => " degraded -",
            1 => " degraded a",
            2 => " degraded b",
            _ => " degraded ab",
        });
        out.number(" queued ", self.queued.try_into().unwrap_or(u64::MAX));
        for (name, count) in self.stats.pairs() {
            out.text(" ");
            out.text(name);
            out.number(" ", count);
        }
        out.number(" health ", self.score.into());
        out.number(" scan ", self.scan.0);
        out.number("/", self.scan.1);
        out.result
    }
}
