// SPDX-License-Identifier: GPL-2.0-only
//! How long one I/O takes by the guest's own clock, which counts instructions when QEMU is told so.

use std::time::Instant;

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
