// SPDX-License-Identifier: GPL-2.0-only

//! What is kept of what is old: the last sample of each day.

use super::Sample;

const DAY: u64 = 86400;

/// So long each sample is kept, in seconds.
pub const RECENT: u64 = 14 * DAY;

/// So many samples may be too much before a file is written anew.
pub const SLACK: usize = 24;

/// What is kept of `samples`, which are in order, `now` being the time; nothing if that is not worth the writing.
pub fn thinned(samples: &[Sample], now: u64) -> Option<Vec<Sample>> {
    let followed = |n: usize, day: u64| {
        let next = samples.get(n + 1);
        next.is_some_and(|next| next.at_unix_seconds / DAY == day)
    };
    let kept = samples.iter().enumerate().filter(|(n, sample)| {
        let at = sample.at_unix_seconds;
        now.saturating_sub(at) <= RECENT || !followed(*n, at / DAY)
    });
    let kept: Vec<Sample> = kept.map(|(_, sample)| sample.clone()).collect();
    (kept.len() + SLACK <= samples.len()).then_some(kept)
}
