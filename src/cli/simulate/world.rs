// SPDX-License-Identifier: GPL-2.0-only

//! What the generators take for granted, so that it can be taken otherwise.

use super::disk::REGIONS;

/// The guesses behind the disks, and how they are used.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// For how many days a disk is looked at that does not fail.
    pub days: f64,
    /// Its size, in regions.
    pub regions: u64,
    /// Days that a pass of the scanner takes; none without a scanner.
    pub pass_days: Option<f64>,
    /// How often users read a place, as a multiple.
    pub users: f64,
    /// How long a rate of defects takes to double, as a multiple.
    pub doubling: f64,
    /// How many defects a disk survives, as a multiple.
    pub damage: f64,
    /// The probability that a defect of a disk that degrades lies beside the one before.
    pub beside: f64,
    /// The part of the disks that degrade of which reads are slow, or need a retry, before they fail.
    pub early: f64,
    /// The part of all disks that have errors without a meaning within two years: 8.5 % of nearline disks had errors in
    /// 32 months (Bairavasundaram).
    pub errors: f64,
    /// How many slow reads, retries and errors without a meaning a disk has, as a multiple.
    pub background: f64,
    /// How long a storm takes, as a multiple: what happens in it does not get more.
    pub storm_length: f64,
}

impl World {
    /// Two years of disks of 2 TB.
    pub const USUAL: World = World {
        days: 730.0,
        regions: REGIONS,
        pass_days: Some(14.0),
        users: 1.0,
        doubling: 1.0,
        damage: 1.0,
        beside: 0.35,
        early: 0.6,
        errors: 0.064,
        background: 1.0,
        storm_length: 1.0,
    };

    /// A time that the generators have for disks of two years.
    pub fn of_two_years(&self, days: f64) -> f64 {
        days * (self.days / World::USUAL.days)
    }

    /// One guess otherwise, each.
    pub fn others() -> Vec<(&'static str, World)> {
        let usual = World::USUAL;
        vec![
            ("as above", usual),
            (
                "all grows twice as fast",
                World {
                    doubling: 0.5,
                    ..usual
                },
            ),
            (
                "all grows half as fast",
                World {
                    doubling: 2.0,
                    ..usual
                },
            ),
            (
                "disks survive half as many defects",
                World {
                    damage: 0.5,
                    ..usual
                },
            ),
            (
                "disks survive twice as many",
                World {
                    damage: 2.0,
                    ..usual
                },
            ),
            (
                "disks survive a quarter as many",
                World {
                    damage: 0.25,
                    ..usual
                },
            ),
            (
                "defects lie anywhere",
                World {
                    beside: 0.0,
                    ..usual
                },
            ),
            (
                "70 % of them beside another",
                World {
                    beside: 0.7,
                    ..usual
                },
            ),
            (
                "no early signs",
                World {
                    early: 0.0,
                    ..usual
                },
            ),
            (
                "a pass in 28 days",
                World {
                    pass_days: Some(28.0),
                    ..usual
                },
            ),
            (
                "no scanner, users alone",
                World {
                    pass_days: None,
                    ..usual
                },
            ),
            (
                "users read a tenth as often",
                World {
                    users: 0.1,
                    ..usual
                },
            ),
            (
                "disks of 250 GB",
                World {
                    regions: REGIONS / 8,
                    ..usual
                },
            ),
            (
                "disks of 20 TB",
                World {
                    regions: REGIONS * 10,
                    ..usual
                },
            ),
            (
                "five times the background",
                World {
                    background: 5.0,
                    ..usual
                },
            ),
            (
                "storms of the same size, 50 times as long",
                World {
                    storm_length: 50.0,
                    ..usual
                },
            ),
        ]
    }
}
