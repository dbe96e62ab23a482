// SPDX-License-Identifier: GPL-2.0-only

//! How near the fleet comes to what was published of real ones.

use dm_remap_core::health::{Event, What, DAY, HOUR};
use serde::Serialize;

use super::{disk::Life, judge::Method};

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub what: &'static str,
    pub published: &'static str,
    /// What is near enough: a test sees to it.
    pub bounds: [f64; 2],
    pub here: f64,
}

/// Counters over all disks of a population.
#[derive(Default)]
pub struct Calibration {
    years: f64,
    good: f64,
    good_with_errors: f64,
    good_below_fifty: f64,
    failed: f64,
    silent: f64,
    forty: f64,
    forty_failed: f64,
    errors: f64,
    within_a_minute: f64,
    within_ten_mb: f64,
    with_errors: f64,
    another_in_a_month: f64,
}

impl Calibration {
    pub fn add(&mut self, life: &Life) {
        let errors: Vec<_> = life
            .events
            .iter()
            .filter(|e| e.what == What::Error)
            .collect();
        self.years += life.end / 365.0;
        let failed = life.fails.is_some();
        if failed {
            self.failed += 1.0;
            self.silent += f64::from(u8::from(!life.degrades));
        } else {
            self.good += 1.0;
            if !errors.is_empty() {
                self.good_with_errors += 1.0;
                let sectors: u32 = errors.iter().map(|e| e.sectors).sum();
                self.good_below_fifty += f64::from(u8::from(sectors < 50));
            }
        }
        if Method::Count(40).alarm(life).is_some() {
            self.forty += 1.0;
            self.forty_failed += f64::from(u8::from(failed));
        }
        if let Some(first) = errors.first() {
            self.with_errors += 1.0;
            // Sectors that are found with the first are the same error to who counts months.
            let gap = |e: &&&Event| (HOUR..30 * DAY).contains(&(e.now - first.now));
            let another = errors.iter().filter(gap).any(|e| e.sectors > 0);
            self.another_in_a_month += f64::from(u8::from(another));
        }
        // Long lists are of dying disks; what they say of gaps would drown all others.
        let new: Vec<_> = errors.iter().filter(|e| e.sectors > 0).take(50).collect();
        for (i, error) in new.iter().enumerate() {
            self.errors += 1.0;
            let soon = new
                .get(i + 1)
                .is_some_and(|next| next.now - error.now <= 60);
            self.within_a_minute += f64::from(u8::from(soon));
            let near = |j: usize| new[j].region.0.abs_diff(error.region.0) <= 10;
            let any = (0..new.len()).any(|j| j != i && near(j));
            self.within_ten_mb += f64::from(u8::from(any));
        }
    }

    /// Takes in what was counted elsewhere.
    pub fn join(&mut self, other: &Calibration) {
        self.years += other.years;
        self.good += other.good;
        self.good_with_errors += other.good_with_errors;
        self.good_below_fifty += other.good_below_fifty;
        self.failed += other.failed;
        self.silent += other.silent;
        self.forty += other.forty;
        self.forty_failed += other.forty_failed;
        self.errors += other.errors;
        self.within_a_minute += other.within_a_minute;
        self.within_ten_mb += other.within_ten_mb;
        self.with_errors += other.with_errors;
        self.another_in_a_month += other.another_in_a_month;
    }

    pub fn rows(&self) -> Vec<Row> {
        let row = |what, published, from, to, here| Row {
            what,
            published,
            bounds: [from, to],
            here,
        };
        vec![
            row(
                "disks that fail, a year",
                "2 to 8 % (Pinheiro, Schroeder)",
                0.02,
                0.08,
                self.failed / self.years,
            ),
            row(
                "of them without a sign",
                "56 % (Pinheiro)",
                0.50,
                0.62,
                self.silent / self.failed,
            ),
            row(
                "other disks with an error in two years",
                "6.4 % (8.5 % nearline in 32 months, Bairavasundaram)",
                0.05,
                0.08,
                self.good_with_errors / self.good,
            ),
            row(
                "of them with fewer than 50",
                "more than 80 % (Bairavasundaram)",
                0.76,
                0.95,
                self.good_below_fifty / self.good_with_errors,
            ),
            row(
                "disks with an error that get another within a month",
                "55 to 62 % (Bairavasundaram)",
                0.50,
                0.67,
                self.another_in_a_month / self.with_errors,
            ),
            row(
                "of disks with 40 bad sectors, those that fail",
                "over half (Ma)",
                0.50,
                0.75,
                self.forty_failed / self.forty,
            ),
            row(
                "errors followed by another within a minute",
                "40 to 80 % (Bairavasundaram)",
                0.40,
                0.80,
                self.within_a_minute / self.errors,
            ),
            row(
                "errors with another within 10 MB",
                "half (Bairavasundaram)",
                0.45,
                0.80,
                self.within_ten_mb / self.errors,
            ),
        ]
    }
}
