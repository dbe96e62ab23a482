// SPDX-License-Identifier: GPL-2.0-only

//! Storms: errors that are not the medium's, for they come from everywhere, or nothing works.
//!
//! While one lasts, nothing moves by itself and nothing is marked; errors are passed up. The numbers, and
//! the reasons for them, are with [`StormLimits`].

use super::{
    relocate::{Fate, Kind},
    Action, Engine, Failure, Notice, Side, Step,
};
use crate::{
    fault::Op,
    mem::{Buf, NoMemory},
};

/// From where on errors are a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormLimits {
    /// The size of a region. What fails of a medium fails together, within some 10 MB: errors in two regions
    /// are two defects.
    pub region_sectors: u64,
    /// So many regions in which errors of the medium were found...
    pub regions: u32,
    /// ... within so many milliseconds. A drive tries a bad sector for a second or more before it gives
    /// it up, and each is tried three times: a medium does not show so many defects as fast.
    pub window_ms: u64,
    /// So many regions in which writes failed, without one write to main that succeeded since the first:
    /// a drive that takes no writes any more.
    pub run_regions: u32,
    /// The same, as a number of sectors in such writes: more than one defect has. (Not a number of writes: what
    /// fails alone is a physical block, of one sector or of a hundred.)
    pub run_sectors: u64,
    /// How long a storm lasts at least. Each that follows soon lasts twice as long as the one before, up to 64
    /// times.
    pub pause_ms: u64,
}

impl Default for StormLimits {
    fn default() -> Self {
        StormLimits {
            region_sectors: 1 << 15,
            regions: 64,
            window_ms: 10_000,
            run_regions: 8,
            run_sectors: 1 << 15,
            pause_ms: 10_000,
        }
    }
}

/// A region in which something failed.
#[derive(Clone, Copy)]
struct Seen {
    region: u64,
    at: u64,
}

/// What is known of the errors of late.
///
/// # Invariants
///
/// After [`reserve`](Storm::reserve), `recent` and `run` have room for as many regions as make a storm.
pub(super) struct Storm {
    limits: StormLimits,
    recent: Buf<Seen>,
    /// The regions of the writes that failed since one succeeded, and how many sectors these had.
    run: Buf<u64>,
    run_sectors: u64,
    /// Since when there is one.
    since: Option<u64>,
    /// It is one for writes fail: only one that succeeds ends it.
    by_writes: bool,
    /// Main took a write while it lasted.
    works: bool,
    /// How long the present or the next one lasts.
    pause: u64,
    /// When the last one ended.
    ended: Option<u64>,
}

impl Storm {
    pub(super) fn new(limits: StormLimits) -> Storm {
        Storm {
            limits,
            recent: Buf::new(),
            run: Buf::new(),
            run_sectors: 0,
            since: None,
            by_writes: false,
            works: false,
            pause: limits.pause_ms,
            ended: None,
        }
    }

    /// Takes the memory for as many regions as make a storm.
    pub(super) fn reserve(&mut self) -> Result<(), NoMemory> {
        let room = |n: u32| usize::try_from(n).map_err(|_| NoMemory);
        self.recent.try_reserve(room(self.limits.regions)?)?;
        self.run.try_reserve(room(self.limits.run_regions)?)
    }

    pub(super) const fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// Whether it matters that main takes a write.
    pub(super) const fn watches(&self) -> bool {
        self.is_on() || self.run_sectors != 0
    }

    /// It has lasted long enough.
    fn is_due(&self, now: u64) -> bool {
        let over = |since: u64| now.saturating_sub(since) >= self.pause;
        self.since.is_some_and(over)
    }

    /// An error of the medium, of main, in `len` sectors at `sector`.
    fn failed(&mut self, sector: u64, len: u32, op: Op, now: u64) {
        let region = sector.checked_div(self.limits.region_sectors).unwrap_or(0);
        let oldest = now.saturating_sub(self.limits.window_ms);
        let mut i = 0;
        while let Some(seen) = self.recent.as_slice().get(i) {
            if seen.at < oldest || seen.region == region {
                self.recent.remove(i);
            } else {
                i = i.saturating_add(1);
            }
        }
        let _ = self.recent.push_within(Seen { region, at: now });
        if op == Op::Write {
            self.run_sectors = self.run_sectors.saturating_add(len.into());
            if !self.run.as_slice().contains(&region) {
                let _ = self.run.push_within(region);
            }
        }
        let many = |buf: usize, most: u32| u32::try_from(buf).is_ok_and(|n| n >= most);
        let run = many(self.run.as_slice().len(), self.limits.run_regions)
            || self.run_sectors >= self.limits.run_sectors;
        if run || many(self.recent.as_slice().len(), self.limits.regions) {
            self.begin(now, run);
        }
    }

    fn begin(&mut self, now: u64, by_writes: bool) {
        let base = self.limits.pause_ms;
        let soon = |ended: u64| now.saturating_sub(ended) < self.pause;
        self.pause = match self.ended {
            Some(ended) if soon(ended) => {
                let most = base.saturating_mul(64);
                self.pause.saturating_mul(2).min(most)
            }
            _ => base,
        };
        self.since = Some(now);
        self.by_writes = by_writes;
        self.works = false;
    }

    fn end(&mut self, now: u64) {
        self.since = None;
        self.ended = Some(now);
        self.recent.clear();
        self.forget_run();
    }

    fn forget_run(&mut self) {
        self.run.clear();
        self.run_sectors = 0;
    }
}

impl Engine {
    /// Main has taken a write of the fast path, which tells of that while its snapshot
    /// [asks for it](crate::snapshot::Snapshot::watches). Only while idle.
    pub fn main_took_a_write(&mut self, now: u64) {
        self.now = now;
        self.main_works();
    }

    /// Main has taken a write.
    pub(super) fn main_works(&mut self) {
        self.storm.forget_run();
        self.storm.works = true;
        if self.storm.is_due(self.now) {
            self.calm();
        }
    }

    /// Until when the scanner keeps away from main for a storm: one of writes that fail is ended by none of its reads.
    pub fn storm_until(&self) -> Option<u64> {
        let since = self.storm.since?;
        Some(match self.storm.by_writes {
            true => u64::MAX,
            false => since.saturating_add(self.storm.pause),
        })
    }

    /// Main has given data to the scanner, which asks it when nobody else does. Only while idle.
    pub fn main_gave_a_read(&mut self, now: u64) {
        if self.storm_until().is_some_and(|until| until <= now) {
            self.now = now;
            self.calm();
        }
    }

    /// What was found of main is its medium's; false if it is a storm, which may begin with it. Then nothing
    /// is recorded of it, and nothing moves for it.
    pub(super) fn blames_medium(&mut self, op: Op) -> bool {
        if self.piece.home.side(op) == Side::Spare {
            return true;
        }
        let storm = self.storm.is_on();
        let at = self.block.start_of(self.piece.block);
        if !storm {
            let (at, len) = (at.map_or(0, |at| at.0), self.piece.len);
            self.storm.failed(at, len, op, self.now);
            self.storm_begins();
        }
        !self.storm.is_on()
    }

    /// Nothing of main can be read.
    pub(super) fn main_is_gone(&mut self) {
        let storm = self.storm.is_on();
        self.storm.begin(self.now, false);
        if !storm {
            self.storm_begins();
        }
    }

    /// If it does: what was to move by itself in this round stays.
    #[inline(never)]
    fn storm_begins(&mut self) {
        if !self.storm.is_on() {
            return;
        }
        self.notify(Notice::Storm(true));
        for i in 0..self.moves.as_slice().len() {
            let m = self.moves.as_slice().get(i);
            let Some(&m) = m.filter(|m| matches!(m.kind, Kind::Failed | Kind::Whole) && !m.worn)
            else {
                continue;
            };
            if m.fate == Fate::Waits {
                self.end_move(i, Err(m.cause));
            }
        }
    }

    /// Whether the failure of the piece is passed up as it is, because of a storm. When that has lasted long
    /// enough, an I/O elsewhere tells whether it is over.
    #[inline(never)]
    pub(super) fn storm_passes(&mut self, op: Op, first: Failure) -> bool {
        if !self.storm.is_on() || self.piece.home.side(op) == Side::Spare {
            return false;
        }
        if self.storm.is_due(self.now) {
            if self.storm.works {
                self.calm();
                return false;
            }
            if !self.storm.by_writes {
                self.step = Step::Probe(0);
                return true;
            }
        }
        self.stop(self.piece.slot, first);
        true
    }

    /// I/O works again.
    pub(super) fn calm(&mut self) {
        if self.storm.is_on() {
            self.storm.end(self.now);
            self.notify(Notice::Storm(false));
        }
    }

    /// Publishes the map as it is, so that I/O tells when main takes a write, or no longer does.
    pub(super) fn watch(&mut self) -> Option<Action> {
        match self.snapshot_of(&[], self.doubts_for_good()) {
            Ok(snapshot) => {
                self.show(Some(snapshot), None);
                Some(Action::Publish { wait: false })
            }
            Err(NoMemory) => {
                // Asked for again after the next batch: without word of a success a storm might never end.
                self.step = Step::Idle;
                None
            }
        }
    }
}
