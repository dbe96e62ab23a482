// SPDX-License-Identifier: GPL-2.0-only

//! How long errors stay unmet: the scanner of the kernel module over a disk that gets bursts of errors, against a
//! scanner that goes from the first sector to the last and follows nothing up, at the same bytes a day.

use dm_remap_core::{
    health::scan::{order::Order, settings::Settings, Command, Next, Outcome, Scanner},
    units::SectorCount,
};
use serde::Serialize;

use super::{crowd::Crowd, disk::REGIONS, rng::Rng};

/// A pass takes 14 days; what comes in the first is no measure yet.
const PASSES: u64 = 5;
const HOUR_MS: u64 = 3_600_000;
const PASS_MS: u64 = 14 * 24 * HOUR_MS;

/// Some segments that fail at one moment.
#[derive(Clone)]
struct Burst {
    at: u64,
    segments: Vec<u64>,
}

/// A way to scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub name: &'static str,
    pub order: Order,
    pub follow: bool,
    /// As if the alarm were on all the time: twice the bytes.
    pub expected: bool,
}

const fn way(name: &'static str, order: Order, follow: bool, expected: bool) -> Way {
    Way {
        name,
        order,
        follow,
        expected,
    }
}

pub const WAYS: [Way; 5] = [
    way("sequential", Order::Sequential, false, false),
    way("sequential, follow-up", Order::Sequential, true, false),
    way("staggered", Order::Staggered, false, false),
    way("staggered, follow-up", Order::Staggered, true, false),
    way("the same, errors expected", Order::Staggered, true, true),
];

/// How bursts are made: the part of them that is a single error, and the shape of Pareto that the lengths of the others
/// follow.
const KINDS: [(&str, f64, f64); 3] = [
    ("long tail (shape 0.8)", 0.0, 0.8),
    ("short (shape 1.4)", 0.0, 1.4),
    ("nine of ten single", 0.9, 0.8),
];

/// How long each way takes, in pieces of work.
const WAY_PIECES: u64 = 1500;
pub const PIECES: u64 = WAY_PIECES * (KINDS.len() * WAYS.len()) as u64;

/// How long errors stayed unmet, in days.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Detection {
    pub bursts: String,
    pub way: String,
    /// The mean over all errors, the first errors of each burst, and all errors of long bursts, if there were any.
    pub all: f64,
    pub first: f64,
    pub long: Option<f64>,
    /// How much sooner than the first way, from 0 to 1.
    pub sooner_all: f64,
    pub sooner_first: f64,
    pub sooner_long: Option<f64>,
    /// Bytes that were read a day, against the first way.
    pub bytes: f64,
    /// Days of each error, for the picture.
    #[serde(skip)]
    pub days: Vec<f64>,
}

/// Bursts over all passes but the last one and the first: Pareto, with half of the errors followed by another one
/// within 10 MB.
fn bursts(rng: &mut Rng, single: f64, shape: f64, count: u64) -> Vec<Burst> {
    let mut all: Vec<Burst> = (0..count)
        .map(|_| {
            let alone = single > 0.0 && rng.chance(single);
            let len = if alone {
                1
            } else {
                rng.pareto(shape, 300.0) as u64
            };
            let mut at = rng.below(REGIONS - 20 * len.max(100));
            let mut segments = Vec::new();
            for _ in 0..len {
                segments.push(at);
                at += if rng.chance(0.5) {
                    1
                } else {
                    1 + rng.below(10)
                };
            }
            let at = PASS_MS + rng.below((PASSES - 2) * PASS_MS);
            Burst { at, segments }
        })
        .collect();
    all.sort_by_key(|b| b.at);
    all
}

/// Runs one way over all bursts: for each burst, when each of its segments was met.
fn run(way: Way, bursts: &[Burst]) -> (Vec<Vec<u64>>, f64) {
    let settings = Settings {
        interval_ms: 3_600_000,
        intensity: 10,
        order: way.order,
        ..Settings::DEFAULT
    };
    let main = SectorCount(REGIONS * 2048);
    let mut scanner = Scanner::new(main, SectorCount(0), settings).expect("valid settings");
    scanner.set_expected(way.expected);
    scanner.command(Command::Start);
    // Which bad segment lies where, if it was not met; none twice.
    let mut bad = vec![0u32; REGIONS as usize];
    let mut names = vec![(0, 0)];
    let mut met: Vec<Vec<u64>> = bursts.iter().map(|b| vec![0; b.segments.len()]).collect();
    let mut coming = bursts.iter().enumerate().peekable();
    let (mut now, mut left) = (1, bursts.iter().map(|b| b.segments.len()).sum::<usize>());
    // A read takes what makes it end within its hour; no user is there.
    while left > 0 && now < (PASSES + 3) * PASS_MS {
        while let Some((i, burst)) = coming.next_if(|(_, b)| b.at <= now) {
            for (j, &segment) in burst.segments.iter().enumerate() {
                if bad[segment as usize] == 0 {
                    bad[segment as usize] = names.len() as u32;
                    names.push((i, j));
                } else {
                    met[i][j] = burst.at;
                    left -= 1;
                }
            }
        }
        match scanner.next(now, 0, 0) {
            Next::Read(read) => {
                let segment = (read.start.0 / 2048) as usize;
                let name = std::mem::take(&mut bad[segment]);
                now += 7;
                let mut outcome = Outcome::Clean;
                if name != 0 {
                    let (i, j) = names[name as usize];
                    met[i][j] = now;
                    left -= 1;
                    if way.follow {
                        outcome = Outcome::Hit;
                    }
                }
                scanner.done(now, outcome);
            }
            Next::Wait(until) => now = until,
            Next::PassDone => {}
            Next::Rest => unreachable!("it was started"),
        }
    }
    assert_eq!(left, 0, "{}: not all was met", way.name);
    (met, scanner.counters().0 as f64 / now as f64)
}

/// All ways over the same bursts.
pub fn judge(crowd: &Crowd, seed: u64, count: u64) -> Vec<Detection> {
    let kinds = KINDS.map(|(name, single, shape)| {
        // So few long ones are among them that it takes more to tell.
        let count = if single > 0.0 { count * 4 } else { count };
        (name, bursts(&mut Rng::new(seed), single, shape, count))
    });
    let runs = (kinds.len() * WAYS.len()) as u64;
    let met = crowd.each_of(runs, WAY_PIECES, |i| {
        let i = i as usize;
        let bursts = &kinds[i / WAYS.len()].1;
        let (met, bytes) = run(WAYS[i % WAYS.len()], bursts);
        times(bursts, &met, bytes)
    });
    let mut table: Vec<Detection> = Vec::new();
    for (i, mut line) in met.into_iter().enumerate() {
        line.bursts = kinds[i / WAYS.len()].0.into();
        line.way = WAYS[i % WAYS.len()].name.into();
        table.push(line);
    }
    for kind in table.chunks_mut(WAYS.len()) {
        let base = kind[0].clone();
        for line in kind {
            line.sooner_all = 1.0 - line.all / base.all;
            line.sooner_first = 1.0 - line.first / base.first;
            let long = line.long.zip(base.long);
            line.sooner_long = long.map(|(ours, base)| 1.0 - ours / base);
            line.bytes /= base.bytes;
        }
    }
    table
}

/// How long the errors stayed unmet.
fn times(bursts: &[Burst], met: &[Vec<u64>], bytes: f64) -> Detection {
    let days = |ms: u64| ms as f64 / (24 * HOUR_MS) as f64;
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
    let (mut all, mut first, mut long) = (Vec::new(), Vec::new(), Vec::new());
    for (burst, met) in bursts.iter().zip(met) {
        let each: Vec<f64> = met.iter().map(|t| days(t - burst.at)).collect();
        first.push(each.iter().copied().fold(f64::MAX, f64::min));
        if each.len() >= 10 {
            long.extend(&each);
        }
        all.extend(each);
    }
    Detection {
        all: mean(&all),
        first: mean(&first),
        long: (!long.is_empty()).then(|| mean(&long)),
        bytes,
        days: all,
        ..Detection::default()
    }
}
