// SPDX-License-Identifier: GPL-2.0-only

//! Kinds of disks. Each number is a guess that is held against published figures where there are any: the
//! calibration table of the results shows how well.

use clap::ValueEnum;
use dm_remap_core::health::What;

use super::{
    disk::{Life, Maker},
    rng::Rng,
    world::World,
};

/// A population of disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Population {
    /// Slow reads and retries now and then, errors on few
    Healthy,
    /// One to three scratches, which mean nothing
    Scratches,
    /// Defects that double in weeks; half of the disks fail
    Slow,
    /// Defects that double in days, or a blow; half of the disks fail
    Sudden,
    /// Cables that are loose
    Storms,
    /// What looks like failing and does not, and the other way round
    Adversarial,
    /// As a large site may have them
    Fleet,
}

impl Population {
    pub const ALL: [Population; 7] = [
        Population::Healthy,
        Population::Scratches,
        Population::Slow,
        Population::Sudden,
        Population::Storms,
        Population::Adversarial,
        Population::Fleet,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Population::Healthy => "healthy",
            Population::Scratches => "scratches",
            Population::Slow => "slow degradation",
            Population::Sudden => "sudden growth",
            Population::Storms => "cable storms",
            Population::Adversarial => "adversarial mix",
            Population::Fleet => "fleet",
        }
    }

    /// Its place among all, which its seeds depend on.
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// How many disks of it: a fleet has few that fail.
    pub const fn disks(self, disks: u64) -> u64 {
        match self {
            Population::Fleet => disks * 8,
            _ => disks,
        }
    }

    pub fn disk(self, rng: &mut Rng, world: &World) -> Life {
        let p = rng.unit();
        match self {
            Population::Healthy => healthy(rng, world),
            Population::Scratches => scratch(rng, world),
            Population::Storms => storm(rng, world),
            // Half of the disks that begin to degrade stop doing so.
            Population::Slow if p < 0.5 => slow(rng, world),
            Population::Slow => plateau(rng, world),
            Population::Sudden if p < 0.5 => sudden(rng, world),
            Population::Sudden => shock(rng, world),
            Population::Adversarial => match p {
                p if p < 0.10 => over_storms(rng, world, slow),
                p if p < 0.20 => over_storms(rng, world, sudden),
                p if p < 0.25 => silent(rng, world),
                p if p < 0.40 => over_storms(rng, world, plateau),
                p if p < 0.50 => over_storms(rng, world, shock),
                p if p < 0.60 => over_storms(rng, world, scratch),
                p if p < 0.80 => storm(rng, world),
                _ => over_storms(rng, world, healthy),
            },
            Population::Fleet => fleet(rng, world, p),
        }
    }
}

/// What a large site may see in two years. Not more than 6.4 % of the disks that go on have errors: with those that look
/// like failing, and storms, half of the usual share is left for what means nothing.
fn fleet(rng: &mut Rng, world: &World, p: f64) -> Life {
    let world = &World {
        errors: world.errors / 2.0,
        ..*world
    };
    match p {
        p if p < 0.020 => slow(rng, world),
        p if p < 0.028 => sudden(rng, world),
        p if p < 0.063 => silent(rng, world),
        p if p < 0.073 => plateau(rng, world),
        p if p < 0.076 => shock(rng, world),
        p if p < 0.083 => scratch(rng, world),
        p if p < 0.103 => storm(rng, world),
        _ => healthy(rng, world),
    }
}

/// What every disk has: now and then a slow read, a retry, and on few an error that means nothing.
fn background(make: &mut Maker) {
    let (times, years) = (make.world.background, make.world.days / World::USUAL.days);
    for _ in 0..make.rng.poisson(times * years) {
        let (day, region) = (make.rng.unit() * make.end, make.anywhere());
        make.weak(day, region);
    }
    // A busy night: some reads are slow that have no reason in the medium.
    for _ in 0..make.rng.poisson(times * years) {
        let day = make.rng.unit() * make.end;
        for _ in 0..make.rng.pareto(1.2, 10.0) as u32 {
            let (at, region) = (day + make.rng.unit() / 12.0, make.anywhere());
            make.seen(at, region, What::Slow, 0);
        }
    }
    // Nearly all of a disk's errors fall in one window of two weeks (Schroeder).
    if make.rng.chance(make.world.errors * times * years) {
        let day = make.rng.unit() * make.end;
        let mut region = make.anywhere();
        for _ in 0..make.rng.pareto(1.6, 12.0) as u32 {
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
    let len = make.rng.pareto(2.0, 60.0) as u64;
    let sectors = make.rng.pareto(1.2, 64.0) as u32 * len as u32;
    make.defect(day, region, len, sectors);
}

fn healthy(rng: &mut Rng, world: &World) -> Life {
    let mut make = Maker::new(rng, world, world.days);
    background(&mut make);
    make.finish(None, false)
}

/// One to three scratches: long runs, in pieces over some gigabytes; now and then they grow a little.
fn scratch(rng: &mut Rng, world: &World) -> Life {
    let mut make = Maker::new(rng, world, world.days);
    background(&mut make);
    for _ in 0..1 + make.rng.below(3) {
        let day = make.rng.unit() * (world.days - 60.0);
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
fn slow(rng: &mut Rng, world: &World) -> Life {
    let onset = world.of_two_years(rng.between(30.0, 400.0));
    let doubling = rng.between(12.0, 45.0) * world.doubling;
    let damage = rng.log_normal(110.0, 0.6).clamp(25.0, 1000.0) * world.damage;
    grow(rng, world, onset, 0.05, doubling, damage)
}

/// The same within days.
fn sudden(rng: &mut Rng, world: &World) -> Life {
    let onset = world.of_two_years(rng.between(30.0, 600.0));
    let doubling = rng.between(3.0, 8.0) * world.doubling;
    let damage = rng.log_normal(200.0, 0.6).clamp(40.0, 2000.0) * world.damage;
    grow(rng, world, onset, 0.3, doubling, damage)
}

fn grow(rng: &mut Rng, world: &World, onset: f64, rate: f64, doubling: f64, damage: f64) -> Life {
    let mut make = Maker::new(rng, world, 3.0 * world.days.max(World::USUAL.days));
    background(&mut make);
    // Lu: most disks get slow before they fail; the others give no such sign.
    let early = make.rng.chance(world.early);
    let (mut day, mut defects) = (onset, 0.0);
    let mut region = make.anywhere();
    while defects < damage {
        let rate = rate * ((day - onset) / doubling).exp2();
        for _ in 0..make.rng.poisson(rate) {
            region = beside(&mut make, region, world.beside);
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
fn plateau(rng: &mut Rng, world: &World) -> Life {
    let onset = world.of_two_years(rng.between(30.0, 400.0));
    let doubling = rng.between(12.0, 45.0) * world.doubling;
    let damage = rng.log_normal(4.0, 0.8).clamp(1.0, 60.0);
    let mut make = Maker::new(rng, world, world.days);
    background(&mut make);
    let (mut day, mut defects) = (onset, 0.0);
    let mut region = make.anywhere();
    while defects < damage && day < world.days {
        let rate = 0.05 * ((day - onset) / doubling).exp2();
        for _ in 0..make.rng.poisson(rate) {
            region = beside(&mut make, region, world.beside);
            let at = day + make.rng.unit();
            burst(&mut make, at, region);
            defects += 1.0;
        }
        day += 1.0;
    }
    make.finish(None, false)
}

/// A blow: places far from each other within a day or two, aftershocks that die out, and then none.
fn shock(rng: &mut Rng, world: &World) -> Life {
    let mut make = Maker::new(rng, world, world.days);
    background(&mut make);
    let day = world.of_two_years(make.rng.between(30.0, 600.0));
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
fn silent(rng: &mut Rng, world: &World) -> Life {
    let mut make = Maker::new(rng, world, world.days);
    background(&mut make);
    let day = make.rng.between(world.of_two_years(60.0), world.days);
    make.finish(Some(day), false)
}

/// A cable that is loose, or a controller that stumbles; some call it the medium's fault.
fn storm(rng: &mut Rng, world: &World) -> Life {
    let mut make = Maker::new(rng, world, world.days);
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
fn over_storms(rng: &mut Rng, world: &World, life: fn(&mut Rng, &World) -> Life) -> Life {
    let mut life = life(rng, world);
    if rng.chance(0.5) {
        let mut make = Maker::new(rng, world, life.end);
        add_storms(&mut make);
        let storms = make.finish(Some(life.end), false);
        life.events.extend(storms.events);
        life.events.sort_by_key(|e| e.now);
        life.causes.extend(storms.causes);
        life.causes.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    life
}
