// SPDX-License-Identifier: GPL-2.0-only

//! One simulated disk: what is on its medium, and when that is met.
//!
//! A defect is there from a moment on; it becomes an event when a user or the scanner reads it. The scanner goes round
//! in 14 days in the staggered order of `core`, and looks at the neighbourhood of what it finds within the hour.

use dm_remap_core::health::{scan::order::Order, Event, Region, What, DAY};

use super::{rng::Rng, world::World};

/// 2 TB.
pub const REGIONS: u64 = 1_907_348;

/// When the first disk is switched on: any day will do.
pub const START: u64 = 1_700_000_000 / DAY * DAY;

/// What is the matter with a disk, whether anybody meets it or not.
#[derive(Clone, Copy, Debug)]
pub enum Cause {
    /// So many regions from this one on cannot be read any more. They stay so for some days after they were met, or
    /// are written to, and so remapped, at once.
    Defect {
        region: u64,
        len: u64,
        each: u32,
        stays: Option<f64>,
    },
    /// A place is read with a retry, or slowly, once.
    Weak { region: u64, what: What },
    /// Something happens at that moment wherever users happen to read: a storm, a busy night.
    Seen {
        region: u64,
        what: What,
        sectors: u32,
    },
}

/// What a disk goes through; days count from its first one.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// The last day that is looked at.
    pub end: f64,
    /// The day it fails, if it does: the last day, then.
    pub fails: Option<f64>,
    /// It degrades before it fails; one that does not fails without a sign.
    pub degrades: bool,
    /// What happens, in order.
    pub events: Vec<Event>,
    /// What is the matter, in order of the days on which it begins.
    pub causes: Vec<(f64, Cause)>,
}

impl Life {
    /// Forgets what happened: how it ended stays.
    pub fn forget(&mut self) {
        self.events = Vec::new();
        self.causes = Vec::new();
    }
}

/// A disk in the making.
pub struct Maker<'a> {
    pub rng: &'a mut Rng,
    pub world: &'a World,
    pub end: f64,
    events: Vec<(f64, Event)>,
    causes: Vec<(f64, Cause)>,
    /// Where the scanner is at the start, as a part of its pass.
    phase: f64,
    hot: u64,
}

impl<'a> Maker<'a> {
    pub fn new(rng: &'a mut Rng, world: &'a World, end: f64) -> Maker<'a> {
        let (phase, hot) = (rng.unit(), rng.next());
        Maker {
            rng,
            world,
            end,
            events: Vec::new(),
            causes: Vec::new(),
            phase,
            hot,
        }
    }

    pub fn finish(mut self, fails: Option<f64>, degrades: bool) -> Life {
        let end = fails.unwrap_or(self.end);
        self.events.retain(|(day, _)| *day < end);
        self.events.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.causes.retain(|(day, _)| *day < end);
        self.causes.sort_by(|a, b| a.0.total_cmp(&b.0));
        Life {
            end,
            fails,
            degrades,
            events: self.events.into_iter().map(|(_, e)| e).collect(),
            causes: self.causes,
        }
    }

    pub fn anywhere(&mut self) -> u64 {
        self.rng.below(self.world.regions)
    }

    /// Something happens at that moment, whatever the medium is like.
    pub fn seen(&mut self, day: f64, region: u64, what: What, sectors: u32) {
        let cause = Cause::Seen {
            region,
            what,
            sectors,
        };
        self.causes.push((day.max(0.0), cause));
        self.push(day, region, what, sectors);
    }

    fn push(&mut self, day: f64, region: u64, what: What, sectors: u32) {
        let now = START + (day.max(0.0) * DAY as f64) as u64;
        let region = Region(region.min(self.world.regions - 1) as u32);
        let event = Event {
            now,
            region,
            what,
            sectors,
        };
        self.events.push((day.max(0.0), event));
    }

    /// The next time after `day` that the scanner reads `region`.
    fn scanned(&self, day: f64, region: u64) -> f64 {
        let Some(pass) = self.world.pass_days else {
            return f64::MAX;
        };
        let (order, all) = (Order::Staggered, self.world.regions);
        let at = order.rank(all, region) as f64 / order.ranks(all) as f64;
        let turns = (day / pass + self.phase - at).ceil();
        (turns + at - self.phase) * pass
    }

    /// The next time after `day` that anybody reads `region`: three places of ten are in use every other day.
    fn met(&mut self, day: f64, region: u64) -> f64 {
        let user = day + self.rng.exponential(users(region, self.hot, self.world));
        user.min(self.scanned(day, region))
    }

    /// A defect of `len` regions from `region` on: the first that is met leads to the others. Half of the defects stay
    /// unwritten, and are met again and again.
    pub fn defect(&mut self, day: f64, region: u64, len: u64, sectors: u32) {
        let each = (sectors / len as u32).max(1);
        let first = (0..len.min(16)).map(|i| self.met(day, region + i * (len / 16).max(1)));
        let first = first.fold(f64::MAX, f64::min);
        let mut at = first;
        for i in 0..len {
            self.push(at, region + i, What::Error, each);
            // At most 40 seconds each: the follow-up reads on.
            at += self.rng.exponential(10.0).min(40.0) / DAY as f64;
        }
        let stays = self.rng.chance(0.5).then(|| self.rng.exponential(90.0));
        let cause = Cause::Defect {
            region,
            len,
            each,
            stays,
        };
        self.causes.push((day.max(0.0), cause));
        if let Some(stays) = stays {
            let (until, mut again) = (first + stays, at);
            loop {
                again = self.met(again + 0.1, region);
                if again > until {
                    break;
                }
                self.push(again, region, What::Error, 0);
            }
        }
    }

    /// A place that is about to fail is read with a retry, or slowly.
    pub fn weak(&mut self, day: f64, region: u64) {
        let met = self.met(day, region);
        let what = if self.rng.chance(0.5) {
            What::Recovered
        } else {
            What::Slow
        };
        self.causes
            .push((day.max(0.0), Cause::Weak { region, what }));
        self.push(met, region, what, 0);
    }

    /// Many regions within minutes; `medium` of them look as if the medium had failed.
    pub fn storm(&mut self, day: f64, medium: f64) {
        let minutes = self.rng.pareto(0.8, 120.0) * self.world.storm_length;
        let count = self.rng.pareto(0.7, 300.0) as u64 + 3;
        for _ in 0..count {
            let at = day + self.rng.unit() * minutes / 1440.0;
            let region = self.anywhere();
            let what = match self.rng.chance(medium) {
                false => What::Transport,
                // The lone retry that follows succeeds for most, once the cable is still.
                true if self.rng.chance(0.6) => What::Recovered,
                true => What::Error,
            };
            self.seen(at, region, what, u32::from(what == What::Error));
        }
    }
}

/// How many days go by, on the mean, between two reads of a place by users: `hot` says which places are in use.
pub fn users(region: u64, hot: u64, world: &World) -> f64 {
    let hash = (region / 64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ hot;
    let in_use = Rng::new(hash).chance(0.3);
    (if in_use { 2.0 } else { 200.0 }) / world.users
}
