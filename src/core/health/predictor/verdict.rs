// SPDX-License-Identifier: GPL-2.0-only

//! What the counters mean.

use crate::health::{
    fixed::{decay, log2, ratio},
    predictor::{Predictor, ALARM, DAYS, WEIGHT},
    DAY,
};

/// Where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// Fewer episodes than before.
    Improving,
    /// As before, or too few to tell.
    Stable,
    /// More episodes than before.
    Declining,
}

/// How bad it is; the numbers are those of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// 1: nothing that a disk may not have.
    Low,
    /// 4: something happens.
    Medium,
    /// 7: the alarm is on: replace the disk.
    High,
    /// 9: replace it today.
    Critical,
}

impl Severity {
    /// The number in the interface.
    pub const fn number(self) -> u8 {
        match self {
            Severity::Low => 1,
            Severity::Medium => 4,
            Severity::High => 7,
            Severity::Critical => 9,
        }
    }
}

/// The forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Where it goes.
    pub trend: Trend,
    /// The probability that the disk fails within 30 days, per mille.
    pub probability: u16,
    /// How far that can be trusted, in percent: high from 80, medium from 50.
    pub confidence: u8,
    /// How bad it is.
    pub severity: Severity,
    /// Seconds until the rate of episodes is that of a disk which fails; `None` while there is no alarm, or no growth.
    pub time_to_failure: Option<u64>,
}

/// The hazard of the next 30 days by the number of bad sectors, per mille: -ln(1 - P) of SnapRAID's table (47,322
/// disks), P = 0.26, 7.5, 14.5, 23.8, 30 and 42 %.
const HAZARD: [(u32, u32); 6] = [
    (0, 3),
    (1, 78),
    (10, 157),
    (50, 272),
    (100, 357),
    (255, 545),
];

/// exp(-1/1000) in units of 2^-32.
const MILLE: u32 = 4_290_674_475;

/// Episodes a day of a disk that is about to fail, in units of 2^-32: disks of which more than half failed within a
/// month found 100 bad sectors in it (Ma), which are some 60 episodes.
const FAILING: u64 = 2 << 32;

/// No spare is said to last longer, in seconds: a hundred years. A rate that has all but died away says no more.
pub const LONGEST: u64 = 100 * 365 * DAY;

impl Predictor {
    /// Episodes a day over a day, a week and 30 days, in units of 2^-32.
    pub(super) fn daily(&self) -> [u64; 3] {
        let mut daily = self.rates;
        for (rate, days) in daily.iter_mut().zip(DAYS) {
            *rate = rate.checked_div(days).unwrap_or(0);
        }
        daily
    }

    /// The forecast as of the last event or [`advance`](Self::advance).
    pub fn verdict(&self) -> Verdict {
        let trend = self.trend();
        let probability = self.probability(trend);
        let time_to_failure = self.time_to_failure(trend);
        let soon = time_to_failure.is_some_and(|t| t < DAY.wrapping_mul(7));
        let severity = match () {
            () if self.alarm && (soon || probability >= 500) => Severity::Critical,
            () if self.alarm => Severity::High,
            () if self.sum >= WEIGHT => Severity::Medium,
            () => Severity::Low,
        };
        Verdict {
            trend,
            probability,
            confidence: self.confidence(),
            severity,
            time_to_failure,
        }
    }

    /// The rate of a week against that of 30 days, of at least three episodes.
    fn trend(&self) -> Trend {
        let [_, week, month] = self.daily();
        let [_, _, in_month] = self.rates;
        if in_month < 3 << 32 {
            Trend::Stable
        } else if week > month.saturating_add(month.wrapping_div(2)) {
            Trend::Declining
        } else if week < month.wrapping_div(2) {
            Trend::Improving
        } else {
            Trend::Stable
        }
    }

    /// The table's hazard, more while it gets worse, less while it does not; a Poisson step makes it a probability. The
    /// table knows nothing but the number of bad sectors: most of those disks that failed would have had the alarm on,
    /// so that few are left for those without.
    ///
    /// Of a disk that counts bad sectors itself it is half of what the table has for these, whatever was seen here: at
    /// one sector that is 14 times what a disk without one has, as Pinheiro found for the first reallocation.
    fn probability(&self, trend: Trend) -> u16 {
        // What the disk counts itself are the same sectors, and others that nobody met here.
        let smart = self.smart().map_or(0, |(sectors, _)| sectors);
        let base = hazard(self.totals.sectors.max(smart));
        let sum = self.sum;
        let eighths = match (self.alarm, trend) {
            (true, Trend::Declining) => 18,
            (true, Trend::Stable) => 8,
            (true, Trend::Improving) => 4,
            (false, Trend::Declining) => 2,
            (false, _) if sum > 0 => 1,
            (false, _) => 0,
        };
        // What a disk without a sign has stays, whatever the rest says.
        let least = u64::from(hazard(0));
        let scaled = u64::from(base).wrapping_mul(eighths).wrapping_div(8);
        let told = u64::from(hazard(smart)).wrapping_div(2);
        let survives = decay(1000, scaled.max(told).max(least), MILLE);
        u16::try_from(1000u64.saturating_sub(survives)).unwrap_or(1000)
    }

    /// More the more was seen, and the longer the disk was watched; less when much was left out.
    fn confidence(&self) -> u8 {
        let days = self.watched.wrapping_div(DAY);
        let watched = days.min(30);
        let seen = if self.alarm {
            let over = u64::from(self.sum.saturating_sub(ALARM / 2));
            ratio(over.wrapping_mul(40), u64::from(ALARM), 40)
        } else {
            let sum = u64::from(self.sum.min(ALARM));
            40u64.saturating_sub(ratio(sum.wrapping_mul(40), u64::from(ALARM), 40))
        };
        let totals = &self.totals;
        let all = totals.episodes.saturating_add(totals.weak);
        let storms = u64::from(totals.storms.min(3)).wrapping_mul(10);
        let few = if self.alarm && all < 10 { 10 } else { 0 };
        let sum = 30u64.saturating_add(watched).saturating_add(seen);
        let sum = sum.saturating_sub(storms).saturating_sub(few);
        u8::try_from(sum.clamp(1, 99)).unwrap_or(99)
    }

    /// When the rate of the last week, growing as it did against the last month, is that of a disk that fails.
    fn time_to_failure(&self, trend: Trend) -> Option<u64> {
        if !self.alarm || trend == Trend::Improving {
            return None;
        }
        let [_, week, month] = self.daily();
        if week >= FAILING {
            return Some(0);
        }
        // The two rates are means over the past whose centres lie 23 days apart.
        let growth = u64::from(log2(week).checked_sub(log2(month))?);
        let missing = u64::from(log2(FAILING).saturating_sub(log2(week)));
        let days = missing.saturating_mul(23).checked_div(growth)?;
        (days <= 365).then(|| days.wrapping_mul(DAY))
    }

    /// Seconds until `free` spare blocks are used up, at the higher of the rates of a week and of 30 days:
    /// [`LONGEST`] at most, and `None` if none was used in sight.
    pub fn time_to_spare_exhaustion(&self, free: u32) -> Option<u64> {
        if free == 0 {
            return Some(0);
        }
        let [_, week, month] = self.remapped;
        let week = week.wrapping_div(7);
        let month = month.wrapping_div(30);
        // Blocks a day, in units of 2^-15: so any number of blocks has room, times the seconds of a day.
        let rate = week.max(month).wrapping_shr(32 - 15);
        let blocks = u64::from(free).wrapping_shl(15);
        let seconds = blocks.saturating_mul(DAY).checked_div(rate)?;
        Some(seconds.min(LONGEST))
    }
}

/// The table, straight lines between its points.
fn hazard(bad: u32) -> u32 {
    let mut before = (0u32, 0u32);
    for point in HAZARD {
        if bad <= point.0 {
            let width = point.0.saturating_sub(before.0);
            let into = bad.saturating_sub(before.0);
            let rise = point.1.saturating_sub(before.1);
            let part = rise.saturating_mul(into).checked_div(width);
            return before.1.saturating_add(part.unwrap_or(rise));
        }
        before = point;
    }
    before.1
}
