// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl simulate`: the scan order and the predictor, judged on simulated disks.
//!
//! What runs is the code of the kernel module. The thresholds were chosen on the training set; the evaluation set has
//! other seeds, and is what `docs/prediction.md` tells of.

mod calibration;
#[cfg(test)]
mod census;
mod crowd;
mod detection;
mod disk;
mod generators;
mod idle;
mod judge;
mod picture;
mod report;
mod rng;
mod table;
mod target;
mod trial;
mod whole;
mod world;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};

use anyhow::Context;
use clap::{value_parser, ValueEnum};
use serde::Serialize;

use crate::help;
use generators::Population;
use report::Results;
use trial::{judge_all, Plan};
use world::World;

/// The exit code if something that was to be reached was not.
const MISSED: u8 = 3;

/// Judges the scan order and the predictor on simulated disks, and writes tables and pictures.
///
/// What runs is the code of the kernel module, under a simulated clock. The same seed gives the same results.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    "Exit codes:
  0  all that was to be reached was reached
  1  it could not be run, or not be written down
  2  the command line is wrong
  3  something was not reached; the table says what",
    "
  target/simulation/
      what it writes, unless --out says otherwise",
    "
  remapctl simulate --quick
      some seconds, to see what it does",
))]
pub struct Args {
    /// The folder that tables (results.md, results.json, *.csv) and pictures (*.svg) go to
    #[arg(long, value_name = "DIR", default_value = "target/simulation")]
    out: PathBuf,
    /// Which disks: those that the thresholds were chosen on, or those that nobody looked at before
    #[arg(long, value_enum, default_value_t = Set::Evaluation)]
    set: Set,
    /// Other disks: the number that all randomness comes from
    #[arg(long, value_name = "N", conflicts_with = "set", value_parser = value_parser!(u64).range(..=1 << 40))]
    seed: Option<u64>,
    /// A small run of some seconds; what else is said counts more
    #[arg(long)]
    quick: bool,
    /// Disks of each kind; of the fleet, eight times as many [default: 1000, quick: 60]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=100_000))]
    disks: Option<u64>,
    /// Days for which a disk is looked at that does not fail
    #[arg(long, value_name = "N", default_value_t = 730, value_parser = value_parser!(u32).range(90..=3650))]
    days: u32,
    /// Kinds of disks, if not all; may be given more than once
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',')]
    generator: Vec<Population>,
    /// Bursts of errors for the scan order; 0: nothing is said of the scan [default: 500, quick: 60]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(..=100_000))]
    bursts: Option<u64>,
    /// Disks of each kind that go through their life under the whole keeper, half a second each [default: 40, quick: 1]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(..=100_000))]
    whole: Option<u64>,
    /// Disks of each kind for each guess that is made otherwise [default: 250, quick: 0]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(..=100_000))]
    otherwise: Option<u64>,
    /// Threads [default: one a processor]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Set {
    Training,
    Evaluation,
}

impl Set {
    const fn seed(self) -> u64 {
        match self {
            Set::Training => 1,
            Set::Evaluation => 20_270_001,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Set::Training => "training",
            Set::Evaluation => "evaluation",
        }
    }
}

impl Args {
    fn plan(&self) -> Plan {
        let pick = |said: Option<u64>, long: u64, quick: u64| {
            said.unwrap_or(if self.quick { quick } else { long })
        };
        let mut kinds = Population::ALL.to_vec();
        if !self.generator.is_empty() {
            kinds.retain(|kind| self.generator.contains(kind));
        }
        let processors = || thread::available_parallelism().map_or(1, usize::from);
        Plan {
            set: self.seed.map_or(self.set.name(), |_| "own"),
            seed: self.seed.unwrap_or(self.set.seed()),
            kinds,
            disks: pick(self.disks, 1000, 60),
            bursts: pick(self.bursts, 500, 60),
            whole: pick(self.whole, 40, 1),
            otherwise: pick(self.otherwise, 250, 0),
            world: World {
                days: self.days.into(),
                ..World::USUAL
            },
            jobs: self.jobs.map_or_else(processors, usize::from),
        }
    }
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // What cannot be written is known before the work is done.
    let out = &args.out;
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    write(out, "results.md", "")?;
    let results = judge_all(&args.plan());
    save(out, &results)?;
    if args.json {
        println!("{}", results.json()?);
    } else {
        print!("{}", results.summary());
        println!("Tables and pictures are in {}.", out.display());
    }
    let missed = results.targets.iter().any(|t| !t.reached);
    Ok(ExitCode::from(if missed { MISSED } else { 0 }))
}

fn save(out: &Path, results: &Results) -> anyhow::Result<()> {
    write(out, "results.md", &results.text())?;
    write(out, "results.json", &results.json()?)?;
    write(out, "prediction.csv", &results.prediction_csv())?;
    write(out, "detection.csv", &results.detection_csv())?;
    picture::draw(out, results)
}

fn write(out: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = out.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
