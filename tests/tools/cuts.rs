// SPDX-License-Identifier: GPL-2.0-only
//! Disks as power cuts leave them.

use std::collections::HashMap;

use anyhow::{bail, ensure, Context, Result};

use crate::dm::Control;
use crate::ledger;
use crate::log::{Entry, Log};
use crate::pattern::{mix, Buffer, Device, SECTOR};

/// One of the disks that lose their power together.
struct Disk {
    log: Log,
    entries: Vec<Entry>,
    marks: HashMap<String, usize>,
    disk: Device,
    /// What is durable, after so many of the entries.
    durable: Vec<u8>,
    done: usize,
    /// What the disk held when it had been written to so often.
    shown: Vec<u8>,
    written: Option<u64>,
}

impl Disk {
    fn open(spec: &str) -> Result<Self> {
        let [log, disk] = spec.split(':').collect::<Vec<_>>()[..] else {
            bail!("{spec}: LOG:DISK is wanted");
        };
        let log = Log::open(log)?;
        let entries = log.entries()?;
        let disk = Device::open(disk)?;
        let len = disk.sectors()? as usize * SECTOR;
        Ok(Disk {
            marks: log.marks(&entries)?,
            entries,
            log,
            durable: vec![0; len],
            disk,
            done: 0,
            shown: vec![0; len],
            written: None,
        })
    }

    fn advance(&mut self, mark: &str) -> Result<()> {
        let to = *self
            .marks
            .get(mark)
            .with_context(|| format!("no mark {mark} in a log"))?;
        for entry in self
            .entries
            .get(self.done..to)
            .context("marks in another order")?
        {
            self.log.apply(entry, &mut self.durable)?;
        }
        self.done = to;
        Ok(())
    }

    fn rebuild(&mut self, mark: &str, keep: Option<&mut Random>) -> Result<()> {
        let mut image = Buffer::new(self.durable.len() / SECTOR)?;
        image.copy_from_slice(&self.durable);
        if let Some(random) = keep {
            let mut cached = self.log.cached(&self.entries, self.done, mark)?;
            cached.retain(|_| random.next() & 1 == 0);
            for entry in shuffle(cached, random) {
                self.log.apply(entry, &mut image)?;
            }
        }
        // If nobody else wrote to it since the last time, only what differs.
        let known = self.written == Some(self.disk.writes()?);
        const STEP: usize = 64 << 10;
        let parts = image.chunks(STEP).zip(self.shown.chunks_mut(STEP));
        for (n, (part, shown)) in (0u64..).zip(parts) {
            if !known || part != shown {
                self.disk.write(part, n * (STEP / SECTOR) as u64, false)?;
                shown.copy_from_slice(part);
            }
        }
        self.written = Some(self.disk.writes()?);
        Ok(())
    }
}

/// Goes through the marks `cut-*`. At each it rebuilds the disks, which were zeros at first, twice: with
/// what was durable, then with a random half of what the caches held besides, in a random order.
/// On these it makes a device of the table line, and compares that with the record of the hammer,
/// which began at sector 0.
pub fn run(seed: u64, record: &str, table: &str, disks: &[&str]) -> Result<()> {
    let mut disks: Vec<Disk> = disks.iter().map(|d| Disk::open(d)).collect::<Result<_>>()?;
    let mut marks: Vec<(usize, String)> = disks
        .iter()
        .take(1)
        .flat_map(|disk| &disk.marks)
        .filter(|(name, _)| name.starts_with("cut-"))
        .map(|(name, at)| (*at, name.clone()))
        .collect();
    marks.sort();
    ensure!(!marks.is_empty(), "the log has no cut");
    let mut random = Random(seed);
    let control = Control::open()?;
    let record = ledger::read(record)?;
    for (_, mark) in &marks {
        let bounds = record
            .get(mark)
            .with_context(|| format!("nothing is recorded for {mark}"))?;
        for disk in &mut disks {
            disk.advance(mark)?;
        }
        for variant in ["lost", "half"] {
            for disk in &mut disks {
                disk.rebuild(mark, (variant == "half").then_some(&mut random))?;
            }
            let device = control.create("after-cut", table)?;
            let result = Device::open(&device).and_then(|device| ledger::check(&device, 0, bounds));
            control.remove("after-cut")?;
            result.with_context(|| format!("seed {seed}, {mark}, cache {variant}"))?;
        }
    }
    println!("{} cuts", marks.len());
    Ok(())
}

/// A random order that keeps writes to the same place in theirs.
fn shuffle<'e>(entries: Vec<&'e Entry>, random: &mut Random) -> Vec<&'e Entry> {
    let mut order: Vec<&Entry> = Vec::new();
    for entry in entries {
        let first = order
            .iter()
            .rposition(|e| e.overlaps(entry))
            .map_or(0, |n| n + 1);
        let places = (order.len() - first + 1) as u64;
        order.insert(first + (random.next() % places) as usize, entry);
    }
    order
}

/// The same seed gives the same cuts again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        mix(&mut self.0)
    }
}
