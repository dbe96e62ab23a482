// SPDX-License-Identifier: GPL-2.0-only
//! One disk with a cache that forgets: what is durable, and what may be besides.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};

use super::recorder::{Kind, Log, FLUSH, FUA};
use crate::pattern::SECTOR;

/// A write of one sector that no flush has made durable: after a cut it may be there or not.
#[derive(Clone, Copy)]
pub struct Version {
    /// The event of its submission, and which sector of that.
    pub event: usize,
    pub nth: u64,
    /// The event that ended it.
    done: Option<usize>,
}

#[derive(Clone)]
pub struct Medium {
    /// What is durable.
    pub base: Vec<u8>,
    /// By sector; those that have ended in the order in which they did.
    cache: BTreeMap<u64, Vec<Version>>,
    /// The submissions that are under way, by their numbers.
    open: HashMap<u64, usize>,
    /// How often what is durable has changed, and the sectors where since they were taken last.
    pub turns: u64,
    pub changed: Vec<u64>,
    /// What it says it did, and does not: `FLUSH`, `FUA`.
    lies: u8,
}

impl Medium {
    pub fn new(base: Vec<u8>, lies: u8) -> Self {
        Medium {
            base,
            cache: BTreeMap::new(),
            open: HashMap::new(),
            turns: 0,
            changed: Vec::new(),
            lies,
        }
    }

    /// Goes on by the event at place `at` of the log, which is of this disk.
    pub fn advance(&mut self, log: &Log, at: usize) -> Result<()> {
        let event = &log.events[at];
        match event.kind {
            Kind::Mark => Ok(()),
            Kind::Submit => {
                self.open.insert(event.id, at);
                for nth in 0..u64::from(event.sectors) {
                    let versions = self.cache.entry(event.sector + nth).or_default();
                    versions.push(Version {
                        event: at,
                        nth,
                        done: None,
                    });
                }
                Ok(())
            }
            Kind::Done => {
                let submit = self.open.remove(&event.id);
                let submit = submit.context("an end without a beginning in the log")?;
                self.done(log, submit, at);
                Ok(())
            }
        }
    }

    fn done(&mut self, log: &Log, submit: usize, at: usize) {
        let (begin, end) = (log.events[submit], log.events[at]);
        let durable = if end.ok { begin.flags & !self.lies } else { 0 };
        if durable & FLUSH != 0 {
            // What had ended when the flush came.
            self.settle(log, |version| {
                version.done.is_some_and(|done| done < submit)
            });
        }
        let range = begin.sector..begin.sector + u64::from(begin.sectors);
        for (nth, sector) in (0u64..).zip(range.clone()) {
            let versions = self.cache.entry(sector).or_default();
            versions.retain(|version| version.event != submit);
            if nth < u64::from(end.sectors) {
                versions.push(Version {
                    event: submit,
                    nth,
                    done: Some(at),
                });
            }
        }
        if durable & FUA != 0 {
            self.settle(log, |version| version.event == submit);
        }
        self.cache.retain(|_, versions| !versions.is_empty());
    }

    /// Makes the versions durable that `which` names, and forgets what they have overwritten.
    fn settle(&mut self, log: &Log, which: impl Fn(&Version) -> bool) {
        for (&sector, versions) in &mut self.cache {
            let Some(last) = versions.iter().rposition(&which) else {
                continue;
            };
            let version = versions[last];
            let data = log.sector(&log.events[version.event], version.nth);
            let place = sector as usize * SECTOR;
            self.base[place..place + SECTOR].copy_from_slice(data);
            self.changed.push(sector);
            self.turns += 1;
            let mut n = 0;
            versions.retain(|version| {
                n += 1;
                // One that is under way may still arrive.
                n > last + 1 || version.done.is_none()
            });
        }
        self.cache.retain(|_, versions| !versions.is_empty());
    }

    /// What may be there besides, sector by sector.
    pub fn cached(&self) -> impl Iterator<Item = (u64, &[Version])> {
        self.cache.iter().map(|(sector, v)| (*sector, &v[..]))
    }
}
