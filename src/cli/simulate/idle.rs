// SPDX-License-Identifier: GPL-2.0-only

//! How much of a disk's idleness the scanner uses, and what users feel of it: the scanner of the kernel module beside
//! users who come in bursts, with pauses between them that follow Pareto.
//!
//! The scanner is told of a request in the instant that it comes, and asked again. The kernel has to look at counters, when
//! a timer lets it. Nor are there a queue in the disk, a cache for writes, or users of its other partitions.

use dm_remap_core::{
    health::scan::{settings::Settings, Command, Next, Outcome, Scanner},
    units::SectorCount,
};
use serde::Serialize;

use super::{crowd::Crowd, rng::Rng};

/// Eight hours.
const END: f64 = 8.0 * 3_600_000.0;

/// How long each step of intensity takes, in pieces of work.
const STEP_PIECES: u64 = 500;
pub const PIECES: u64 = 10 * STEP_PIECES;

/// Milliseconds that a user's request takes by itself.
const REQUEST: f64 = 8.0;

/// One step of intensity.
#[derive(Clone, Debug, Serialize)]
pub struct Idle {
    pub intensity: u32,
    /// The part of the idle time in which it read.
    pub used: f64,
    /// The part of the users' requests that had to wait for a read.
    pub met: f64,
    /// The 99th percentile of what they took, in milliseconds, without the scanner and with it.
    pub alone: f64,
    pub with: f64,
    /// MiB a second that were read.
    pub speed: f64,
}

/// When users ask for something.
fn arrivals(rng: &mut Rng) -> Vec<f64> {
    let (mut all, mut now) = (Vec::new(), 0.0);
    while now < END {
        for _ in 0..rng.pareto(1.1, 2000.0) as u32 {
            now += rng.exponential(12.0);
            all.push(now);
        }
        now += 60.0 * rng.pareto(0.7, 10_000.0);
    }
    all
}

/// The disk: one thing after another.
struct Disk {
    free: f64,
    took: Vec<f64>,
    met: u32,
}

impl Disk {
    fn serve(&mut self, at: f64, scanned_until: f64) {
        self.met += u32::from(at < scanned_until);
        self.free = self.free.max(at) + REQUEST;
        self.took.push(self.free - at);
    }

    fn slowest(mut self) -> f64 {
        self.took.sort_by(f64::total_cmp);
        self.took[self.took.len() * 99 / 100]
    }
}

/// All steps of intensity over the same users.
pub fn judge(crowd: &Crowd, seed: u64) -> Vec<Idle> {
    let arrivals = arrivals(&mut Rng::new(seed));
    let new = || Disk {
        free: 0.0,
        took: Vec::new(),
        met: 0,
    };
    let mut alone = new();
    for &at in &arrivals {
        alone.serve(at, 0.0);
    }
    let idle = END - arrivals.len() as f64 * REQUEST;
    let alone = alone.slowest();
    crowd.each_of(10, STEP_PIECES, |i| {
        let intensity = i as u32 + 1;
        let mut disk = new();
        let (read, sectors) = scan(intensity, &arrivals, &mut disk);
        Idle {
            intensity,
            used: read / idle,
            met: f64::from(disk.met) / arrivals.len() as f64,
            alone,
            with: disk.slowest(),
            speed: sectors as f64 / 2048.0 / (END / 1000.0),
        }
    })
}

/// Tells how many milliseconds the disk was read, and how many sectors.
fn scan(intensity: u32, arrivals: &[f64], disk: &mut Disk) -> (f64, u64) {
    let settings = Settings {
        intensity,
        ..Settings::DEFAULT
    };
    let scanner = Scanner::new(SectorCount(1 << 36), SectorCount(0), settings);
    let mut scanner = scanner.expect("valid settings");
    scanner.command(Command::Now);
    let (mut now, mut traffic, mut reading, mut until) = (1.0f64, 0, 0.0, 0.0);
    let mut coming = arrivals.iter().copied().peekable();
    while now < END {
        while let Some(at) = coming.next_if(|at| *at <= now) {
            disk.serve(at, until);
            traffic += 1;
        }
        match scanner.next(now as u64, 0, traffic) {
            Next::Read(read) => {
                // To the place, and 150 MB/s.
                let takes = 4.0 + read.len.0 as f64 / 293.0;
                until = disk.free.max(now) + takes;
                disk.free = until;
                reading += takes;
                now = until.ceil();
                scanner.done(now as u64, Outcome::Clean);
            }
            Next::Wait(later) => {
                let next = coming.peek().copied().unwrap_or(END);
                now = (later as f64).min(next.ceil()).max(now);
            }
            Next::PassDone | Next::Rest => unreachable!("there is more to read than can be"),
        }
    }
    for at in coming {
        disk.serve(at, until);
    }
    (reading, scanner.counters().0)
}
