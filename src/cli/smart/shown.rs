// SPDX-License-Identifier: GPL-2.0-only

//! What the disks said of themselves, as `status` and `health` show it: what was written down last, or what they say now.

use serde::Serialize;

use super::{words, Both, Told};
use crate::{
    device::{model::Device, source::Source, words::span},
    history::{Counts, History},
};

/// What was written down longer ago is not shown, in seconds: for so long the predictor heeds it, too.
pub const FRESH: u64 = 7 * 86400;

/// What the disks below a device said, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    pub at_unix_seconds: u64,
    pub main: Option<Counts>,
    pub spare: Option<Counts>,
    /// Why there is nothing of a disk that was asked just now.
    pub main_reason: Option<String>,
    pub spare_reason: Option<String>,
}

impl Shown {
    /// What was written down last of a device, if that is not too long ago.
    pub fn recorded(source: &dyn Source, device: &Device) -> Option<Shown> {
        let history = History::at(&source.history());
        let last = history.latest(&device.area_uuid, source.now())?;
        let smart = last.smart?;
        let age = source.now().saturating_sub(last.at_unix_seconds);
        (age <= FRESH).then_some(Shown {
            at_unix_seconds: last.at_unix_seconds,
            main: smart.main,
            spare: smart.spare,
            main_reason: None,
            spare_reason: None,
        })
    }

    /// What they said just now.
    pub fn asked(both: Both, now: u64) -> Shown {
        let Both { main, spare } = both;
        let split = |told: Told| (told.counts, told.reason);
        let ((main, main_reason), (spare, spare_reason)) = (split(main), split(spare));
        Shown {
            at_unix_seconds: now,
            main,
            spare,
            main_reason,
            spare_reason,
        }
    }

    /// A line for each disk of which there is something to say: how long ago that was, and what.
    pub fn lines(&self, now: u64) -> Vec<String> {
        let age = match now.saturating_sub(self.at_unix_seconds) {
            0 => String::new(),
            age => format!(" {} ago", span(age)),
        };
        let disks = [
            ("main", &self.main, &self.main_reason),
            ("spare", &self.spare, &self.spare_reason),
        ];
        let line = |(what, counts, reason): (_, &Option<Counts>, &Option<String>)| {
            let said = match (counts, reason) {
                (Some(counts), _) => words(counts),
                (None, Some(reason)) => format!("not known: {reason}"),
                (None, None) => return None,
            };
            Some(format!("{what}{age}: {said}"))
        };
        disks.into_iter().filter_map(line).collect()
    }
}
