// SPDX-License-Identifier: GPL-2.0-only

//! What the map keeps over a restart: as many of its records as there is room for, the most telling ones.

use crate::{
    health::{
        fixed::count_if,
        map::{room_for, HealthMap, Record, MOST},
        Region,
    },
    mem::{Buf, NoMemory},
    wire::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, U16, U32},
};

/// How long a record is.
pub const RECORD_BYTES: usize = 28;

/// A record on the disk.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    region: U32,
    first: U32,
    last: U32,
    weight: U32,
    errors: U16,
    recovered: U16,
    slow: U16,
    remapped: U16,
    latency: U16,
    calm: U16,
}

const _: () = assert!(size_of::<Raw>() == RECORD_BYTES);

impl HealthMap {
    /// Writes records, in order, and tells how many bytes they are.
    pub fn encode(&self, hour: u32, to: &mut [u8]) -> usize {
        let room = to.len().wrapping_div(RECORD_BYTES);
        let least = self.least_of_the_first(hour, room);
        // Of those that tell just too little to be sure of a place as many as there are places left.
        let sure = count_if(self.records(), &|r| r.telling(hour) >= least);
        let mut left = room.saturating_sub(usize::try_from(sure).unwrap_or(room));
        let mut chosen = self.records().iter().filter(|r| {
            let telling = r.telling(hour);
            let next = telling.saturating_add(1) == least && left > 0;
            left = left.saturating_sub(next.into());
            next || telling >= least
        });
        let mut bytes = 0usize;
        for place in to.chunks_exact_mut(RECORD_BYTES) {
            let Some(record) = chosen.next() else {
                break;
            };
            let _ = put(record).write_to(place);
            bytes = bytes.saturating_add(RECORD_BYTES);
        }
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote. What is not in order, or too much, ends it: the rest is ignored.
    pub fn decode(from: &[u8]) -> Result<HealthMap, NoMemory> {
        let count = from.len().wrapping_div(RECORD_BYTES).min(MOST);
        let mut records = Buf::new();
        if count > 0 {
            records.try_reserve(room_for(count))?;
        }
        let mut before = None;
        for place in from.chunks_exact(RECORD_BYTES).take(count) {
            let Ok(raw) = Raw::read_from_bytes(place) else {
                break;
            };
            let record = get(&raw);
            if before >= Some(record.region) {
                break;
            }
            before = Some(record.region);
            // There is room for all of them.
            records.push_within(record).map_err(|_| NoMemory)?;
        }
        Ok(HealthMap {
            records,
            ..HealthMap::new()
        })
    }

    /// The least that a record tells of the `room` most telling ones: by halving, since there may be no memory
    /// to sort them in.
    fn least_of_the_first(&self, hour: u32, room: usize) -> u32 {
        let fits = |least| {
            let records = self.records();
            let more = count_if(records, &|r| r.telling(hour) >= least);
            usize::try_from(more).is_ok_and(|more| more <= room)
        };
        // What is certain to be too little, and what is certain to be enough.
        let (mut low, mut high) = (0u32, 2048u32);
        if fits(low) {
            return low;
        }
        while high.saturating_sub(low) > 1 {
            let middle = low.midpoint(high);
            if fits(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }
}

fn put(record: &Record) -> Raw {
    Raw {
        region: record.region.0.into(),
        first: record.first.into(),
        last: record.last.into(),
        weight: record.weight.into(),
        errors: record.errors.into(),
        recovered: record.recovered.into(),
        slow: record.slow.into(),
        remapped: record.remapped.into(),
        latency: record.latency.into(),
        calm: record.calm.into(),
    }
}

fn get(raw: &Raw) -> Record {
    let first = raw.first.get();
    Record {
        region: Region(raw.region.get()),
        first,
        last: raw.last.get().max(first),
        weight: raw.weight.get(),
        errors: raw.errors.get(),
        recovered: raw.recovered.get(),
        slow: raw.slow.get(),
        remapped: raw.remapped.get(),
        latency: raw.latency.get(),
        calm: raw.calm.get(),
    }
}
