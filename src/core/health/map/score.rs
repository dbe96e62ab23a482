// SPDX-License-Identifier: GPL-2.0-only

//! The score of a region: 1000, less what each sign takes off.

use crate::{
    health::{
        fixed::{count_if, decay, log2},
        map::{HealthMap, Record, WEIGHT},
        Region,
    },
    search::first_not,
};

/// Nothing is known against it.
pub const PERFECT: u32 = 1000;
/// Below this is a warning.
pub const WARNING: u32 = 700;
/// Below this is danger.
pub const DANGER: u32 = 300;

/// What a score means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Below [`DANGER`].
    Danger,
    /// Below [`WARNING`].
    Warning,
    /// All others.
    Good,
}

impl Level {
    /// What a score means.
    pub const fn of(score: u32) -> Level {
        match score {
            WARNING.. => Level::Good,
            DANGER.. => Level::Warning,
            _ => Level::Danger,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Good => "good",
            Level::Warning => "warning",
            Level::Danger => "danger",
        }
    }
}

/// How near another error is a neighbour, in regions: half of all errors have one within 10 MB (Bairavasundaram).
const NEAR: u32 = 10;

/// 2^(-1/168) in units of 2^-32: half is left after a week.
const HALF_IN_A_WEEK: u32 = 4_277_283_299;

/// 30 days, in hours.
const MONTH: u32 = 30 * 24;

/// `each` for every doubling of `1 + count`, in units of 1/256, up to `most`.
pub(in super::super) fn doublings(count: u32, each: u32, most: u32) -> u32 {
    let doublings = log2(u64::from(count).saturating_add(256)).saturating_sub(8 * 256);
    doublings.saturating_mul(each).wrapping_shr(8).min(most)
}

/// `most`, halved for each week that `quiet` hours are.
pub(in super::super) fn recent(quiet: u32, most: u32) -> u32 {
    let left = decay(most.into(), quiet.into(), HALF_IN_A_WEEK);
    u32::try_from(left).unwrap_or(most)
}

impl Record {
    /// What it takes off by itself, its neighbours aside: what tells little is forgotten first.
    pub(super) fn telling(&self, hour: u32) -> u32 {
        // Error rate: each doubling of the errors, of which half are forgotten in a quiet month. A first error takes
        // 150, seven take it all.
        let rate = doublings(self.weight(hour), 150, 450);
        // Recency: 40 to 80 % of errors come within a minute of the one before, and few after a week. That is said of
        // errors: a slow read has a term of its own, and a block that was remapped is bad no more.
        let quiet = self.failed().map(|at| hour.saturating_sub(at));
        let recency = quiet.map_or(0, |quiet| recent(quiet, 200));
        // Retries: what needs one will need more.
        let recovered = u32::from(self.recovered).saturating_mul(WEIGHT);
        let retries = doublings(recovered, 40, 120);
        // Latency: each doubling over twice the median, the drive's own retries.
        let over = u32::from(self.latency)
            .saturating_mul(WEIGHT / 32)
            .saturating_sub(WEIGHT);
        let latency = doublings(over, 60, 180);
        // Age: what fails again after months does not heal. A region that had one event takes nothing.
        let age = self.last.saturating_sub(self.first);
        let age = age.saturating_mul(50).wrapping_div(MONTH).min(100);
        let sum = rate.saturating_add(recency).saturating_add(retries);
        sum.saturating_add(latency).saturating_add(age)
    }
}

impl HealthMap {
    /// The score of a region at `hour`: [`PERFECT`] where nothing happened.
    pub fn score(&self, hour: u32, region: Region) -> u32 {
        let Some(record) = self.get(region) else {
            return PERFECT;
        };
        // Spread: neighbours with errors, since errors come in clusters.
        let low = self.find(Region(region.0.saturating_sub(NEAR)));
        let near = self.records().get(low..).unwrap_or(&[]);
        let end = region.0.saturating_add(NEAR);
        let near = near.get(..first_not(near, |r| r.region.0 <= end));
        let other = |r: &Record| r.region != region && r.errors > 0;
        let spread = count_if(near.unwrap_or(&[]), &other);
        let spread = spread.saturating_mul(50).min(150);
        let less = record.telling(hour).saturating_add(spread);
        PERFECT.saturating_sub(less)
    }

    /// The regions with the lowest scores, the worst first; as many as there is room for. Tells how many they are.
    pub fn worst(&self, hour: u32, to: &mut [(Region, u32)]) -> usize {
        let mut filled = 0usize;
        for record in self.records() {
            let score = self.score(hour, record.region);
            let sorted = to.get(..filled).unwrap_or(&[]);
            let at = first_not(sorted, |s| s.1 <= score);
            if at >= to.len() {
                continue;
            }
            filled = filled.saturating_add(1).min(to.len());
            // All from there on move down by one.
            let mut moved = (record.region, score);
            for place in to.get_mut(at..filled).unwrap_or_default() {
                core::mem::swap(place, &mut moved);
            }
        }
        filled
    }

    /// The lowest score from `first` to `last`: what a heat map shows.
    pub fn lowest(&self, hour: u32, first: Region, last: Region) -> u32 {
        let tail = self.records().get(self.find(first)..).unwrap_or(&[]);
        let inside = tail.iter().take_while(|r| r.region <= last);
        let scores = inside.map(|r| self.score(hour, r.region));
        scores.min().unwrap_or(PERFECT)
    }
}
