// SPDX-License-Identifier: GPL-2.0-only

//! A disk under the whole keeper of the kernel module: its scanner goes round and follows up what it finds, users come
//! by, the machine restarts now and then, and nobody knows what is the matter but the disk.
//!
//! The other tables have no room for that (a hundred million reads a disk): there the time at which a defect is met is
//! worked out, see [`Maker`](super::disk::Maker). What comes of both is compared.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use dm_remap_core::{
    engine::{Found, Side},
    health::{
        history::Past,
        image::{examine, Reader, MOST_BLOCKS},
        keeper::{Keeper, ScanMode, Traffic},
        scan::{settings::Settings, Next, Outcome, Read},
        What, DAY,
    },
    units::{Sector, SectorCount},
};
use serde::Serialize;

use super::{
    disk::{users, Cause, Life, START},
    judge::Score,
    rng::Rng,
    world::World,
};

const DAY_MS: f64 = DAY as f64 * 1000.0;
/// A restart each 61 days.
const RESTART_MS: u64 = 61 * DAY * 1000;
const SEGMENT: u64 = 2048;
const UUID: [u8; 16] = *b"a simulated disk";
/// A read that took so many microseconds was slow.
const SLOW_US: u32 = 200_000;

/// What became of the same disks in both ways.
#[derive(Clone, Debug, Serialize)]
pub struct Whole {
    pub population: String,
    pub disks: u32,
    /// Disks with an alarm in both ways, or in neither.
    pub same: u32,
    /// As it is worked out, and with the whole keeper.
    pub short: Score,
    pub whole: Score,
    /// Days that the alarm of the whole keeper came later, the median of those with an alarm in both.
    pub later: Option<f64>,
}

impl Whole {
    /// Of disks with the day of the alarm in either way.
    pub fn of(name: &str, disks: &[(Life, Option<f64>, Option<f64>)]) -> Whole {
        let mut short = Score::new(name, "worked out");
        let mut whole = Score::new(name, "whole keeper");
        let (mut same, mut later) = (0, Vec::new());
        for (life, a, b) in disks {
            short.add(life, *a);
            whole.add(life, *b);
            same += u32::from(a.is_some() == b.is_some());
            later.extend(a.zip(*b).map(|(a, b)| b - a));
        }
        later.sort_by(f64::total_cmp);
        Whole {
            population: name.to_owned(),
            disks: disks.len() as u32,
            same,
            short: short.finish(),
            whole: whole.finish(),
            later: later.get(later.len() / 2).copied(),
        }
    }
}

/// A region that cannot be read as it should.
struct Bad {
    what: What,
    sectors: u32,
    /// The cause.
    cause: usize,
    known: bool,
}

enum Todo {
    Begin(usize),
    User(u64),
    Restart,
}

struct Disk<'a> {
    life: &'a Life,
    world: &'a World,
    rng: Rng,
    hot: u64,
    keeper: Keeper,
    /// Which regions are worth a look in `bad`.
    marked: Vec<bool>,
    bad: HashMap<u64, Bad>,
    /// Until when the defect of a cause stays, once it was met.
    until: Vec<Option<u64>>,
    agenda: BinaryHeap<Reverse<(u64, usize)>>,
    todo: Vec<Todo>,
    reads: u64,
}

/// The day of the first alarm.
pub fn alarm(life: &Life, world: &World, seed: u64) -> Option<f64> {
    let mut rng = Rng::new(seed);
    let mut disk = Disk {
        life,
        world,
        hot: rng.next(),
        rng,
        keeper: keeper(world, START),
        marked: vec![false; world.regions as usize],
        bad: HashMap::new(),
        until: vec![None; life.causes.len()],
        agenda: BinaryHeap::new(),
        todo: Vec::new(),
        reads: 0,
    };
    for (i, (day, _)) in life.causes.iter().enumerate() {
        disk.plan((day * DAY_MS) as u64 + 1, Todo::Begin(i));
    }
    disk.plan(RESTART_MS, Todo::Restart);
    disk.live()
}

fn unix(now: u64) -> u64 {
    START + now / 1000
}

/// A keeper that scans, as fast as the disk can, once an hour.
fn keeper(world: &World, unix: u64) -> Keeper {
    let mut keeper = Keeper::new(unix);
    keeper.resize(SectorCount(world.regions * SEGMENT), SectorCount(0));
    let settings = Settings {
        interval_ms: 3_600_000,
        intensity: 10,
        cycle_days: world.pass_days.unwrap_or(14.0) as u32,
        ..Settings::DEFAULT
    };
    keeper.set(settings).expect("the settings are valid");
    if world.pass_days.is_some() {
        keeper.set_mode(ScanMode::On);
    }
    keeper
}

impl Disk<'_> {
    fn plan(&mut self, at: u64, todo: Todo) {
        self.agenda.push(Reverse((at, self.todo.len())));
        self.todo.push(todo);
    }

    fn live(mut self) -> Option<f64> {
        let end = (self.life.end * DAY_MS) as u64;
        let quiet = Traffic {
            sectors: 0,
            busy: false,
        };
        let mut now = 1;
        while now < end {
            while let Some(&Reverse((at, i))) = self.agenda.peek() {
                if at > now {
                    break;
                }
                self.agenda.pop();
                self.happen(now, i);
            }
            let storm = self.keeper.health.predictor.in_storm();
            match self.keeper.next(now, unix(now), quiet, storm) {
                Next::Read(read) => {
                    let outcome = self.scan(now, &read);
                    now += 7;
                    self.keeper.done(now, outcome);
                }
                Next::PassDone => {}
                rest => {
                    if self.keeper.health.predictor.alarm() {
                        return Some(now as f64 / DAY_MS);
                    }
                    let hour = now + 3_600_000;
                    let until = if let Next::Wait(t) = rest { t } else { hour };
                    let next = self.agenda.peek().map_or(hour, |e| e.0 .0);
                    now = until.min(next).min(hour).max(now + 1);
                }
            }
        }
        None
    }

    fn happen(&mut self, now: u64, i: usize) {
        match self.todo[i] {
            Todo::Begin(cause) => self.begin(now, cause),
            Todo::User(region) => {
                self.meet(now, region, false);
                if self.bad.contains_key(&region) {
                    self.plan_user(now, region);
                }
            }
            Todo::Restart => {
                self.restart(now);
                self.plan(now + RESTART_MS, Todo::Restart);
            }
        }
    }

    fn begin(&mut self, now: u64, cause: usize) {
        let last = self.world.regions - 1;
        match self.life.causes[cause].1 {
            Cause::Defect {
                region, len, each, ..
            } => {
                for region in region.min(last)..=(region + len - 1).min(last) {
                    self.spoil(now, region, cause, What::Error, each);
                }
            }
            Cause::Weak { region, what } => self.spoil(now, region.min(last), cause, what, 0),
            Cause::Seen {
                region,
                what,
                sectors,
            } => {
                let at = Sector(region.min(last) * SEGMENT);
                match what {
                    What::Transport => self.keeper.stall(now, unix(now), at),
                    What::Slow => self.took(now, at, SLOW_US),
                    _ => {
                        self.found(now, at, what, sectors, false);
                    }
                }
            }
        }
    }

    fn spoil(&mut self, now: u64, region: u64, cause: usize, what: What, sectors: u32) {
        let bad = Bad {
            what,
            sectors,
            cause,
            known: false,
        };
        self.marked[region as usize] = true;
        if self.bad.insert(region, bad).is_none() {
            self.plan_user(now, region);
        }
    }

    fn plan_user(&mut self, now: u64, region: u64) {
        let mean = users(region, self.hot, self.world);
        let days = self.rng.exponential(mean);
        self.plan(now + (days * DAY_MS) as u64 + 1, Todo::User(region));
    }

    /// A read of the scanner; what it takes is told of one in 32, for more would tell no more.
    fn scan(&mut self, now: u64, read: &Read) -> Outcome {
        self.reads += 1;
        let region = read.start.0 / SEGMENT;
        if self.marked[region as usize] && self.meet(now, region, true) {
            return Outcome::Hit;
        }
        if self.reads % 32 == 0 {
            let us = 8000 + self.rng.below(6000) as u32;
            self.took(now, read.start, us);
        }
        Outcome::Clean
    }

    /// Somebody reads a region; tells whether that showed anything new.
    fn meet(&mut self, now: u64, region: u64, scans: bool) -> bool {
        let at = Sector(region * SEGMENT);
        let Some(bad) = self.bad.get_mut(&region) else {
            return false;
        };
        let (what, cause) = (bad.what, bad.cause);
        match what {
            What::Error => {}
            // How long users wait is not looked at.
            What::Slow if !scans => return false,
            What::Slow => {
                self.forget(region);
                self.took(now, at, SLOW_US);
                return false;
            }
            _ => {
                self.forget(region);
                return self.found(now, at, what, 0, scans);
            }
        }
        let sectors = if bad.known { 0 } else { bad.sectors };
        bad.known = true;
        let stays = match self.life.causes[cause].1 {
            Cause::Defect { stays, .. } => stays,
            _ => None,
        };
        match (stays, self.until[cause]) {
            (Some(_), Some(until)) if until <= now => {
                self.forget(region);
                return false;
            }
            (Some(days), None) => self.until[cause] = Some(now + (days * DAY_MS) as u64),
            (Some(_), Some(_)) => {}
            // Written to, and so on the spare.
            (None, _) => {
                self.forget(region);
                self.keeper.moved(now, unix(now), at);
            }
        }
        self.found(now, at, what, sectors, scans)
    }

    fn forget(&mut self, region: u64) {
        self.bad.remove(&region);
        self.marked[region as usize] = false;
    }

    fn found(&mut self, now: u64, at: Sector, what: What, sectors: u32, scans: bool) -> bool {
        let found = Found {
            side: Side::Main,
            at,
            what,
            sectors,
        };
        self.keeper.found(now, unix(now), &found, scans, true)
    }

    fn took(&mut self, now: u64, start: Sector, us: u32) {
        let read = Read {
            spare: false,
            start,
            len: SectorCount(self.keeper.scanner.step_sectors().into()),
        };
        self.keeper.took(unix(now), &read, us);
    }

    /// What is known goes through the image on the disk.
    fn restart(&mut self, now: u64) {
        let image = self.keeper.image(MOST_BLOCKS, UUID).expect("memory");
        self.keeper.saved(now, true);
        let mut block = [0; 4096];
        image.block(0, &mut block);
        let found = examine(&block, &UUID, MOST_BLOCKS).expect("it was just written");
        let mut reader = Reader::new(found, UUID).expect("memory");
        for i in 0..found.blocks {
            image.block(i, &mut block);
            assert!(reader.push(&block), "the image is whole");
        }
        self.keeper = keeper(self.world, unix(now));
        let past = Past {
            reader: Some(reader),
            sequence: found.sequence,
            ..Past::default()
        };
        self.keeper.restore(&past, now).expect("memory");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{generators::Population, judge::predict};

    /// Small disks, so that it is quick: the keeper with scanner, restarts and users says what is worked out.
    #[test]
    fn the_whole_keeper_tells_who_fails() {
        let world = World {
            regions: 20_000,
            days: 400.0,
            ..World::USUAL
        };
        for kind in [Population::Slow, Population::Healthy, Population::Storms] {
            for seed in 1..4 {
                let life = kind.disk(&mut Rng::new(seed), &world);
                let day = alarm(&life, &world, seed);
                let short = predict(&life).alarm;
                let name = format!("{} {seed}: {short:?} {day:?}", kind.name());
                assert_eq!(day.is_some(), life.fails.is_some(), "{name}");
                assert_eq!(day.is_some(), short.is_some(), "{name}");
            }
        }
    }
}
