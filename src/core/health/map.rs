// SPDX-License-Identifier: GPL-2.0-only

//! The health map: what is known of regions where something happened. Of all others nothing is kept.
//!
//! Time is in hours that were watched, the predictor's clock.

mod codec;
mod left_out;
pub(super) mod score;

pub use codec::RECORD_BYTES;
pub use score::{Level, DANGER, PERFECT, WARNING};

use crate::{
    health::{fixed::decay, Region, What},
    mem::{Buf, NoMemory},
    search::first_not,
};
use left_out::{Kept, KEPT};

/// How many regions are kept at most.
pub const MOST: usize = 8192;

/// An error of full weight.
const WEIGHT: u32 = 256;

/// 2^(-1/720) in units of 2^-32: what is left of a weight after an hour, if half is left after 30 days. Another error
/// comes within a month on 55 to 62 % of the disks that had one (Bairavasundaram): after a quiet month, the odds have
/// halved.
const HALF_IN_A_MONTH: u32 = 4_290_834_502;

/// Regions that were quiet for so long are forgotten: half a year, in hours.
const FORGET: u32 = 180 * 24;

/// What is known of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which one.
    pub region: Region,
    /// The hour of the first thing that happened there.
    pub first: u32,
    /// The hour of the last one that says something of the medium: what was remapped has been dealt with.
    pub last: u32,
    /// Errors and, for a quarter each, recovered reads, decayed up to `last`.
    weight: u32,
    /// Errors.
    pub errors: u16,
    /// Reads that a retry gave.
    pub recovered: u16,
    /// Slow reads.
    pub slow: u16,
    /// Blocks that were remapped.
    pub remapped: u16,
    /// How long reads take, as a multiple of the device's median in units of 1/16: a running mean of four.
    pub latency: u16,
    /// Hours from the last error or retry to `last`: a slow read is none.
    calm: u16,
}

/// What a record takes. Capacities are powers of two, and so is what an allocator then gives: this, times the capacity.
/// It doubles when it is full and shrinks when half would do, so no region that was touched costs more than 64 bytes.
const MEMORY: usize = size_of::<Record>().next_power_of_two();

const _: () = assert!(MEMORY == 32);

impl Record {
    const fn new(region: Region, hour: u32) -> Record {
        Record {
            region,
            first: hour,
            last: hour,
            weight: 0,
            errors: 0,
            recovered: 0,
            slow: 0,
            remapped: 0,
            latency: 16,
            calm: 0,
        }
    }

    /// The hour of its last error or retry.
    pub fn failed(&self) -> Option<u32> {
        let last = self.last.saturating_sub(self.calm.into());
        (self.errors > 0 || self.recovered > 0).then_some(last)
    }

    /// The weight of its errors at `hour`.
    fn weight(&self, hour: u32) -> u32 {
        let quiet = hour.saturating_sub(self.last);
        let left = decay(self.weight.into(), quiet.into(), HALF_IN_A_MONTH);
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// Adds what happened at `hour`; without a weight it was no failure.
    fn add(&mut self, hour: u32, weight: u32) {
        self.weight = self.weight(hour).saturating_add(weight);
        let calm = hour.saturating_sub(self.last);
        let calm = u16::try_from(calm).unwrap_or(u16::MAX);
        let calm = self.calm.saturating_add(calm);
        self.calm = if weight > 0 { 0 } else { calm };
        self.last = self.last.max(hour);
    }
}

/// The map.
#[derive(Debug)]
pub struct HealthMap {
    /// By region, each once.
    records: Buf<Record>,
    /// Regions that were forgotten for want of room or memory.
    forgotten: u64,
    /// Records as they were before what waits to be counted.
    kept: [Kept; KEPT],
}

impl HealthMap {
    /// An empty one, which takes no memory.
    pub const fn new() -> HealthMap {
        HealthMap {
            records: Buf::new(),
            forgotten: 0,
            kept: [Kept::NONE; KEPT],
        }
    }

    /// Takes note of what happened in a region. When memory is refused the least telling region makes room, and
    /// [`NoMemory`] says that something was forgotten, or not taken in where there was nothing yet.
    pub fn note(&mut self, hour: u32, region: Region, what: What) -> Result<(), NoMemory> {
        self.change(hour, region, |record| {
            let (count, weight) = match what {
                What::Error => (&mut record.errors, WEIGHT),
                What::Recovered => (&mut record.recovered, WEIGHT / 4),
                What::Slow => (&mut record.slow, 0),
                What::Transport => return,
            };
            *count = count.saturating_add(1);
            record.add(hour, weight);
        })
    }

    /// Takes note that blocks in a region were remapped.
    pub fn note_remapped(
        &mut self,
        hour: u32,
        region: Region,
        blocks: u16,
    ) -> Result<(), NoMemory> {
        self.change(hour, region, |record| {
            record.remapped = record.remapped.saturating_add(blocks);
        })
    }

    /// Takes note of how long a read took, as a multiple of the median in units of 1/16: of a region that is tracked.
    /// What is slow is [noted](Self::note) besides.
    pub fn note_latency(&mut self, region: Region, times: u32) {
        let at = self.find(region);
        if let Some(record) = self.records.as_mut_slice().get_mut(at) {
            if record.region == region {
                let sum = u32::from(record.latency).saturating_mul(3);
                let mean = sum.saturating_add(times.min(16_000)).wrapping_shr(2);
                record.latency = u16::try_from(mean).unwrap_or(u16::MAX);
            }
        }
    }

    /// What is known of a region.
    pub fn get(&self, region: Region) -> Option<&Record> {
        let record = self.records().get(self.find(region))?;
        (record.region == region).then_some(record)
    }

    /// All that is known, by region.
    pub fn records(&self) -> &[Record] {
        self.records.as_slice()
    }

    /// How much memory it takes, as the kernel's allocator counts.
    pub fn memory_bytes(&self) -> usize {
        self.records.capacity().saturating_mul(MEMORY)
    }

    /// Regions that were forgotten for want of room or memory.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Forgets what was quiet for half a year, and gives back memory if much is unused: to be called once a day.
    pub fn age(&mut self, hour: u32) {
        let all = self.records.as_mut_slice();
        let mut kept = 0usize;
        for i in 0..all.len() {
            let stays = |r: &Record| hour.saturating_sub(r.last) < FORGET;
            if all.get(i).is_some_and(stays) {
                // `kept` never overtakes `i`.
                all.swap(kept.min(i), i);
                kept = kept.saturating_add(1);
            }
        }
        self.records.truncate(kept);
        if room_for(kept) < self.records.capacity() {
            self.shrink();
        }
    }

    /// The same records in less memory, if there is any to build them in.
    fn shrink(&mut self) {
        let mut small = Buf::new();
        let records = self.records.as_slice();
        if !records.is_empty() && small.try_reserve(room_for(records.len())).is_err() {
            return;
        }
        for &record in records {
            if small.push_within(record).is_err() {
                return;
            }
        }
        self.records = small;
    }

    fn find(&self, region: Region) -> usize {
        first_not(self.records(), |r| r.region < region)
    }

    fn change(
        &mut self,
        hour: u32,
        region: Region,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), NoMemory> {
        let mut result = Ok(());
        let mut at = self.find(region);
        if self.records().get(at).is_none_or(|r| r.region != region) {
            if self.records().len() >= MOST {
                self.forget_least(hour);
                at = self.find(region);
            }
            let record = Record::new(region, hour);
            if self.records.insert(at, record).is_err() {
                result = Err(NoMemory);
                if !self.forget_least(hour) {
                    return result;
                }
                // There is room for one now.
                at = self.find(region);
                self.records.insert(at, record)?;
            }
        }
        if let Some(record) = self.records.as_mut_slice().get_mut(at) {
            change(record);
        }
        result
    }

    /// Forgets the region that tells least; `false` if there is none. The one that is about to come in may tell
    /// less: but it is what happens now.
    fn forget_least(&mut self, hour: u32) -> bool {
        let records = self.records().iter();
        let least = records.min_by_key(|r| (r.telling(hour), r.last));
        let Some(region) = least.map(|r| r.region) else {
            return false;
        };
        let at = self.find(region);
        let removed = self.records.remove(at).is_some();
        self.forgotten = self.forgotten.saturating_add(removed.into());
        removed
    }
}

impl Default for HealthMap {
    fn default() -> Self {
        HealthMap::new()
    }
}

/// The capacity for so many records.
fn room_for(records: usize) -> usize {
    match records {
        0 => 0,
        n => n.checked_next_power_of_two().unwrap_or(n),
    }
}
