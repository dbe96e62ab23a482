// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl simulate`: the scan order and the predictor, judged on simulated disks.
//!
//! What runs is the code of the kernel module. The thresholds were chosen on the training set; the evaluation set has
//! other seeds, and is what `docs/prediction.md` tells of.

mod calibration;
mod detection;
mod disk;
mod generators;
mod idle;
mod judge;
mod picture;
mod report;
mod rng;

use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

use calibration::Calibration;
use generators::Population;
use judge::{predict, Method, Score};
use report::Results;
use rng::Rng;

#[derive(clap::Args)]
pub struct Args {
    /// Where the tables and pictures go
    #[arg(long, default_value = "target/simulation")]
    out: PathBuf,
    /// Which disks: those that the thresholds were chosen on, or those that nobody looked at before
    #[arg(long, value_enum, default_value_t = Set::Evaluation)]
    set: Set,
    /// Disks of each kind; of the fleet, eight times as many
    #[arg(long, default_value_t = 1000)]
    disks: u64,
    /// Bursts of errors for the scan order
    #[arg(long, default_value_t = 500)]
    bursts: u64,
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
            Set::Evaluation => 20_260_001,
        }
    }
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let out = &args.out;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let results = judge_all(args.set, args.disks, args.bursts);
    let text = results.text();
    std::fs::write(out.join("results.md"), &text)?;
    std::fs::write(
        out.join("results.json"),
        serde_json::to_string_pretty(&results)?,
    )?;
    std::fs::write(out.join("prediction.csv"), results.prediction_csv())?;
    std::fs::write(out.join("detection.csv"), results.detection_csv())?;
    picture::draw(out, &results)?;
    print!("{text}");
    Ok(())
}

fn judge_all(set: Set, disks: u64, bursts: u64) -> Results {
    let mut results = Results::new(set, disks);
    results.detection = detection::judge(set.seed(), bursts);
    results.idle = idle::judge(set.seed());
    let mut forecasts = Vec::new();
    for (n, population) in Population::ALL.into_iter().enumerate() {
        let mut scores = Method::ALL.map(|method| Score::new(population.name(), &method.name()));
        let mut calibration = Calibration::default();
        let fleet = population == Population::Fleet;
        for i in 0..population.disks(disks) {
            let seed = set.seed() + n as u64 * 1_000_000 + i;
            let life = population.disk(&mut Rng::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)));
            if fleet {
                calibration.add(&life);
            }
            for (method, score) in Method::ALL.into_iter().zip(&mut scores) {
                let alarm = match method {
                    Method::Predictor => {
                        let (alarm, more) = predict(&life);
                        if fleet {
                            forecasts.extend(more);
                        }
                        alarm
                    }
                    _ => method.alarm(&life),
                };
                score.add(&life, alarm);
            }
        }
        results.prediction.extend(scores.map(Score::finish));
        if fleet {
            results.calibration = calibration.rows();
        }
    }
    results.judge(&forecasts);
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small run on the training set; the evaluation set is for the thresholds as they are.
    #[test]
    fn the_targets_are_reached_on_the_training_set() {
        let results = judge_all(Set::Training, 60, 60);
        // Of so small a fleet ten disks fail: no measure.
        let all = results.targets.iter();
        let measured: Vec<_> = all.filter(|t| !t.what.starts_with("fleet")).collect();
        assert_eq!(measured.len(), 21);
        let missed: Vec<_> = measured.iter().filter(|t| !t.reached).collect();
        assert!(missed.is_empty(), "{missed:?}");
        // Another method would not have reached them: the table tells methods apart.
        let first = results
            .prediction
            .iter()
            .filter(|s| s.method == "first error");
        assert!(first.clone().all(|s| s.precision.is_none_or(|p| p < 0.7)));
        assert!(first.into_iter().any(|s| s.false_alarms > 10));
    }
}
