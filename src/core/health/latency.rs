// SPDX-License-Identifier: GPL-2.0-only

//! How long reads of a device take: a histogram, and its median.
//!
//! Only reads of one size by the scanner, alone at an idle disk, can be compared: a user's request says more of the
//! queue than of the medium.

use crate::health::fixed::log2;

/// Buckets a power of two.
const PARTS: u32 = 4;

const BUCKETS: usize = 128;

/// Samples at which all counts are halved: the median follows the device.
const MANY: u32 = 8192;

/// With fewer samples nothing is said.
const FEW: u32 = 64;

/// One, where a latency is told as a multiple of the median.
pub const TIMES: u32 = 16;

/// A read that takes so many times the median is slow: a disk turns within 8 ms, and that much longer is many
/// attempts of its own to read a sector.
pub const SLOW: u32 = 8 * TIMES;

/// The histogram.
#[derive(Clone, Debug)]
pub struct Latency {
    counts: [u16; BUCKETS],
    all: u32,
}

impl Latency {
    /// No samples.
    pub const fn new() -> Latency {
        Latency {
            counts: [0; BUCKETS],
            all: 0,
        }
    }

    /// Takes a sample, in microseconds, and gives it as a multiple of the median in units of 1/[`TIMES`]; `None`
    /// while there are too few samples.
    pub fn sample(&mut self, us: u32) -> Option<u32> {
        let bucket = bucket(us);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
            self.all = self.all.saturating_add(1);
        }
        if self.all >= MANY {
            self.all = 0;
            for count in &mut self.counts {
                *count = count.wrapping_shr(1);
                self.all = self.all.saturating_add(u32::from(*count));
            }
        }
        let median = self.median()?;
        us.saturating_mul(TIMES).checked_div(median.max(1))
    }

    /// The median in microseconds, within a fifth.
    pub fn median(&self) -> Option<u32> {
        if self.all < FEW {
            return None;
        }
        let half = self.all.div_ceil(2);
        let mut below = 0u32;
        for (i, &count) in self.counts.iter().enumerate() {
            below = below.saturating_add(count.into());
            if below >= half {
                return u32::try_from(i).ok().map(middle);
            }
        }
        None
    }
}

impl Default for Latency {
    fn default() -> Self {
        Latency::new()
    }
}

/// Four buckets a power of two.
fn bucket(us: u32) -> usize {
    let at = log2(us.into()).wrapping_div(256 / PARTS);
    usize::try_from(at)
        .unwrap_or(0)
        .min(BUCKETS.wrapping_sub(1))
}

/// The middle of a bucket.
fn middle(bucket: u32) -> u32 {
    let power = 1u32
        .checked_shl(bucket.wrapping_div(PARTS))
        .unwrap_or(u32::MAX);
    let eighths = bucket.wrapping_rem(PARTS).wrapping_mul(2).wrapping_add(9);
    u32::try_from(
        u64::from(power)
            .wrapping_mul(eighths.into())
            .wrapping_shr(3),
    )
    .unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_right_within_a_fifth() {
        let mut seed = 1u64;
        for scale in [1u32, 30, 900, 20_000] {
            let mut latency = Latency::new();
            let mut all: Vec<u32> = Vec::new();
            for _ in 0..2001 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let us = scale * (20 + (seed >> 40) as u32 % 300);
                all.push(us);
                latency.sample(us);
            }
            all.sort_unstable();
            let (got, want) = (latency.median().expect("enough"), all[1000]);
            assert!(got.abs_diff(want) * 5 <= want, "{got} {want}");
        }
    }

    #[test]
    fn few_samples_say_nothing_and_many_are_forgotten() {
        let mut latency = Latency::new();
        assert!((1..FEW).all(|_| latency.sample(100).is_none()));
        let times = latency.sample(100).expect("enough");
        assert!((14..=18).contains(&times), "{times}");
        assert!(latency.sample(100_000).expect("enough") > SLOW);
        for _ in 0..3 * MANY {
            latency.sample(1600);
        }
        assert!(
            latency.median().expect("enough") > 1300,
            "the median follows"
        );
        latency.sample(0);
        latency.sample(u32::MAX);
    }
}
