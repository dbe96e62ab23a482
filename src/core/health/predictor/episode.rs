// SPDX-License-Identifier: GPL-2.0-only

//! Events that are one.

use crate::health::{predictor::Place, Event, Region, What};

/// Events that follow one another within this time, in seconds, are one episode: 40 to 80 % of all errors come within
/// a minute of the one before (Bairavasundaram).
const MINUTE: u64 = 60;

/// How far from the last event of an episode the next may be, in regions: a scratch goes over many.
const NEAR: u32 = 10;

/// An episode that waits to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Episode {
    /// The region of the last event.
    pub(super) region: Region,
    /// The lowest region of an event.
    pub(super) low: u32,
    /// The highest one.
    pub(super) high: u32,
    /// Watched time of the first event.
    pub(super) first: u64,
    /// Watched time of the last event.
    pub(super) last: u64,
    /// How many events.
    pub(super) events: u32,
    /// How many sectors were found bad.
    pub(super) sectors: u32,
    /// One of them was an error that did not heal.
    pub(super) error: bool,
}

impl Episode {
    /// What stands for none on the disk.
    pub(super) const NONE: Episode = Episode {
        region: Region(0),
        low: 0,
        high: 0,
        first: 0,
        last: 0,
        events: 0,
        sectors: 0,
        error: false,
    };

    pub(super) fn new(event: &Event, time: u64) -> Episode {
        let mut episode = Episode {
            low: event.region.0,
            first: time,
            ..Episode::NONE
        };
        episode.add(event, time);
        episode
    }

    /// An event there and then is part of this episode.
    pub(super) fn takes(&self, region: Region, time: u64) -> bool {
        time.saturating_sub(self.last) <= MINUTE && self.region.0.abs_diff(region.0) <= NEAR
    }

    /// The place that it will be.
    pub(super) fn place(&self) -> Place {
        Place {
            low: self.low,
            high: self.high,
            hour: 1,
        }
    }

    pub(super) fn add(&mut self, event: &Event, time: u64) {
        self.region = event.region;
        self.low = self.low.min(event.region.0);
        self.high = self.high.max(event.region.0);
        self.last = time;
        self.events = self.events.saturating_add(1);
        self.sectors = self.sectors.saturating_add(event.sectors);
        self.error |= event.what == What::Error;
    }
}
