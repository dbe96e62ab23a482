// SPDX-License-Identifier: GPL-2.0-only

//! The results as tables: for people, for programs, and against what was to be reached.

use std::fmt::Write;

use serde::Serialize;

use super::{
    calibration::Row,
    detection::Detection,
    idle::Idle,
    judge::{Forecast, Score},
    Set,
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

/// Something to be reached.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    pub what: String,
    pub target: String,
    pub value: String,
    pub reached: bool,
}

/// Everything.
#[derive(Debug, Serialize)]
pub struct Results {
    pub set: Set,
    pub seed: u64,
    pub disks: u64,
    pub targets: Vec<Target>,
    pub detection: Vec<Detection>,
    pub idle: Vec<Idle>,
    pub prediction: Vec<Score>,
    pub reliability: Vec<Reliability>,
    pub time_to_failure: TimeToFailure,
    pub calibration: Vec<Row>,
}

/// Where the table of forecasts is divided, per mille.
const BOUNDS: [u16; 8] = [0, 10, 50, 100, 200, 400, 600, 1001];

impl Results {
    pub fn new(set: Set, disks: u64) -> Results {
        Results {
            set,
            seed: set.seed(),
            disks,
            targets: Vec::new(),
            detection: Vec::new(),
            idle: Vec::new(),
            prediction: Vec::new(),
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
        self.targets = self.targets();
    }

    fn targets(&self) -> Vec<Target> {
        let mut all = Vec::new();
        let mut add =
            |what: String, target: String, value: Option<f64>, reached: bool, unit: &str| {
                let value = value.map_or("none".into(), |v| match unit {
                    "%" => format!("{:.1} %", v * 100.0),
                    "days" => format!("{v:.1} days"),
                    _ => format!("{v:.3}"),
                });
                all.push(Target {
                    what,
                    target,
                    value,
                    reached,
                });
            };
        for d in self
            .detection
            .iter()
            .filter(|d| d.way == "staggered, follow-up")
        {
            let (all, long) = (d.sooner_all, d.sooner_long);
            let name = &d.bursts;
            add(
                format!("all errors met sooner, {name}"),
                "≥ 18 %".into(),
                Some(all),
                all >= 0.18,
                "%",
            );
            add(
                format!("long bursts met sooner, {name}"),
                "≥ 60 %".into(),
                Some(long),
                long >= 0.6,
                "%",
            );
        }
        for step in self.idle.iter().filter(|i| i.intensity == 5) {
            let worse = step.with / step.alone - 1.0;
            add(
                "idle time used, intensity 5".into(),
                "≥ 90 %".into(),
                Some(step.used),
                step.used >= 0.9,
                "%",
            );
            add(
                "99th percentile of users worse, intensity 5".into(),
                "≤ 5 %".into(),
                Some(worse),
                worse <= 0.05,
                "%",
            );
        }
        for s in self.prediction.iter().filter(|s| s.method == "predictor") {
            let name = &s.population;
            if s.failing == 0 {
                let rate = s.false_alarms_a_year;
                let reached = rate.is_some_and(|r| r <= 0.01);
                add(
                    format!("{name}: false alarms a disk-year"),
                    "≤ 1 %".into(),
                    rate,
                    reached,
                    "%",
                );
                continue;
            }
            let at_least = |value: Option<f64>, least: f64| value.is_some_and(|v| v >= least);
            add(
                format!("{name}: found in time"),
                "≥ 80 %".into(),
                s.recall,
                at_least(s.recall, 0.8),
                "%",
            );
            let lead = s.median_lead;
            add(
                format!("{name}: median lead"),
                "≥ 14 days".into(),
                lead,
                at_least(lead, 14.0),
                "days",
            );
            let right = s.precision;
            add(
                format!("{name}: precision"),
                "≥ 80 %".into(),
                right,
                at_least(right, 0.8),
                "%",
            );
            let others = self.prediction.iter();
            let others = others.filter(|o| o.population == *name && o.method != s.method);
            let best = others.filter_map(|o| o.mcc.map(|mcc| (mcc, &o.method)));
            if let Some((mcc, method)) = best.max_by(|a, b| a.0.total_cmp(&b.0)) {
                let target = format!("> {mcc:.3} ({method})");
                let reached = s.mcc.is_some_and(|ours| ours > mcc);
                add(format!("{name}: correlation"), target, s.mcc, reached, "");
            }
        }
        all
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) -> std::fmt::Result {
        let percent = |v: f64| format!("{:.1} %", v * 100.0);
        let maybe = |v: Option<f64>| v.map_or("–".into(), percent);
        let set = format!("{:?}", self.set).to_lowercase();
        writeln!(
            to,
            "Set: {set} (seed {}), {} disks of each kind.\n",
            self.seed, self.disks
        )?;
        writeln!(
            to,
            "| what | to reach | reached | |\n| --- | --- | --- | --- |"
        )?;
        for t in &self.targets {
            let verdict = if t.reached { "yes" } else { "**missed**" };
            writeln!(
                to,
                "| {} | {} | {} | {verdict} |",
                t.what, t.target, t.value
            )?;
        }
        writeln!(to, "\n| bursts | way | all errors, days | sooner | first of a burst, days | sooner | bursts ≥ 10, days | sooner | bytes a day |")?;
        writeln!(
            to,
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        )?;
        for d in &self.detection {
            writeln!(
                to,
                "| {} | {} | {:.2} | {} | {:.2} | {} | {:.2} | {} | {:.2} |",
                d.bursts,
                d.way,
                d.all,
                percent(d.sooner_all),
                d.first,
                percent(d.sooner_first),
                d.long,
                percent(d.sooner_long),
                d.bytes
            )?;
        }
        writeln!(
            to,
            "\n| intensity | idle time used | MiB/s | requests that met a read | 99th percentile alone, ms | with the scan, ms |\n\
             | --- | --- | --- | --- | --- | --- |"
        )?;
        for i in &self.idle {
            writeln!(
                to,
                "| {} | {} | {:.1} | {} | {:.1} | {:.1} |",
                i.intensity,
                percent(i.used),
                i.speed,
                percent(i.met),
                i.alone,
                i.with
            )?;
        }
        writeln!(to, "\n| disks | method | failing | found in time | caught at all | median lead, days | good | false alarms | a disk-year | precision | correlation |")?;
        writeln!(
            to,
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        )?;
        for s in &self.prediction {
            writeln!(
                to,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                s.population,
                s.method,
                s.failing,
                maybe(s.recall),
                s.caught,
                s.median_lead.map_or("–".into(), |d| format!("{d:.1}")),
                s.good,
                s.false_alarms,
                s.false_alarms_a_year
                    .map_or("–".into(), |v| format!("{:.2} %", v * 100.0)),
                maybe(s.precision),
                s.mcc.map_or("–".into(), |v| format!("{v:.3}")),
            )?;
        }
        writeln!(to, "\n| forecast, fleet | forecasts | said on the mean | failed within 30 days |\n| --- | --- | --- | --- |")?;
        for r in &self.reliability {
            let (from, below) = (f64::from(r.from) / 10.0, f64::from(r.below) / 10.0);
            writeln!(
                to,
                "| {from:.0} to {below:.0} % | {} | {} | {} |",
                r.forecasts,
                percent(r.said),
                percent(r.was)
            )?;
        }
        let [low, middle, high] = self.time_to_failure.parts;
        writeln!(
            to,
            "\nTime to failure, fleet: {} forecasts; as a part of the true one, the tenth percentile is {low:.2}, the median {middle:.2}, the ninetieth {high:.2}.",
            self.time_to_failure.forecasts
        )?;
        writeln!(
            to,
            "\n| the fleet | published | here |\n| --- | --- | --- |"
        )?;
        for row in &self.calibration {
            writeln!(
                to,
                "| {} | {} | {} |",
                row.what,
                row.published,
                percent(row.here)
            )?;
        }
        Ok(())
    }

    pub fn prediction_csv(&self) -> String {
        let mut text = String::from("population,method,failing,found,caught,silent,silent_caught,good,good_years,false_alarms,median_lead_days,precision,mcc\n");
        let number = |v: Option<f64>| v.map_or(String::new(), |v| format!("{v:.4}"));
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
                "{},\"{}\",{:.4},{:.4},{:.4},{:.4},{:.4},{:.4},{:.4}",
                d.bursts,
                d.way,
                d.all,
                d.first,
                d.long,
                d.sooner_all,
                d.sooner_first,
                d.sooner_long,
                d.bytes
            );
        }
        text
    }
}
