// SPDX-License-Identifier: GPL-2.0-only
//! What the device has promised, as the marks in a log tell it.

use std::collections::HashMap;

use anyhow::{Context, Result};

use super::recorder::Event;
use crate::pattern::generation;

/// What a mark says. Its id is that of the operation; a write's is the generation of its sectors.
pub const BEGIN_WRITE: u8 = 1;
pub const BEGIN_FLUSH: u8 = 2;
pub const END: u8 = 3;
/// The device is up (flags 1) or it is gone.
pub const UP: u8 = 4;
/// From here on cuts are made (flags 1), or not.
pub const CUTS: u8 = 5;
/// From here on a spare block may lose what it holds.
pub const LOSSY: u8 = 6;

/// Flags of a write, and of an end.
pub const DURABLE: u8 = 1;
pub const ZEROS: u8 = 2;
pub const DISCARDS: u8 = 4;
pub const OK: u8 = 1;

/// What one sector may show: a generation is the number of the operation that wrote it.
#[derive(Clone, Default)]
pub struct Bounds {
    /// The newest generation that has to survive a cut, and the newest that was begun.
    pub low: u32,
    pub high: u32,
    /// The newest that was reported successful.
    pub acked: u32,
    /// The generations that are zeros, discards among them.
    pub zeros: Vec<u32>,
    /// An error may be the answer as well.
    pub may_fail: bool,
}

/// What is wrong with a sector.
pub enum Wrong {
    /// What has to be there is not.
    Loss(String),
    /// It was never written there.
    Garbage(String),
}

impl Bounds {
    /// Judges what sector `number` holds, of which nothing older than `low` may be seen, and tells its
    /// generation.
    pub fn judge(&self, bytes: &[u8], number: u64, low: u32) -> Result<u32, Wrong> {
        let found = match generation(bytes, number) {
            Ok(0) => {
                let zeros = self
                    .zeros
                    .iter()
                    .rev()
                    .find(|z| (low..=self.high).contains(*z));
                zeros.copied().unwrap_or(0)
            }
            Ok(found) => found,
            Err(error) => return Err(Wrong::Garbage(error.to_string())),
        };
        let says = format!("sector {number} holds generation {found}");
        match found {
            _ if found > self.high => Err(Wrong::Garbage(format!("{says}, which is yet to come"))),
            _ if found < low => Err(Wrong::Loss(format!("{says}, and {low} is owed"))),
            _ => Ok(found),
        }
    }

    /// An operation begins that writes the sector, or discards it.
    pub fn begin(&mut self, generation: u32, flags: u8) {
        self.high = generation;
        if flags & (ZEROS | DISCARDS) != 0 {
            self.zeros.push(generation);
        }
    }

    /// It has ended well. A discard promises nothing.
    pub fn end(&mut self, generation: u32, flags: u8) {
        if flags & DISCARDS != 0 {
            return;
        }
        self.acked = generation;
        if flags & DURABLE != 0 {
            self.low = generation;
            self.may_fail = false;
        }
    }
}

/// What the writers of a device share: what each sector may show, and who writes where.
pub struct Shared {
    pub sectors: Vec<Bounds>,
    busy: Vec<(u64, u64)>,
    last: u32,
}

impl Shared {
    /// All is zeros, and nobody writes.
    pub fn new(span: u64) -> Self {
        Shared {
            sectors: vec![Bounds::default(); span as usize],
            busy: Vec::new(),
            last: 0,
        }
    }

    /// The number of the next operation.
    pub fn number(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    /// Begins a write, and gives its number; none while somebody else writes to one of these sectors.
    pub fn begin(&mut self, first: u64, len: u64, flags: u8) -> Option<u32> {
        let overlaps = |&(f, l): &(u64, u64)| first < f + l && f < first + len;
        if self.busy.iter().any(overlaps) {
            return None;
        }
        self.busy.push((first, len));
        let id = self.number();
        for sector in self.range(first, len) {
            sector.begin(id, flags);
        }
        Some(id)
    }

    /// That write has ended.
    pub fn end(&mut self, first: u64, len: u64, id: u32, flags: u8, good: bool) {
        if good {
            for sector in self.range(first, len) {
                sector.end(id, flags);
            }
        }
        self.busy.retain(|range| *range != (first, len));
    }

    fn range(&mut self, first: u64, len: u64) -> &mut [Bounds] {
        &mut self.sectors[first as usize..(first + len) as usize]
    }
}

#[derive(Clone)]
enum Open {
    Write { start: u64, len: u32, flags: u8 },
    Flush(Vec<u32>),
}

#[derive(Clone)]
pub struct Book {
    pub sectors: Vec<Bounds>,
    open: HashMap<u64, Open>,
    /// How often the oldest that is owed has changed.
    pub turns: u64,
    pub cuts: bool,
    /// The device has been up before: it has to come up again.
    pub formatted: bool,
}

impl Book {
    pub fn new(sectors: u64) -> Self {
        Book {
            sectors: vec![Bounds::default(); sectors as usize],
            open: HashMap::new(),
            turns: 0,
            cuts: true,
            formatted: false,
        }
    }

    pub fn advance(&mut self, mark: &Event) -> Result<()> {
        let id = mark.id;
        let generation = id as u32;
        match mark.disk {
            BEGIN_WRITE => {
                let (start, len, flags) = (mark.sector, mark.sectors, mark.flags);
                for sector in self.range(start, len)? {
                    sector.begin(generation, flags);
                }
                self.open.insert(id, Open::Write { start, len, flags });
            }
            BEGIN_FLUSH => {
                let acked = self.sectors.iter().map(|s| s.acked).collect();
                self.open.insert(id, Open::Flush(acked));
            }
            END => {
                let open = self.open.remove(&id).context("an end of nothing")?;
                if mark.flags & OK != 0 {
                    self.end(generation, open)?;
                }
            }
            UP => {
                self.formatted = true;
                self.turns += 1;
            }
            CUTS => self.cuts = mark.flags & 1 != 0,
            LOSSY => self.sectors.iter_mut().for_each(|s| s.may_fail = true),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, generation: u32, open: Open) -> Result<()> {
        match open {
            Open::Write { start, len, flags } => {
                self.turns += u64::from(flags & DURABLE);
                for sector in self.range(start, len)? {
                    sector.end(generation, flags);
                }
            }
            Open::Flush(acked) => {
                self.turns += 1;
                for (sector, acked) in self.sectors.iter_mut().zip(acked) {
                    sector.low = sector.low.max(acked);
                }
            }
        }
        Ok(())
    }

    fn range(&mut self, start: u64, len: u32) -> Result<&mut [Bounds]> {
        let range = start as usize..start as usize + len as usize;
        let sectors = self.sectors.get_mut(range);
        sectors.context("a mark behind the end of the device")
    }
}
