// SPDX-License-Identifier: GPL-2.0-only

//! The results, and their form for programs.

use std::fmt::Write;

use serde::Serialize;

use super::{
    calibration::Row,
    detection::Detection,
    idle::Idle,
    judge::{Forecast, Score},
    target::Target,
    whole::Whole,
};

/// How forecasts of one kind came true.
#[derive(Clone, Debug, Serialize)]
pub struct Reliability {
    pub from: u16,
    pub below: u16,
    pub forecasts: usize,
    pub said: f64,
    pub was: f64,
}

/// The time to failure that was forecast as a part of what it was: the tenth, the middle, the ninth of ten.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TimeToFailure {
    pub forecasts: usize,
    pub parts: [f64; 3],
}

/// How the predictor does if a guess behind the disks is another one.
#[derive(Clone, Debug, Serialize)]
pub struct Otherwise {
    pub guess: String,
    pub scores: Vec<Score>,
}

/// Everything.
#[derive(Debug, Serialize)]
pub struct Results {
    pub set: &'static str,
    pub seed: u64,
    pub disks: u64,
    pub targets: Vec<Target>,
    pub detection: Vec<Detection>,
    pub idle: Vec<Idle>,
    pub prediction: Vec<Score>,
    /// What the score of the device says.
    pub levels: Vec<Score>,
    pub whole: Vec<Whole>,
    pub otherwise: Vec<Otherwise>,
    pub reliability: Vec<Reliability>,
    pub time_to_failure: TimeToFailure,
    pub calibration: Vec<Row>,
}

/// Where the table of forecasts is divided, per mille.
const BOUNDS: [u16; 8] = [0, 10, 50, 100, 200, 400, 600, 1001];

impl Results {
    pub fn new(set: &'static str, seed: u64, disks: u64) -> Results {
        Results {
            set,
            seed,
            disks,
            targets: Vec::new(),
            detection: Vec::new(),
            idle: Vec::new(),
            prediction: Vec::new(),
            levels: Vec::new(),
            whole: Vec::new(),
            otherwise: Vec::new(),
            reliability: Vec::new(),
            time_to_failure: TimeToFailure::default(),
            calibration: Vec::new(),
        }
    }

    /// Fills in what follows from the rest.
    pub fn judge(&mut self, forecasts: &[Forecast]) {
        for pair in BOUNDS.windows(2) {
            let inside = |f: &&Forecast| (pair[0]..pair[1]).contains(&f.probability);
            let here: Vec<_> = forecasts.iter().filter(inside).collect();
            let mean = |sum: f64| {
                if here.is_empty() {
                    0.0
                } else {
                    sum / here.len() as f64
                }
            };
            self.reliability.push(Reliability {
                from: pair[0],
                below: pair[1],
                forecasts: here.len(),
                said: mean(here.iter().map(|f| f64::from(f.probability) / 1000.0).sum()),
                was: mean(here.iter().filter(|f| f.failed).count() as f64),
            });
        }
        let pairs = forecasts.iter().filter_map(|f| f.time_to_failure);
        let mut parts: Vec<f64> = pairs
            .map(|(said, was)| (said + 1.0) / (was + 1.0))
            .collect();
        parts.sort_by(f64::total_cmp);
        if let Some(last) = parts.len().checked_sub(1) {
            self.time_to_failure = TimeToFailure {
                forecasts: parts.len(),
                parts: [1, 5, 9].map(|tenth| parts[last * tenth / 10]),
            };
        }
        self.targets = self.to_be_reached();
    }

    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    pub fn prediction_csv(&self) -> String {
        let mut text = String::from("population,method,failing,found,caught,silent,silent_caught,good,good_years,false_alarms,median_lead_days,precision,mcc\n");
        for s in &self.prediction {
            let _ = writeln!(
                text,
                "{},{},{},{},{},{},{},{},{:.2},{},{},{},{}",
                s.population,
                s.method,
                s.failing,
                s.found,
                s.caught,
                s.silent,
                s.silent_caught,
                s.good,
                s.good_years,
                s.false_alarms,
                number(s.median_lead),
                number(s.precision),
                number(s.mcc)
            );
        }
        text
    }

    pub fn detection_csv(&self) -> String {
        let mut text = String::from(
            "bursts,way,all_days,first_days,long_days,sooner_all,sooner_first,sooner_long,bytes\n",
        );
        for d in &self.detection {
            let _ = writeln!(
                text,
                "{},\"{}\",{:.4},{:.4},{},{:.4},{:.4},{},{:.4}",
                d.bursts,
                d.way,
                d.all,
                d.first,
                number(d.long),
                d.sooner_all,
                d.sooner_first,
                number(d.sooner_long),
                d.bytes
            );
        }
        text
    }
}

fn number(v: Option<f64>) -> String {
    v.map_or(String::new(), |v| format!("{v:.4}"))
}
