// SPDX-License-Identifier: GPL-2.0-only

//! Who raises the alarm, and when: the predictor that the kernel runs, and what it is compared with.

use dm_remap_core::health::{
    map::{DANGER, WARNING},
    monitor::Health,
    Event, What, DAY,
};
use serde::Serialize;

use super::disk::{Life, START};

/// A way to raise an alarm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// The predictor of the kernel module.
    Predictor,
    /// The first error.
    First,
    /// As md gives up a disk: 20 read errors, halved each hour.
    Md,
    /// So many sectors found bad.
    Count(u32),
    /// So many errors, decayed over 30 days.
    Rate(f64),
}

impl Method {
    pub const ALL: [Method; 6] = [
        Method::Predictor,
        Method::First,
        Method::Md,
        Method::Count(40),
        Method::Count(200),
        Method::Rate(60.0),
    ];

    pub fn name(self) -> String {
        match self {
            Method::Predictor => "predictor".into(),
            Method::First => "first error".into(),
            Method::Md => "md's decay".into(),
            Method::Count(n) => format!("count ≥ {n}"),
            Method::Rate(n) => format!("raw rate ≥ {n}"),
        }
    }

    /// The day of the first alarm.
    pub fn alarm(self, life: &Life) -> Option<f64> {
        let errors = || life.events.iter().filter(|e| e.what == What::Error);
        let mut level = 0.0;
        let mut last = START;
        let mut decayed = |e: &Event, window: f64, limit: f64| {
            level = level * (-((e.now - last) as f64) / window).exp() + 1.0;
            last = e.now;
            level >= limit
        };
        let mut sum = 0;
        let found = match self {
            Method::Predictor => return predict(life).alarm,
            Method::First => errors().next(),
            Method::Md => errors().find(|e| decayed(e, 3600.0 / std::f64::consts::LN_2, 20.0)),
            Method::Count(n) => errors().find(|e| {
                sum += e.sectors;
                sum >= n
            }),
            Method::Rate(n) => errors().find(|e| decayed(e, 30.0 * DAY as f64, n)),
        };
        found.map(|e| (e.now - START) as f64 / DAY as f64)
    }
}

/// One forecast and what became of it.
pub struct Forecast {
    pub probability: u16,
    pub failed: bool,
    /// Days that were forecast and days that it was.
    pub time_to_failure: Option<(f64, f64)>,
}

/// What the kernel module would have said of a disk.
#[derive(Default)]
pub struct Said {
    /// The day of the first alarm.
    pub alarm: Option<f64>,
    /// The day on which the score fell below the warning threshold, and below that of danger.
    pub warning: Option<f64>,
    pub danger: Option<f64>,
    /// A forecast for each week.
    pub forecasts: Vec<Forecast>,
}

/// Runs map and predictor over a life, asking once a day.
pub fn predict(life: &Life) -> Said {
    let mut health = Health::new(START);
    let mut said = Said::default();
    let mut events = life.events.iter().peekable();
    for day in 1..=life.end as u64 {
        let now = START + day * DAY;
        while let Some(event) = events.next_if(|e| e.now < now) {
            health.note(event).expect("memory");
        }
        health.advance(now);
        let today = day as f64;
        let first = |at: &mut Option<f64>, is: bool| {
            if is {
                at.get_or_insert(today);
            }
        };
        first(&mut said.alarm, health.predictor.alarm());
        if said.danger.is_none() {
            let score = health.score();
            first(&mut said.warning, score < WARNING);
            first(&mut said.danger, score < DANGER);
        }
        // What comes within 30 days has to be known.
        if day % 7 == 0 && (life.fails.is_some() || today + 30.0 <= life.end) {
            let verdict = health.predictor.verdict();
            let left = life.fails.map(|day| day - today);
            let guess = verdict.time_to_failure.map(|s| s as f64 / DAY as f64);
            said.forecasts.push(Forecast {
                probability: verdict.probability,
                failed: left.is_some_and(|left| left <= 30.0),
                time_to_failure: guess.zip(left),
            });
        }
    }
    said
}

/// How a method did on a population.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Score {
    pub population: String,
    pub method: String,
    /// Disks that degraded and failed.
    pub failing: u32,
    /// Of them, those with an alarm before they failed.
    pub caught: u32,
    /// Of them, those with an alarm at least seven days before.
    pub found: u32,
    /// Disks that failed without a sign, and those of them with an alarm.
    pub silent: u32,
    pub silent_caught: u32,
    /// Disks that did not fail, the years they were looked at, and those with an alarm.
    pub good: u32,
    pub good_years: f64,
    pub false_alarms: u32,
    /// Days from alarm to failure, for each disk that was caught.
    #[serde(skip)]
    pub leads: Vec<f64>,
    pub median_lead: Option<f64>,
    pub recall: Option<f64>,
    pub precision: Option<f64>,
    pub false_alarms_a_year: Option<f64>,
    /// Matthews' correlation of an alarm in time, seven days before, and failure.
    pub mcc: Option<f64>,
}

impl Score {
    pub fn new(population: &str, method: &str) -> Score {
        Score {
            population: population.into(),
            method: method.into(),
            ..Score::default()
        }
    }

    pub fn add(&mut self, life: &Life, alarm: Option<f64>) {
        match (life.fails, life.degrades, alarm) {
            (Some(fails), true, alarm) => {
                self.failing += 1;
                if let Some(alarm) = alarm.filter(|day| *day < fails) {
                    self.caught += 1;
                    self.leads.push(fails - alarm);
                    self.found += u32::from(fails - alarm >= 7.0);
                }
            }
            (Some(_), false, alarm) => {
                self.silent += 1;
                self.silent_caught += u32::from(alarm.is_some());
            }
            (None, _, alarm) => {
                self.good += 1;
                self.good_years += life.end / 365.0;
                self.false_alarms += u32::from(alarm.is_some());
            }
        }
    }

    /// Takes in what was counted elsewhere.
    pub fn join(&mut self, other: &Score) {
        self.failing += other.failing;
        self.caught += other.caught;
        self.found += other.found;
        self.silent += other.silent;
        self.silent_caught += other.silent_caught;
        self.good += other.good;
        self.good_years += other.good_years;
        self.false_alarms += other.false_alarms;
        self.leads.extend(&other.leads);
    }

    pub fn finish(mut self) -> Score {
        let part = |a: u32, b: u32| (b > 0).then(|| f64::from(a) / f64::from(b));
        self.leads.sort_by(f64::total_cmp);
        self.median_lead = self.leads.get(self.leads.len() / 2).copied();
        self.recall = part(self.found, self.failing);
        if self.failing + self.silent > 0 {
            self.precision = part(self.caught, self.caught + self.false_alarms);
        }
        self.false_alarms_a_year =
            (self.good_years > 0.0).then(|| f64::from(self.false_alarms) / self.good_years);
        let (hits, false_alarms) = (f64::from(self.found), f64::from(self.false_alarms));
        let missed = f64::from(self.failing - self.found);
        let rest = f64::from(self.good) - false_alarms;
        if self.failing > 0 {
            let product =
                (hits + false_alarms) * (hits + missed) * (rest + false_alarms) * (rest + missed);
            let mcc = (hits * rest - false_alarms * missed) / product.sqrt();
            self.mcc = Some(if mcc.is_finite() { mcc } else { 0.0 });
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{generators::Population, rng::Rng, world::World};

    /// Matthews' correlation of a method over all kinds but the fleet.
    fn correlation(method: Method) -> f64 {
        let mut score = Score::new("all", &method.name());
        for kind in Population::ALL {
            for seed in 0..if kind == Population::Fleet { 0 } else { 250 } {
                let mut rng = Rng::new(1000 * kind.number() + seed);
                let life = kind.disk(&mut rng, &World::USUAL);
                score.add(&life, method.alarm(&life));
            }
        }
        score.finish().mcc.expect("some fail")
    }

    #[test]
    fn the_raw_rate_has_the_best_of_its_limits_and_is_beaten() {
        let all = [15.0, 30.0, 60.0, 100.0, 200.0].map(|limit| correlation(Method::Rate(limit)));
        let best = all.iter().copied().fold(0.0, f64::max);
        let Some(Method::Rate(limit)) = Method::ALL.last() else {
            panic!("the rate is the last");
        };
        assert!(correlation(Method::Rate(*limit)) >= best, "{all:?}");
        assert!(correlation(Method::Predictor) > best + 0.1, "{all:?}");
    }

    #[test]
    fn an_alarm_counts_by_what_became_of_the_disk() {
        let life = |fails: Option<f64>, degrades| Life {
            end: fails.unwrap_or(730.0),
            fails,
            degrades,
            ..Life::default()
        };
        let mut score = Score::new("any", "any");
        for (fails, degrades, alarm) in [
            (Some(100.0), true, Some(93.0)),
            (Some(100.0), true, Some(94.0)),
            (Some(100.0), true, Some(50.0)),
            (Some(100.0), true, None),
            (Some(100.0), false, Some(50.0)),
            (None, false, Some(1.0)),
            (None, false, None),
        ] {
            score.add(&life(fails, degrades), alarm);
        }
        let score = score.finish();
        assert_eq!((score.failing, score.caught, score.found), (4, 3, 2));
        assert_eq!((score.silent, score.silent_caught), (1, 1));
        assert_eq!((score.good, score.false_alarms), (2, 1));
        assert_eq!(score.good_years, 4.0);
        assert_eq!(score.median_lead, Some(7.0));
        assert_eq!(score.recall, Some(0.5));
        assert_eq!(score.precision, Some(0.75));
        assert_eq!(score.false_alarms_a_year, Some(0.25));
        // 2 · 1 - 1 · 2 of the root of 3 · 4 · 2 · 3.
        assert_eq!(score.mcc, Some(0.0));
    }
}
