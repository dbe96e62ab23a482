// SPDX-License-Identifier: GPL-2.0-only
//! Concurrent writers and readers on one device.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;

use anyhow::{anyhow, bail, ensure, Context, Result};

use crate::ledger::{self, Bounds, Sector};
use crate::pattern::{fill, is_mixture, mix, Buffer, Device, SECTOR};

/// How many places are looked at before a writer waits for another one's end.
const CHOICES: u64 = 16;

pub struct Plan {
    pub device: String,
    pub from: u64,
    pub count: u64,
    pub writers: u64,
    pub readers: u64,
    /// Writes in all.
    pub writes: u64,
    /// The longest write, in sectors, and what every write is a multiple of.
    pub longest: u64,
    pub unit: u64,
    pub record: Option<String>,
    /// Failed writes do not end it.
    pub errors_ok: bool,
    pub seed: u64,
}

struct Shared<'p> {
    plan: &'p Plan,
    state: Mutex<State>,
    /// A range is no longer written.
    freed: Condvar,
    stop: AtomicBool,
    errors: AtomicU64,
    flushes: AtomicU64,
    reads: AtomicU64,
}

struct State {
    sectors: Vec<Sector>,
    /// Ranges that are being written. No sector is written by two at a time, or nobody could say
    /// which of them it shows; the sectors of one block often are.
    busy: Vec<(u64, u64)>,
    begun: u64,
}

impl Shared<'_> {
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        self.state
            .lock()
            .map_err(|_| anyhow!("another thread panicked"))
    }
}

pub fn run(plan: &Plan) -> Result<()> {
    ensure!(
        plan.count >= plan.longest && plan.longest >= plan.unit,
        "the range is too small"
    );
    ensure!(plan.writers > 0 && plan.unit > 0, "nothing to write");
    let shared = Shared {
        plan,
        state: Mutex::new(State {
            sectors: vec![Sector::default(); plan.count as usize],
            busy: Vec::new(),
            begun: 0,
        }),
        freed: Condvar::new(),
        stop: AtomicBool::new(false),
        errors: AtomicU64::new(0),
        flushes: AtomicU64::new(0),
        reads: AtomicU64::new(0),
    };
    let shared = &shared;
    thread::scope(|scope| -> Result<()> {
        let mut threads = Vec::new();
        for n in 0..plan.writers {
            threads.push(scope.spawn(move || guard(shared, writer(shared, n))));
        }
        let mut others = Vec::new();
        for n in 0..plan.readers {
            others.push(scope.spawn(move || guard(shared, reader(shared, n))));
        }
        let mut results = Vec::new();
        results.extend(threads.into_iter().map(|t| t.join()));
        shared.stop.store(true, Ordering::Relaxed);
        results.extend(others.into_iter().map(|t| t.join()));
        for result in results {
            result.map_err(|_| anyhow!("a thread panicked"))??;
        }
        Ok(())
    })?;
    if let Some(path) = &plan.record {
        // Everything has come to rest: what was acknowledged is what there is.
        let state = shared.lock()?;
        let bounds = state
            .sectors
            .iter()
            .map(|s| (s.floor(), s.acknowledged.max(s.failed)));
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        ledger::append(&mut file, "end", &Bounds(bounds.collect()))?;
    }
    println!(
        "{} writes, {} failed, {} flushes, {} reads",
        plan.writes,
        shared.errors.load(Ordering::Relaxed),
        shared.flushes.load(Ordering::Relaxed),
        shared.reads.load(Ordering::Relaxed),
    );
    Ok(())
}

/// One thread's failure ends the others.
fn guard<T>(shared: &Shared<'_>, result: Result<T>) -> Result<T> {
    if result.is_err() {
        shared.stop.store(true, Ordering::Relaxed);
    }
    result
}

fn writer(shared: &Shared<'_>, n: u64) -> Result<()> {
    let plan = shared.plan;
    let device = Device::open(&plan.device)?;
    let mut buffer = Buffer::new(plan.longest as usize)?;
    let mut seed = plan.seed.wrapping_mul(31).wrapping_add(n);
    while !shared.stop.load(Ordering::Relaxed) {
        let Some((first, len)) = begin(shared, &mut seed, &mut buffer)? else {
            return Ok(());
        };
        let chance = mix(&mut seed) % 8;
        let bytes = &buffer[..len as usize * SECTOR];
        let result = device.write(bytes, plan.from + first, chance == 0);
        finish(shared, first, len, &result)?;
        if let Err(error) = result {
            shared.errors.fetch_add(1, Ordering::Relaxed);
            if !plan.errors_ok {
                bail!(
                    "cannot write {len} sectors at {}: {error}",
                    plan.from + first
                );
            }
        }
        if chance == 1 {
            device.flush().context("the flush failed")?;
            shared.flushes.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Takes a range that nobody writes and fills the buffer with its next generation.
fn begin(shared: &Shared<'_>, seed: &mut u64, buffer: &mut [u8]) -> Result<Option<(u64, u64)>> {
    let plan = shared.plan;
    let mut state = shared.lock()?;
    for choice in 1u64.. {
        if state.begun == plan.writes {
            return Ok(None);
        }
        let len = (mix(seed) % (plan.longest / plan.unit) + 1) * plan.unit;
        let first = mix(seed) % ((plan.count - len) / plan.unit + 1) * plan.unit;
        if state
            .busy
            .iter()
            .any(|(f, l)| first < f + l && *f < first + len)
        {
            if choice % CHOICES == 0 {
                // Perhaps there is no other place, and who writes there needs the lock to say that it has ended.
                let freed = shared.freed.wait(state);
                state = freed.map_err(|_| anyhow!("another thread panicked"))?;
            }
            continue;
        }
        state.busy.push((first, len));
        state.begun += 1;
        for n in 0..len {
            let sector = &mut state.sectors[(first + n) as usize];
            sector.submitted += 1;
            let at = n as usize * SECTOR;
            fill(
                &mut buffer[at..at + SECTOR],
                plan.from + first + n,
                sector.submitted,
            );
        }
        return Ok(Some((first, len)));
    }
    Ok(None)
}

fn finish(shared: &Shared<'_>, first: u64, len: u64, result: &std::io::Result<()>) -> Result<()> {
    let mut state = shared.lock()?;
    for sector in &mut state.sectors[first as usize..(first + len) as usize] {
        match result {
            Ok(()) => sector.acknowledged = sector.submitted,
            Err(_) => sector.failed = sector.submitted,
        }
    }
    state.busy.retain(|range| *range != (first, len));
    shared.freed.notify_all();
    Ok(())
}

fn reader(shared: &Shared<'_>, n: u64) -> Result<()> {
    let plan = shared.plan;
    let device = Device::open(&plan.device)?;
    let mut buffer = Buffer::new(plan.longest as usize)?;
    let mut seed = plan.seed.wrapping_mul(37).wrapping_add(1000 + n);
    while !shared.stop.load(Ordering::Relaxed) {
        let len = (mix(&mut seed) % (plan.longest / plan.unit) + 1) * plan.unit;
        let first = mix(&mut seed) % ((plan.count - len) / plan.unit + 1) * plan.unit;
        let range = first as usize..(first + len) as usize;
        let low: Vec<u32> = shared.lock()?.sectors[range.clone()]
            .iter()
            .map(Sector::floor)
            .collect();
        let bytes = &mut buffer[..len as usize * SECTOR];
        let result = device.read(bytes, plan.from + first);
        let high: Vec<u32> = shared.lock()?.sectors[range]
            .iter()
            .map(|s| s.submitted)
            .collect();
        if let Err(error) = result {
            bail!(
                "cannot read {len} sectors at {}: {error}",
                plan.from + first
            );
        }
        let bounds: Vec<(u32, u32)> = low.into_iter().zip(high).collect();
        for ((n, sector), &(low, high)) in (plan.from + first..)
            .zip(bytes.chunks_exact(SECTOR))
            .zip(&bounds)
        {
            // A disk in memory is read while it is written: then each byte is one generation's.
            if low == high || !is_mixture(sector, n, low..=high) {
                ledger::compare(sector, n, &[(low, high)])?;
            }
        }
        shared.reads.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
