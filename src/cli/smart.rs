// SPDX-License-Identifier: GPL-2.0-only

//! What disks say of themselves: SMART, by `smartctl` of smartmontools, if that is there.
//!
//! All of it may be missing, and nothing fails then: a disk that says nothing is told with the reason, once.

mod answer;
mod ask;
mod disk;
mod shown;

pub use ask::PROGRAM;
pub use shown::Shown;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    device::{
        model::{Device, Disk},
        source::Source,
        words::{counted, grouped},
    },
    history::{Counts, Smart},
};

/// What a disk said, or why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The whole disk that was asked, if it is known which.
    pub disk: Option<String>,
    pub counts: Option<Counts>,
    /// Why there are no counts.
    pub reason: Option<String>,
    /// It turns: what is known of how many such disks fail is known of these.
    #[serde(skip)]
    pub turns: bool,
}

/// What the disks below a device said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Both {
    pub main: Told,
    pub spare: Told,
}

impl Both {
    /// As it is recorded; nothing if neither said anything.
    pub fn sample(&self) -> Option<Smart> {
        let smart = Smart {
            main: self.main.counts.clone(),
            spare: self.spare.counts.clone(),
        };
        (smart != Smart::default()).then_some(smart)
    }
}

/// Asks the disks below these devices, each once; the answer is in the same order.
pub fn ask(source: &dyn Source, devices: &[Device]) -> Vec<Both> {
    let below = |disk: &Disk| disk::below(source, &disk.device);
    let places: Vec<_> = devices
        .iter()
        .map(|d| (below(&d.table.main), below(&d.table.spare)))
        .collect();
    let mut answers = BTreeMap::new();
    for (main, spare) in &places {
        for place in [main, spare].into_iter().flatten() {
            answers.insert(place.node.clone(), Err(String::new()));
        }
    }
    ask::all(&source.smartctl(), &mut answers);
    let told = |place: &Result<disk::Place, String>| match place {
        Ok(place) => {
            let answer = answers.get(&place.node).cloned();
            let answer = answer.unwrap_or_else(|| Err("it was not asked".to_owned()));
            Told {
                disk: Some(place.node.clone()),
                turns: place.turns,
                reason: answer.as_ref().err().cloned(),
                counts: answer.ok(),
            }
        }
        Err(reason) => Told {
            disk: None,
            counts: None,
            reason: Some(reason.clone()),
            turns: false,
        },
    };
    let both = |(main, spare): &(_, _)| Both {
        main: told(main),
        spare: told(spare),
    };
    places.iter().map(both).collect()
}

/// The largest of the counts of bad sectors. They are counts of the same sectors, found bad in different ways, so their
/// sum would count some of them twice.
pub fn bad_sectors(counts: &Counts) -> Option<u64> {
    let all = [
        counts.reallocated_sectors,
        counts.pending_sectors,
        counts.offline_uncorrectable_sectors,
        counts.reported_uncorrectable_errors,
    ];
    all.into_iter().flatten().max()
}

/// What is to be said to the predictor of main: nothing of a disk that does not turn, for the table is of those that do.
pub fn for_predictor(told: &Told) -> Option<u64> {
    let counts = told.counts.as_ref().filter(|_| told.turns)?;
    bad_sectors(counts)
}

/// In words: what is not zero, or that nothing is.
pub fn words(counts: &Counts) -> String {
    let mut words = Vec::new();
    if counts.passed == Some(false) {
        words.push("it says that it is about to fail".to_owned());
    }
    for (count, what) in [
        (counts.reallocated_sectors, "reallocated"),
        (counts.pending_sectors, "pending"),
        (counts.offline_uncorrectable_sectors, "uncorrectable"),
    ] {
        if let Some(count) = count.filter(|n| *n > 0) {
            words.push(format!("{} {what}", grouped(count)));
        }
    }
    if let Some(errors) = counts.reported_uncorrectable_errors.filter(|n| *n > 0) {
        words.push(counted(errors, "uncorrected error"));
    }
    if words.is_empty() {
        words.push(match bad_sectors(counts) {
            Some(_) => "no bad sector".to_owned(),
            None => "it counts no bad sectors".to_owned(),
        });
    }
    if let Some(used) = counts.used_percent {
        words.push(format!("{used} % of its life used"));
    }
    words.join(", ")
}
