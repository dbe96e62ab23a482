// SPDX-License-Identifier: GPL-2.0-only

//! What an administrator may say of the scan, and what each step of intensity means.

use crate::health::scan::order::Order;

/// What can be set, and its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How often a scan begins, in milliseconds.
    pub interval_ms: u32,
    /// How much it reads; `None`: as much as makes a pass in [`cycle_days`](Self::cycle_days).
    pub sectors_per_scan: Option<u32>,
    /// Days for a pass.
    pub cycle_days: u32,
    /// From 1 to 10.
    pub intensity: u32,
    /// The order of a pass.
    pub order: Order,
    /// KiB/s that are read however busy the disk is; 0: none.
    pub speed_min: u32,
    /// KiB/s that are never exceeded; 0: no limit.
    pub speed_max: u32,
}

/// A setting that makes no sense; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

impl Settings {
    /// What a device begins with.
    pub const DEFAULT: Settings = Settings {
        interval_ms: 60_000,
        sectors_per_scan: None,
        cycle_days: 14,
        intensity: 5,
        order: Order::Staggered,
        // One read a second on a disk that never rests.
        speed_min: 128,
        speed_max: 0,
    };

    /// These settings, if all are within their bounds.
    pub fn checked(self) -> Result<Settings, Invalid> {
        let fits = (100..=86_400_000).contains(&self.interval_ms)
            && self.sectors_per_scan.is_none_or(|n| n > 0)
            && (1..=365).contains(&self.cycle_days)
            && (1..=10).contains(&self.intensity)
            && (self.speed_max == 0 || self.speed_min <= self.speed_max);
        if fits {
            Ok(self)
        } else {
            Err(Invalid)
        }
    }

    pub(super) fn step(&self) -> Step {
        let at = usize::try_from(self.intensity.saturating_sub(1)).unwrap_or(0);
        STEPS.get(at).copied().unwrap_or(Step::DEFAULT)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings::DEFAULT
    }
}

/// What a step of intensity means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Sectors in a read: a user's request that comes in between waits for one of them at most.
    pub read: u16,
    /// How long the disk has to be idle before it is used, in milliseconds. The longer it was idle, the longer it
    /// will be (Amvrosiadis): who waits meets few users, and then reads on for as long as it lasts.
    pub patience: u16,
    /// How long to rest after each read, as a multiple of what the read took.
    pub rest: u8,
}

impl Step {
    const fn new(read: u16, patience: u16, rest: u8) -> Step {
        Step {
            read,
            patience,
            rest,
        }
    }

    const DEFAULT: Step = Step::new(256, 200, 0);
}

/// The steps of intensity, from 1 to 10.
pub const STEPS: [Step; 10] = [
    Step::new(64, 2000, 8),
    Step::new(128, 1000, 4),
    Step::new(128, 500, 2),
    Step::new(256, 300, 1),
    Step::DEFAULT,
    Step::new(512, 100, 0),
    Step::new(512, 50, 0),
    Step::new(1024, 30, 0),
    Step::new(2048, 15, 0),
    Step::new(2048, 0, 0),
];
