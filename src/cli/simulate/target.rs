// SPDX-License-Identifier: GPL-2.0-only

//! What was to be reached, and whether it was.

use serde::Serialize;

use super::{judge::Score, report::Results};

/// Something to be reached.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    pub what: String,
    pub target: String,
    pub value: String,
    pub reached: bool,
}

/// At least, or at most, that much.
#[derive(Clone, Copy)]
enum Bound {
    Least(f64),
    Most(f64),
}

#[derive(Clone, Copy)]
enum Unit {
    Percent,
    Days,
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Unit::Percent => format!("{:.1} %", value * 100.0),
            Unit::Days => format!("{value:.1} days"),
        }
    }

    /// A bound has no fraction.
    fn bound(self, value: f64) -> String {
        match self {
            Unit::Percent => format!("{:.0} %", value * 100.0),
            Unit::Days => format!("{value:.0} days"),
        }
    }
}

impl Target {
    /// What has no value was not reached.
    fn new(what: String, bound: Bound, value: Option<f64>, unit: Unit) -> Target {
        let (sign, limit) = match bound {
            Bound::Least(limit) => ("≥", limit),
            Bound::Most(limit) => ("≤", limit),
        };
        let reached = value.is_some_and(|v| match bound {
            Bound::Least(limit) => v >= limit,
            Bound::Most(limit) => v <= limit,
        });
        Target {
            what,
            target: format!("{sign} {}", unit.bound(limit)),
            value: value.map_or("none".into(), |v| unit.text(v)),
            reached,
        }
    }

    /// Better than each of the others: its correlation is higher.
    fn better(ours: &Score, others: &[&Score]) -> Option<Target> {
        let all = others.iter().filter_map(|o| o.mcc.map(|mcc| (mcc, o)));
        let (mcc, best) = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(Target {
            what: format!("{}: correlation", ours.population),
            target: format!("> {mcc:.3} ({})", best.method),
            value: ours.mcc.map_or("none".into(), |v| format!("{v:.3}")),
            reached: ours.mcc.is_some_and(|ours| ours > mcc),
        })
    }
}

impl Results {
    /// Everything that was to be reached and could be measured.
    pub fn to_be_reached(&self) -> Vec<Target> {
        let mut all = self.of_the_scan();
        for ours in self.prediction.iter().filter(|s| s.method == "predictor") {
            let name = &ours.population;
            let same = self.prediction.iter().filter(|s| s.population == *name);
            let others: Vec<_> = same.filter(|s| s.method != ours.method).collect();
            all.extend(of_a_kind(ours, &others));
        }
        all
    }

    fn of_the_scan(&self) -> Vec<Target> {
        let mut all = Vec::new();
        let ours = self.detection.iter();
        for d in ours.filter(|d| d.way == "staggered, follow-up") {
            all.push(Target::new(
                format!("all errors met sooner, {}", d.bursts),
                Bound::Least(0.18),
                Some(d.sooner_all),
                Unit::Percent,
            ));
            if d.sooner_long.is_some() {
                all.push(Target::new(
                    format!("long bursts met sooner, {}", d.bursts),
                    Bound::Least(0.6),
                    d.sooner_long,
                    Unit::Percent,
                ));
            }
        }
        for step in self.idle.iter().filter(|i| i.intensity == 5) {
            all.push(Target::new(
                "idle time used, intensity 5".into(),
                Bound::Least(0.9),
                Some(step.used),
                Unit::Percent,
            ));
            all.push(Target::new(
                "99th percentile of users worse, intensity 5".into(),
                Bound::Most(0.05),
                Some(step.with / step.alone - 1.0),
                Unit::Percent,
            ));
        }
        all
    }
}

/// Of the predictor on disks of one kind. Where none fails there is but one way to be wrong.
fn of_a_kind(ours: &Score, others: &[&Score]) -> Vec<Target> {
    let name = &ours.population;
    if ours.failing == 0 {
        let what = format!("{name}: false alarms a disk-year");
        let rate = ours.false_alarms_a_year;
        return vec![Target::new(what, Bound::Most(0.01), rate, Unit::Percent)];
    }
    let least = |what: &str, limit, value, unit| {
        Target::new(format!("{name}: {what}"), Bound::Least(limit), value, unit)
    };
    let mut all = vec![
        least("found in time", 0.8, ours.recall, Unit::Percent),
        least("median lead", 14.0, ours.median_lead, Unit::Days),
        least("precision", 0.8, ours.precision, Unit::Percent),
    ];
    all.extend(Target::better(ours, others));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(method: &str, found: u32, late: u32, false_alarms: u32) -> Score {
        Score {
            failing: 100,
            found,
            caught: found + late,
            leads: vec![if late > found { 5.0 } else { 20.0 }; (found + late) as usize],
            good: 100,
            good_years: 200.0,
            false_alarms,
            ..Score::new("slow degradation", method)
        }
        .finish()
    }

    fn missed(scores: Vec<Score>) -> Vec<String> {
        let mut results = Results::new("own", 1, 100);
        results.prediction = scores;
        results.judge(&[]);
        let all = results.targets.iter().filter(|t| !t.reached);
        all.map(|t| t.what.replace("slow degradation: ", ""))
            .collect()
    }

    #[test]
    fn each_target_is_told_missed_when_it_is() {
        let poor = || score("count ≥ 40", 70, 0, 30);
        let all: [(Score, &[&str]); 6] = [
            (score("predictor", 90, 5, 5), &[]),
            (score("predictor", 80, 0, 20), &[]),
            (score("predictor", 79, 0, 5), &["found in time"]),
            (score("predictor", 85, 0, 22), &["precision"]),
            (
                score("predictor", 40, 60, 0),
                &["found in time", "median lead"],
            ),
            // No alarm at all: the predictor taken out.
            (
                score("predictor", 0, 0, 0),
                &["found in time", "median lead", "precision", "correlation"],
            ),
        ];
        for (ours, want) in all {
            let name = format!("{} {} {}", ours.found, ours.caught, ours.false_alarms);
            assert_eq!(missed(vec![ours, poor()]), want, "{name}");
        }
        let ours = score("predictor", 90, 5, 5);
        let better = score("count ≥ 40", 99, 0, 1);
        assert_eq!(missed(vec![ours, better]), ["correlation"]);
    }

    #[test]
    fn one_false_alarm_in_a_hundred_years_is_the_most() {
        for (false_alarms, want) in [(0, true), (2, true), (3, false)] {
            let score = Score {
                good: 100,
                good_years: 200.0,
                false_alarms,
                ..Score::new("healthy", "predictor")
            };
            let all = of_a_kind(&score.finish(), &[]);
            assert_eq!(all.len(), 1);
            assert_eq!(all[0].reached, want, "{false_alarms}");
        }
    }
}
