// SPDX-License-Identifier: GPL-2.0-only

//! The counters behind a verdict, in words.

use core::fmt;

use crate::health::{
    predictor::{Predictor, ALARM, WEIGHT},
    DAY,
};

/// The counters behind a verdict.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a>(&'a Predictor);

impl Predictor {
    /// The counters, to be printed.
    pub fn evidence(&self) -> Evidence<'_> {
        Evidence(self)
    }
}

/// A number with two digits behind the point; `one` is what stands for 1.
struct Hundredths {
    value: u64,
    one: u64,
}

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.value.saturating_mul(100);
        let all = all.checked_div(self.one).unwrap_or(0);
        let (whole, part) = (all.wrapping_div(100), all.wrapping_rem(100));
        write!(f, "{whole}.{part:02}")
    }
}

impl fmt::Display for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = self.0;
        let totals = it.totals();
        let fine = |value| Hundredths {
            // Rates are in 2^-32: sixteen bits of that are enough, and leave room for the hundred.
            value: u64::wrapping_shr(value, 16),
            one: 1 << 16,
        };
        let sum = |value: u32| Hundredths {
            value: value.into(),
            one: WEIGHT.into(),
        };
        let [day, week, month] = it.daily();
        write!(
            f,
            "{} episodes with errors at {} places, {} weak ones, {} bad sectors in {} days; \
             a day over 1, 7 and 30 days: {} {} {}; sum {} of {}{}",
            totals.episodes,
            totals.places,
            totals.weak,
            totals.sectors,
            it.watched.wrapping_div(DAY),
            fine(day),
            fine(week),
            fine(month),
            sum(it.sum),
            sum(ALARM),
            if it.alarm { ", alarm" } else { "" },
        )?;
        if totals.left_out > 0 {
            write!(
                f,
                "; left out: {} events, {} storms",
                totals.left_out, totals.storms
            )?;
        }
        if let Some((sectors, hours)) = it.smart() {
            write!(f, "; SMART {hours} hours ago: {sectors} bad sectors")?;
        }
        Ok(())
    }
}
