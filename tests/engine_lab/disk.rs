// SPDX-License-Identifier: GPL-2.0-only

//! A disk with a volatile cache, physical blocks, and sectors that fail as planned.

use std::collections::HashMap;

use dm_remap_core::{
    engine::Failure,
    fault::{Fault, Op},
    units::SECTOR_BYTES,
};

use super::rng::Rng;

/// The content of a sector.
pub type Cell = [u8; SECTOR_BYTES];

/// How long a sector fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// For ever.
    Forever,
    /// Until its whole physical block is written.
    Written,
    /// So many times.
    Times(u32),
}

/// Sectors that fail, in one direction. What the range touches of a physical block fails with it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub op: Op,
    pub first: u64,
    pub len: u64,
    pub until: Until,
    pub failure: Failure,
}

pub const MEDIUM: Failure = Failure {
    fault: Fault::Medium,
    code: 7,
};
pub const IOERR: Failure = Failure {
    fault: Fault::Io,
    code: 10,
};
pub const TARGET: Failure = Failure {
    fault: Fault::Target,
    code: 5,
};
pub const TRANSPORT: Failure = Failure {
    fault: Fault::Never,
    code: 4,
};

#[derive(Clone, Default)]
struct Versions {
    durable: Option<Cell>,
    /// What was written since the last flush, in order: a power cut leaves any of them, or none.
    unflushed: Vec<Cell>,
}

#[derive(Clone)]
pub struct Disk {
    pub size: u64,
    pub physical: u64,
    /// How far sector 0 lies past an edge of a physical block.
    pub phase: u64,
    pub plans: Vec<Plan>,
    /// Everything fails so.
    pub dead: Option<Failure>,
    /// After so many more I/Os it is dead.
    pub dies_after: Option<u32>,
    /// Flushes fail so.
    pub flush_fails: Option<Failure>,
    /// Flushes are acknowledged and do nothing: for showing that a test sees it.
    pub lies: bool,
    /// Writes are acknowledged and leave what was there before.
    pub forgets: bool,
    /// Every I/O that reached it: direction, sector, length.
    pub trace: Vec<(Op, u64, u32)>,
    cells: HashMap<u64, Versions>,
    dirty: Vec<u64>,
}

impl Disk {
    pub fn new(size: u64, physical: u64) -> Disk {
        Disk {
            size,
            physical,
            phase: 0,
            plans: Vec::new(),
            dead: None,
            dies_after: None,
            flush_fails: None,
            lies: false,
            forgets: false,
            trace: Vec::new(),
            cells: HashMap::new(),
            dirty: Vec::new(),
        }
    }

    pub fn plan(&mut self, op: Op, first: u64, len: u64, until: Until, failure: Failure) {
        self.plans.push(Plan {
            op,
            first,
            len,
            until,
            failure,
        });
    }

    /// Sector `at` as it is now, without asking the plans.
    pub fn peek(&self, at: u64) -> Cell {
        match self.cells.get(&at) {
            Some(v) => v.unflushed.last().copied().or(v.durable),
            None => None,
        }
        .unwrap_or([0; SECTOR_BYTES])
    }

    /// Some sector of the range's physical blocks was ever planned to fail in this direction.
    pub fn planned(&self, op: Op, at: u64, len: u64) -> bool {
        let (low, high) = self.physical(at, len);
        let hit = |p: &&Plan| p.op == op && p.first < high && p.first + p.len > low;
        self.plans.iter().any(|p| hit(&p))
    }

    fn physical(&self, at: u64, len: u64) -> (u64, u64) {
        (self.edge_before(at), self.edge_after(at + len))
    }

    /// The first sector of the physical block of sector `at`, as far as it is this disk's.
    pub fn edge_before(&self, at: u64) -> u64 {
        let past = (at + self.phase) % self.physical;
        at.saturating_sub(past)
    }

    /// The edge at `end`, or the next one.
    pub fn edge_after(&self, end: u64) -> u64 {
        (end + self.phase).next_multiple_of(self.physical) - self.phase
    }

    /// The first sector of the range that fails, and how.
    fn fails(&mut self, op: Op, at: u64, len: u64) -> Option<(u64, Failure)> {
        match &mut self.dies_after {
            Some(0) => self.dead = Some(IOERR),
            Some(n) => *n -= 1,
            None => {}
        }
        if let Some(failure) = self.dead {
            return Some((at, failure));
        }
        let (low, high) = self.physical(at, len);
        let mut first: Option<(u64, Failure)> = None;
        let (physical, phase) = (self.physical, self.phase);
        for plan in &mut self.plans {
            let (from, to) = (plan.first.max(low), (plan.first + plan.len).min(high));
            if from >= to {
                continue;
            }
            // A write of a part of a physical block reads the rest of it.
            let past = (from + phase) % physical;
            let block = from.saturating_sub(past);
            let whole = at <= block && at + len >= from + physical - past;
            if plan.op != op && !(op == Op::Write && !whole && plan.until != Until::Written) {
                continue;
            }
            if let Until::Times(n) = &mut plan.until {
                if *n == 0 {
                    continue;
                }
                *n -= 1;
            }
            let from = block.max(at);
            if first.is_none_or(|(s, _)| from < s) {
                first = Some((from, plan.failure));
            }
        }
        first
    }

    pub fn read(&mut self, at: u64, buf: &mut [u8]) -> Result<(), Failure> {
        let len = (buf.len() / SECTOR_BYTES) as u64;
        self.trace.push((Op::Read, at, len as u32));
        assert!(at + len <= self.size, "read beyond the end of the disk");
        if let Some((_, failure)) = self.fails(Op::Read, at, len) {
            // What a failing read leaves behind is nobody's data.
            buf.fill(0xee);
            return Err(failure);
        }
        for (i, to) in buf.chunks_mut(SECTOR_BYTES).enumerate() {
            to.copy_from_slice(&self.peek(at + i as u64));
        }
        Ok(())
    }

    pub fn write(&mut self, at: u64, buf: &[u8], fua: bool) -> Result<(), Failure> {
        let len = (buf.len() / SECTOR_BYTES) as u64;
        self.trace.push((Op::Write, at, len as u32));
        assert!(at + len <= self.size, "write beyond the end of the disk");
        let failed = self.fails(Op::Write, at, len);
        let good = failed.map_or(len, |(sector, _)| sector - at);
        if !self.forgets {
            self.put(at, &buf[..good as usize * SECTOR_BYTES], fua);
        }
        match failed {
            Some((_, failure)) => Err(failure),
            None => {
                let healed = |p: &Plan| {
                    p.until == Until::Written && p.first >= at && p.first + p.len <= at + len
                };
                self.plans.retain(|p| !healed(p));
                Ok(())
            }
        }
    }

    /// Puts sectors there, whatever is planned.
    pub fn put(&mut self, at: u64, buf: &[u8], fua: bool) {
        for (i, from) in buf.chunks(SECTOR_BYTES).enumerate() {
            let cell: Cell = from.try_into().expect("whole sectors");
            let versions = self.cells.entry(at + i as u64).or_default();
            if fua {
                versions.durable = Some(cell);
                versions.unflushed.clear();
            } else {
                versions.unflushed.push(cell);
                self.dirty.push(at + i as u64);
            }
        }
    }

    pub fn flush(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.dead.or(self.flush_fails) {
            return Err(failure);
        }
        if !self.lies {
            self.sync();
        }
        Ok(())
    }

    fn sync(&mut self) {
        for at in std::mem::take(&mut self.dirty) {
            let versions = self.cells.entry(at).or_default();
            if let Some(last) = versions.unflushed.pop() {
                versions.durable = Some(last);
                versions.unflushed.clear();
            }
        }
    }

    /// The power is cut: of what was not flushed, each sector keeps any version, or none (`rng` `None`:
    /// always none).
    pub fn cut(&mut self, mut rng: Option<&mut Rng>) {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for at in dirty {
            let versions = self.cells.entry(at).or_default();
            let kept = rng
                .as_deref_mut()
                .map_or(0, |r| r.below(versions.unflushed.len() as u64 + 1));
            if kept > 0 {
                versions.durable = Some(versions.unflushed[kept as usize - 1]);
            }
            versions.unflushed.clear();
        }
    }
}
