// SPDX-License-Identifier: GPL-2.0-only

//! Kinds of disks. Each number is a guess that is held against published figures where there are any: the
//! calibration table of the results shows how well.

use dm_remap_core::health::What;

use super::{
    disk::{Life, Maker},
    rng::Rng,
};

/// Two years.
const YEARS: f64 = 730.0;

/// A population of disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Population {
    Healthy,
    Scratch,
    Slow,
    Sudden,
    Storm,
    Adversarial,
    Fleet,
}

impl Population {
    pub const ALL: [Population; 7] = [
        Population::Healthy,
        Population::Scratch,
        Population::Slow,
        Population::Sudden,
        Population::Storm,
        Population::Adversarial,
        Population::Fleet,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Population::Healthy => "healthy",
            Population::Scratch => "scratches",
            Population::Slow => "slow degradation",
            Population::Sudden => "sudden growth",
            Population::Storm => "cable storms",
            Population::Adversarial => "adversarial mix",
            Population::Fleet => "fleet",
        }
    }

    /// How many disks of it: a fleet has few that fail.
    pub const fn disks(self, disks: u64) -> u64 {
        match self {
            Population::Fleet => disks * 8,
            _ => disks,
        }
    }

    pub fn disk(self, rng: &mut Rng) -> Life {
        let p = rng.unit();
        match self {
            Population::Healthy => healthy(rng),
            Population::Scratch => scratch(rng),
            Population::Storm => storm(rng),
            // Half of the disks that begin to degrade stop doing so.
            Population::Slow if p < 0.5 => slow(rng),
            Population::Slow => plateau(rng),
            Population::Sudden if p < 0.5 => sudden(rng),
            Population::Sudden => shock(rng),
            Population::Adversarial => match p {
                p if p < 0.10 => over_storms(rng, slow),
                p if p < 0.20 => over_storms(rng, sudden),
                p if p < 0.25 => silent(rng),
                p if p < 0.40 => over_storms(rng, plateau),
                p if p < 0.50 => over_storms(rng, shock),
                p if p < 0.60 => over_storms(rng, scratch),
                p if p < 0.80 => storm(rng),
                _ => over_storms(rng, healthy),
            },
            // What a large site may see in two years; 8.5 % of nearline disks had an error in 32 months.
            Population::Fleet => match p {
                p if p < 0.020 => slow(rng),
                p if p < 0.028 => sudden(rng),
                p if p < 0.063 => silent(rng),
                p if p < 0.078 => plateau(rng),
                p if p < 0.083 => shock(rng),
                p if p < 0.093 => scratch(rng),
                p if p < 0.123 => storm(rng),
                _ => healthy(rng),
            },
        }
    }
}

/// What every disk has: now and then a slow read, a retry, and on few an error that means nothing.
fn background(make: &mut Maker) {
    for _ in 0..make.rng.poisson(1.0) {
        let (day, region) = (make.rng.unit() * make.end, make.anywhere());
        make.weak(day, region);
    }
    // A busy night: some reads are slow that have no reason in the medium.
    for _ in 0..make.rng.poisson(1.0) {
        let day = make.rng.unit() * make.end;
        for _ in 0..make.rng.pareto(1.2, 10.0) as u32 {
            let (at, region) = (day + make.rng.unit() / 12.0, make.anywhere());
            make.push(at, region, What::Slow, 0);
        }
    }
    // 6.4 % in two years; nearly all of a disk's errors fall in one window of two weeks (Schroeder).
    if make.rng.chance(0.064) {
        let day = make.rng.unit() * make.end;
        let mut region = make.anywhere();
        for _ in 0..make.rng.pareto(0.8, 12.0) as u32 {
            region = beside(make, region, 0.5);
            let at = day + make.rng.unit() * 14.0;
            burst(make, at, region);
        }
    }
}

/// A region: with probability `p` within 10 MB of `region`, else anywhere.
fn beside(make: &mut Maker, region: u64, p: f64) -> u64 {
    if make.rng.chance(p) {
        (region + make.rng.below(20)).saturating_sub(10)
    } else {
        make.anywhere()
    }
}

/// A defect whose length and sectors follow Pareto.
fn burst(make: &mut Maker, day: f64, region: u64) {
    let len = make.rng.pareto(1.4, 60.0) as u64;
    let sectors = make.rng.pareto(1.2, 64.0) as u32 * len as u32;
    make.defect(day, region, len, sectors);
}

fn healthy(rng: &mut Rng) -> Life {
    let mut make = Maker::new(rng, YEARS);
    background(&mut make);
    make.finish(None, false)
}

/// One to three scratches: long runs, in pieces over some gigabytes; now and then they grow a little.
fn scratch(rng: &mut Rng) -> Life {
    let mut make = Maker::new(rng, YEARS);
    background(&mut make);
    for _ in 0..1 + make.rng.below(3) {
        let day = make.rng.unit() * (YEARS - 60.0);
        let mut region = make.anywhere();
        for _ in 0..make.rng.pareto(1.0, 40.0) as u32 {
            let len = (make.rng.pareto(0.9, 100.0) as u64).max(2);
            make.defect(day, region, len, len as u32 * 4);
            region += len + make.rng.below(8);
        }
        // Another one within a month on 55 to 62 %.
        let mut after = day;
        while make.rng.chance(0.57) {
            after += make.rng.exponential(15.0);
            let at = beside(&mut make, region, 0.9);
            burst(&mut make, after, at);
        }
    }
    make.finish(None, false)
}

/// Errors come at a rate that doubles every few weeks, until the disk can no more.
fn slow(rng: &mut Rng) -> Life {
    let onset = rng.between(30.0, 400.0);
    let doubling = rng.between(12.0, 45.0);
    let damage = rng.log_normal(110.0, 0.6).clamp(25.0, 1000.0);
    grow(rng, onset, 0.05, doubling, damage)
}

/// The same within days.
fn sudden(rng: &mut Rng) -> Life {
    let onset = rng.between(30.0, 600.0);
    let doubling = rng.between(3.0, 8.0);
    let damage = rng.log_normal(200.0, 0.6).clamp(40.0, 2000.0);
    grow(rng, onset, 0.3, doubling, damage)
}

fn grow(rng: &mut Rng, onset: f64, rate: f64, doubling: f64, damage: f64) -> Life {
    let mut make = Maker::new(rng, 3.0 * YEARS);
    background(&mut make);
    // Lu: most disks get slow before they fail; the others give no such sign.
    let early = make.rng.chance(0.6);
    let (mut day, mut defects) = (onset, 0.0);
    let mut region = make.anywhere();
    while defects < damage {
        let rate = rate * ((day - onset) / doubling).exp2();
        for _ in 0..make.rng.poisson(rate) {
            region = beside(&mut make, region, 0.35);
            let at = day + make.rng.unit();
            if early && make.rng.chance(0.5) {
                let before = at - make.rng.exponential(7.0);
                make.weak(before, region);
            }
            burst(&mut make, at, region);
            defects += 1.0;
        }
        day += 1.0;
    }
    make.finish(Some(day), true)
}

/// Begins like slow degradation, and stops: some defects, and then none.
fn plateau(rng: &mut Rng) -> Life {
    let (onset, doubling) = (rng.between(30.0, 400.0), rng.between(12.0, 45.0));
    let damage = rng.log_normal(4.0, 0.8).clamp(1.0, 60.0);
    let mut make = Maker::new(rng, YEARS);
    background(&mut make);
    let (mut day, mut defects) = (onset, 0.0);
    let mut region = make.anywhere();
    while defects < damage && day < YEARS {
        let rate = 0.05 * ((day - onset) / doubling).exp2();
        for _ in 0..make.rng.poisson(rate) {
            region = beside(&mut make, region, 0.35);
            let at = day + make.rng.unit();
            burst(&mut make, at, region);
            defects += 1.0;
        }
        day += 1.0;
    }
    make.finish(None, false)
}

/// A blow: places far from each other within a day or two, aftershocks that die out, and then none.
fn shock(rng: &mut Rng) -> Life {
    let mut make = Maker::new(rng, YEARS);
    background(&mut make);
    let day = make.rng.between(30.0, 600.0);
    for _ in 0..make.rng.pareto(1.0, 40.0) as u32 {
        let region = make.anywhere();
        let at = day + make.rng.exponential(1.0);
        burst(&mut make, at, region);
        if make.rng.chance(0.3) {
            let after = at + make.rng.exponential(5.0);
            let region = beside(&mut make, region, 0.8);
            burst(&mut make, after, region);
        }
    }
    make.finish(None, false)
}

/// Fails as more than half of all failed disks did (Pinheiro): without a sign.
fn silent(rng: &mut Rng) -> Life {
    let mut make = Maker::new(rng, YEARS);
    background(&mut make);
    let day = make.rng.between(60.0, YEARS);
    make.finish(Some(day), false)
}

/// A cable that is loose, or a controller that stumbles; some call it the medium's fault.
fn storm(rng: &mut Rng) -> Life {
    let mut make = Maker::new(rng, YEARS);
    background(&mut make);
    add_storms(&mut make);
    make.finish(None, false)
}

fn add_storms(make: &mut Maker) {
    let medium = [0.1, 0.5, 1.0][make.rng.below(3) as usize];
    let begin = make.rng.unit() * make.end;
    let mut day = begin;
    for _ in 0..1 + make.rng.below(8) {
        make.storm(day, medium);
        day += make.rng.exponential(20.0);
    }
}

/// Any life, and storms on half of them.
fn over_storms(rng: &mut Rng, life: fn(&mut Rng) -> Life) -> Life {
    let mut life = life(rng);
    if rng.chance(0.5) {
        let mut make = Maker::new(rng, life.end);
        add_storms(&mut make);
        let storms = make.finish(Some(life.end), false);
        life.events.extend(storms.events);
        life.events.sort_by_key(|e| e.now);
    }
    life
}
