// SPDX-License-Identifier: GPL-2.0-only

//! The results as tables for people, in Markdown.

use super::{judge::Score, report::Results};

/// A table: what its columns are, and its rows.
fn table(to: &mut String, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut line = |cells: &[String]| {
        to.push_str("| ");
        to.push_str(&cells.join(" | "));
        to.push_str(" |\n");
    };
    line(&heads.iter().map(|&head| head.into()).collect::<Vec<_>>());
    line(&heads.iter().map(|_| "---".into()).collect::<Vec<_>>());
    for row in rows {
        line(&row);
    }
    to.push('\n');
}

fn percent(v: f64) -> String {
    format!("{:.1} %", v * 100.0)
}

/// Rates are small.
fn rate(v: f64) -> String {
    format!("{:.2} %", v * 100.0)
}

fn days(v: f64) -> String {
    format!("{v:.1}")
}

fn or_none(v: Option<f64>, text: fn(f64) -> String) -> String {
    v.map_or("–".into(), text)
}

/// How it did on disks of a kind, in one cell: found, lead and precision, or false alarms.
fn in_short(s: &Score) -> String {
    if s.failing == 0 {
        return or_none(s.false_alarms_a_year, rate);
    }
    let (found, lead) = (or_none(s.recall, percent), or_none(s.median_lead, days));
    format!("{found}, {lead} days, {}", or_none(s.precision, percent))
}

impl Results {
    /// What was to be reached, for the terminal.
    pub fn summary(&self) -> String {
        let mut to = self.title();
        self.targets_table(&mut to);
        let reached = self.targets.iter().filter(|t| t.reached).count();
        to + &format!("{reached} of {} reached.\n", self.targets.len())
    }

    /// All of it.
    pub fn text(&self) -> String {
        let mut to = self.title();
        self.targets_table(&mut to);
        self.scan_tables(&mut to);
        self.prediction_tables(&mut to);
        self.forecast_tables(&mut to);
        self.doubt_tables(&mut to);
        to.truncate(to.trim_end().len());
        to + "\n"
    }

    fn title(&self) -> String {
        let Results {
            set, seed, disks, ..
        } = self;
        format!("Set: {set} (seed {seed}), {disks} disks of each kind.\n\n")
    }

    fn targets_table(&self, to: &mut String) {
        let rows = self.targets.iter().map(|t| {
            let verdict = if t.reached { "yes" } else { "**missed**" };
            vec![
                t.what.clone(),
                t.target.clone(),
                t.value.clone(),
                verdict.into(),
            ]
        });
        table(to, &["what", "to reach", "reached", ""], rows);
    }

    fn scan_tables(&self, to: &mut String) {
        if self.detection.is_empty() {
            return;
        }
        let rows = self.detection.iter().map(|d| {
            vec![
                d.bursts.clone(),
                d.way.clone(),
                format!("{:.2}", d.all),
                percent(d.sooner_all),
                format!("{:.2}", d.first),
                percent(d.sooner_first),
                or_none(d.long, |v| format!("{v:.2}")),
                or_none(d.sooner_long, percent),
                format!("{:.2}", d.bytes),
            ]
        });
        let heads = [
            "bursts",
            "way",
            "all errors, days",
            "sooner",
            "first of a burst, days",
            "sooner",
            "bursts ≥ 10, days",
            "sooner",
            "bytes a day",
        ];
        table(to, &heads, rows);
        let rows = self.idle.iter().map(|i| {
            vec![
                i.intensity.to_string(),
                percent(i.used),
                format!("{:.1}", i.speed),
                percent(i.met),
                format!("{:.1}", i.alone),
                format!("{:.1}", i.with),
            ]
        });
        let heads = [
            "intensity",
            "idle time used",
            "MiB/s",
            "requests that met a read",
            "99th percentile alone, ms",
            "with the scan, ms",
        ];
        table(to, &heads, rows);
    }

    fn prediction_tables(&self, to: &mut String) {
        let row = |s: &Score| {
            vec![
                s.population.clone(),
                s.method.clone(),
                s.failing.to_string(),
                or_none(s.recall, percent),
                s.caught.to_string(),
                or_none(s.median_lead, days),
                s.good.to_string(),
                s.false_alarms.to_string(),
                or_none(s.false_alarms_a_year, rate),
                or_none(s.precision, percent),
                or_none(s.mcc, |v| format!("{v:.3}")),
            ]
        };
        let heads = [
            "disks",
            "method",
            "failing",
            "found in time",
            "caught at all",
            "median lead, days",
            "good",
            "false alarms",
            "a disk-year",
            "precision",
            "correlation",
        ];
        table(to, &heads, self.prediction.iter().map(row));
        let mut heads = heads;
        heads[1] = "score";
        table(to, &heads, self.levels.iter().map(row));
    }

    fn forecast_tables(&self, to: &mut String) {
        if self.calibration.is_empty() {
            return;
        }
        let rows = self.reliability.iter().map(|r| {
            let (from, below) = (f64::from(r.from) / 10.0, f64::from(r.below) / 10.0);
            vec![
                format!("{from:.0} to {below:.0} %"),
                r.forecasts.to_string(),
                percent(r.said),
                percent(r.was),
            ]
        });
        let heads = [
            "forecast, fleet",
            "forecasts",
            "said on the mean",
            "failed within 30 days",
        ];
        table(to, &heads, rows);
        let [low, middle, high] = self.time_to_failure.parts;
        to.push_str(&format!(
            "Time to failure, fleet: {} forecasts; as a part of the true one, the tenth percentile is {low:.2}, the \
             median {middle:.2}, the ninetieth {high:.2}.\n\n",
            self.time_to_failure.forecasts
        ));
        let rows = self
            .calibration
            .iter()
            .map(|r| vec![r.what.into(), r.published.into(), percent(r.here)]);
        table(to, &["the fleet", "published", "here"], rows);
    }

    /// How far what is worked out, and what is guessed, can be trusted.
    fn doubt_tables(&self, to: &mut String) {
        if !self.whole.is_empty() {
            let rows = self.whole.iter().map(|w| {
                vec![
                    w.population.clone(),
                    w.disks.to_string(),
                    w.same.to_string(),
                    in_short(&w.short),
                    in_short(&w.whole),
                    or_none(w.later, days),
                ]
            });
            let heads = [
                "disks of 250 GB",
                "disks",
                "same verdict",
                "worked out",
                "whole keeper",
                "later, days",
            ];
            table(to, &heads, rows);
        }
        if let Some(first) = self.otherwise.first() {
            let kinds = first.scores.iter().map(|s| s.population.as_str());
            let heads: Vec<_> = ["guess"].into_iter().chain(kinds).collect();
            let rows = self.otherwise.iter().map(|o| {
                let cells = o.scores.iter().map(in_short);
                [o.guess.clone()].into_iter().chain(cells).collect()
            });
            table(to, &heads, rows);
        }
    }
}
