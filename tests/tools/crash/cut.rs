// SPDX-License-Identifier: GPL-2.0-only
//! Which power cuts there are at a moment of a log: what is durable then, and any choice of the rest.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use super::book::{Book, END};
use super::medium::{Medium, Version};
use super::recorder::{Event, Kind, Log, FLUSH, FUA, MAIN, SPARE};
use crate::pattern::mix;

/// A sector that arrived though no flush had made it durable.
#[derive(Clone, Copy, Hash)]
pub struct Kept {
    pub disk: usize,
    pub sector: u64,
    pub event: usize,
    pub nth: u64,
}

pub struct Cut {
    pub what: String,
    pub kept: Vec<Kept>,
}

impl Cut {
    /// The same for the same disks and the same promises.
    pub fn key(&self, media: &[Medium; 2], book: &Book) -> u64 {
        let mut hasher = DefaultHasher::new();
        let turns = (media[MAIN].turns, media[SPARE].turns, book.turns);
        (turns, &self.kept).hash(&mut hasher);
        hasher.finish()
    }
}

/// The cuts that are right behind the event at place `at`; many are none that was not made before.
pub fn behind(log: &Log, at: usize, media: &[Medium; 2], seed: u64) -> Vec<Cut> {
    let event = log.events[at];
    let mut chooser = Chooser {
        media,
        seed,
        cuts: Vec::new(),
    };
    match event.kind {
        Kind::Submit if event.sectors > 0 => chooser.torn(at, &event),
        Kind::Submit => {}
        Kind::Done => {
            let submit = log.events[..at].iter().rev();
            let is_its = |e: &&Event| e.kind == Kind::Submit && e.id == event.id;
            if submit
                .clone()
                .find(is_its)
                .is_some_and(|e| e.flags & (FLUSH | FUA) != 0)
            {
                chooser.all_ways();
            }
        }
        Kind::Mark if event.disk == END => chooser.all_ways(),
        Kind::Mark => chooser.keep("the caches lost", |_, _, _, _| None),
    }
    chooser.cuts
}

struct Chooser<'m> {
    media: &'m [Medium; 2],
    seed: u64,
    cuts: Vec<Cut>,
}

impl Chooser<'_> {
    /// `which` says for a sector of a disk which of its versions arrived.
    fn keep(
        &mut self,
        what: &str,
        mut which: impl FnMut(usize, u64, &[Version], &mut u64) -> Option<usize>,
    ) {
        let mut kept = Vec::new();
        for (disk, medium) in self.media.iter().enumerate() {
            for (sector, versions) in medium.cached() {
                let chosen = which(disk, sector, versions, &mut self.seed);
                if let Some(version) = chosen.and_then(|n| versions.get(n)) {
                    kept.push(Kept {
                        disk,
                        sector,
                        event: version.event,
                        nth: version.nth,
                    });
                }
            }
        }
        let what = what.to_owned();
        self.cuts.push(Cut { what, kept });
    }

    fn all_ways(&mut self) {
        let last = |versions: &[Version]| versions.len().checked_sub(1);
        self.keep("the caches lost", |_, _, _, _| None);
        self.keep("all arrived", |_, _, versions, _| last(versions));
        self.keep(
            "all of main's arrived, none of the spare's",
            |disk, _, versions, _| last(versions).filter(|_| disk == MAIN),
        );
        self.keep(
            "all of the spare's arrived, none of main's",
            |disk, _, versions, _| last(versions).filter(|_| disk == SPARE),
        );
        self.random(1);
        self.random(3);
    }

    /// Of each four sectors so many arrived, in any of their versions.
    fn random(&mut self, of_four: u64) {
        self.keep("some sectors arrived", |_, _, versions, seed| {
            some(versions, of_four, seed)
        });
    }

    /// A write stops at a sector, or some of its sectors are missing; of the others all, none or some arrived.
    fn torn(&mut self, at: usize, event: &Event) {
        let len = u64::from(event.sectors);
        // The boundaries of a long write are all alike but for the first and the last.
        let far = 1 + mix(&mut self.seed) % len;
        let ends = (1..=len).filter(|&end| len <= 8 || [1, far, len - 1, len].contains(&end));
        for end in ends {
            let others = mix(&mut self.seed) % 3;
            let what = format!(
                "a write at sector {} stopped after {end} of {len}",
                event.sector
            );
            self.keep(&what, |_, _, versions, seed| {
                let own = versions.iter().position(|v| v.event == at);
                match own.and_then(|n| versions.get(n)) {
                    Some(version) if version.nth < end => own,
                    Some(_) => None,
                    None => some(versions, others * 2, seed),
                }
            });
        }
        if len > 1 {
            let what = format!("a write at sector {} with holes", event.sector);
            self.keep(&what, |_, _, versions, seed| some(versions, 2, seed));
        }
    }
}

fn some(versions: &[Version], of_four: u64, seed: &mut u64) -> Option<usize> {
    let chance = mix(seed);
    (chance % 4 < of_four).then(|| (chance >> 8) as usize % versions.len())
}
