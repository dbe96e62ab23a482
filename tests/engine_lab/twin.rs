// SPDX-License-Identifier: GPL-2.0-only

//! The naive twin: which values each sector may have, now and after a power cut.

use dm_remap_core::units::SECTOR_BYTES;

use super::disk::Cell;

#[derive(Clone)]
struct Known {
    /// Every value that was ever begun to be written, in order.
    history: Vec<u64>,
    /// What a read may give now: more than one while a write is under way, or after one that failed.
    now: Vec<u64>,
    /// What may be there after a power cut.
    durable: Vec<u64>,
    /// Writes under way.
    writing: u32,
    /// Several are, or were just now: which of them comes last is not known.
    mixed: bool,
}

#[derive(Clone)]
pub struct Twin {
    sectors: Vec<Known>,
    last: u64,
}

/// What sector `at` looks like with `value` in it.
pub fn cell(at: u64, value: u64) -> Cell {
    let mut cell = [0x5a; SECTOR_BYTES];
    cell[..8].copy_from_slice(&value.to_le_bytes());
    cell[8..16].copy_from_slice(&(at + 1).to_le_bytes());
    cell
}

/// The value that sector `at` holds.
fn value(at: u64, data: &[u8]) -> u64 {
    let word = |r: std::ops::Range<usize>| u64::from_le_bytes(data[r].try_into().expect("eight"));
    let found = word(0..8);
    assert_eq!(
        data,
        &cell(at, found)[..],
        "sector {at} holds what was never written there (place {})",
        word(8..16).wrapping_sub(1)
    );
    found
}

impl Twin {
    pub fn new(len: u64) -> Twin {
        let fresh = Known {
            history: vec![0],
            now: vec![0],
            durable: vec![0],
            writing: 0,
            mixed: false,
        };
        Twin {
            sectors: vec![fresh; len as usize],
            last: 0,
        }
    }

    fn range(&mut self, start: u64, len: u32) -> &mut [Known] {
        &mut self.sectors[start as usize..start as usize + len as usize]
    }

    /// No write is under way there.
    pub fn is_quiet(&self, start: u64, len: u32) -> bool {
        let range = start as usize..start as usize + len as usize;
        self.sectors[range].iter().all(|k| k.writing == 0)
    }

    /// A write begins: its data.
    pub fn begin_write(&mut self, start: u64, len: u32) -> Vec<u8> {
        self.last += 1;
        let new = self.last;
        for known in self.range(start, len) {
            known.history.push(new);
            known.now.push(new);
            known.durable.push(new);
            known.mixed |= known.writing > 0;
            known.writing += 1;
        }
        (start..start + u64::from(len))
            .flat_map(|at| cell(at, new))
            .collect()
    }

    /// It has ended. With another one under way at the same place, either may be there.
    pub fn end_write(&mut self, start: u64, len: u32, data: &[u8], fua: bool, ok: bool) {
        for (i, known) in self.range(start, len).iter_mut().enumerate() {
            known.writing -= 1;
            let mixed = known.mixed;
            known.mixed &= known.writing > 0;
            if ok && !mixed {
                let new = value(start + i as u64, &data[i * SECTOR_BYTES..][..SECTOR_BYTES]);
                known.now = vec![new];
                if fua {
                    known.durable = vec![new];
                }
            }
        }
    }

    /// A flush has ended.
    pub fn flushed(&mut self) {
        for known in &mut self.sectors {
            known.durable = known.now.clone();
        }
    }

    /// How much of each sector's history a read that begins now may not go behind.
    pub fn known(&self, start: u64, len: u32) -> Vec<usize> {
        let range = start as usize..start as usize + len as usize;
        let oldest = |k: &Known| {
            let is_now = |v: &u64| k.now.contains(v);
            k.history.iter().position(is_now).expect("some value")
        };
        self.sectors[range].iter().map(oldest).collect()
    }

    /// A read has succeeded, that began when `known` was true.
    pub fn check_read(&self, start: u64, data: &[u8], known: &[usize]) {
        for (i, (data, &since)) in data.chunks(SECTOR_BYTES).zip(known).enumerate() {
            let at = start + i as u64;
            let found = value(at, data);
            let may = &self.sectors[at as usize].history[since..];
            assert!(may.contains(&found), "sector {at}: {found}, not of {may:?}");
        }
    }

    /// A read of a quiet sector gave this, so this is there.
    pub fn saw(&mut self, at: u64, data: &[u8]) {
        let found = value(at, data);
        let known = &mut self.sectors[at as usize];
        assert!(
            known.now.contains(&found),
            "sector {at}: {found}, not of {:?}",
            known.now
        );
        known.now = vec![found];
    }

    /// After a power cut.
    pub fn cut(&mut self) {
        for known in &mut self.sectors {
            known.now = known.durable.clone();
            known.writing = 0;
            known.mixed = false;
        }
    }
}
