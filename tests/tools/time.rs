// SPDX-License-Identifier: GPL-2.0-only
//! How long one I/O takes by the guest's own clock, which counts instructions when QEMU is told so.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Result};

use crate::pattern::{mix, Buffer, Device};

/// Sectors of one I/O: 4 KiB.
const LEN: u64 = 8;

/// I/O before the first that counts, for caches and branches in the kernel that learn.
const WARM_UP: u64 = 300;

/// Runs of which the cheapest counts: what timers and other tasks add to the rest is not the path's.
const RUNS: usize = 15;

/// The nanoseconds that one of `count` I/Os takes, at places of `span` sectors from `from` on, in the
/// cheapest of several runs.
pub fn run(device: &str, write: bool, from: u64, span: u64, count: u64) -> Result<f64> {
    ensure!(span >= LEN && count > 0, "nothing to measure");
    let device = Device::open(device)?;
    let mut buffer = Buffer::new(LEN as usize)?;
    let mut seed = 1;
    let mut one = |count: u64| -> Result<f64> {
        // The places are chosen before the clock runs.
        let places: Vec<u64> = (0..count)
            .map(|_| from + mix(&mut seed) % (span / LEN) * LEN)
            .collect();
        let start = Instant::now();
        for &at in &places {
            if write {
                device.write(&buffer, at, false)?;
            } else {
                device.read(&mut buffer, at)?;
            }
        }
        Ok(start.elapsed().as_nanos() as f64 / count as f64)
    };
    one(WARM_UP)?;
    (0..RUNS).try_fold(f64::INFINITY, |least, _| Ok(least.min(one(count)?)))
}

/// A user who comes and goes.
pub struct Bursts {
    pub write: bool,
    /// Places of `span` sectors from `from` on.
    pub from: u64,
    pub span: u64,
    /// I/Os in all, and in a row.
    pub count: u64,
    pub burst: u64,
    /// How long there are none then.
    pub pause_ms: u64,
}

impl Bursts {
    /// One I/O after the other: the nanoseconds of one in the mean, pauses aside, and those that 99 of a hundred do
    /// not exceed.
    pub fn run(&self, device: &str) -> Result<(u64, u64)> {
        ensure!(
            self.span >= LEN && self.count > 0 && self.burst > 0,
            "nothing to measure"
        );
        let device = Device::open(device)?;
        let mut buffer = Buffer::new(LEN as usize)?;
        let mut seed = 1;
        let mut took = Vec::with_capacity(self.count as usize);
        for n in 0..self.count {
            if n % self.burst == 0 && self.pause_ms > 0 {
                thread::sleep(Duration::from_millis(self.pause_ms));
            }
            let at = self.from + mix(&mut seed) % (self.span / LEN) * LEN;
            let start = Instant::now();
            if self.write {
                device.write(&buffer, at, false)?;
            } else {
                device.read(&mut buffer, at)?;
            }
            took.push(start.elapsed().as_nanos() as u64);
        }
        let each = took.iter().sum::<u64>() / self.count;
        took.sort_unstable();
        Ok((each, took[(took.len() - 1) * 99 / 100]))
    }
}
