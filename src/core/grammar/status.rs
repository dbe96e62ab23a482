// SPDX-License-Identifier: GPL-2.0-only

//! The status line.

use core::fmt;

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
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line {
            counters, status, ..
        } = self;
        let state = match status.state {
            State::Rw => "rw",
            State::Ro => "ro",
            State::Fail => "fail",
        };
        let needs_check = if status.needs_check {
            "needs_check"
        } else {
            "-"
        };
        write!(
            f,
            "{}/{} {} {} {} {state} {needs_check} {}",
            counters.remapped,
            counters.spare_total,
            counters.pending_sectors,
            counters.lost_sectors,
            status.generation,
            if status.storm { "storm" } else { "-" },
        )?;
        let degraded = match status.degraded & 3 {
            0 => "-",
            1 => "a",
            2 => "b",
            _ => "ab",
        };
        write!(
            f,
            " block_sectors {} spare_free {} spare_failed {} pending_dropped {} degraded {degraded}",
            self.block_size.sectors(),
            counters.spare_free,
            counters.spare_failed,
            counters.pending_dropped,
        )?;
        write!(f, " queued {}", self.queued)?;
        for (name, count) in self.stats.pairs() {
            write!(f, " {name} {count}")?;
        }
        Ok(())
    }
}
