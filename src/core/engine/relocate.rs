// SPDX-License-Identifier: GPL-2.0-only

//! One block's move: salvage, merge, write the spare block.
//!
//! The block is held and nothing of the fast path is under way on it. What is written here goes to a
//! spare block that no entry names, so up to the commit every failure leaves all as it was.

use super::{bits::Parts, retest::Back, Action, Engine, Failure, Notice, Side, Step};
use crate::{
    fault::{Fault, Op, Verdict},
    log::{SECTORS_UNITS, UNITS},
    record::{ChunkState, Record, CHUNK_SECTORS},
    units::{Block, SpareBlock},
};

/// How many spare blocks one move may use up.
const MOST_SPARES: u8 = 8;

/// What one move puts into the log, besides the states of its chunks, at most: its entry, a bad mark for
/// its old spare block, and one for each that fails under it.
const OTHER_UNITS: u64 = 10;

/// A block that is to move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) block: Block,
    /// The failure that made it necessary.
    pub(super) cause: Failure,
    /// Its present spare block failed, and is not used again.
    pub(super) worn: bool,
    pub(super) kind: Kind,
    pub(super) fate: Fate,
}

/// What kind of move it is. If there is more than one reason for it, the first of these counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// To a spare block, for a write failed: with what can be read.
    Failed,
    /// To a spare block, for somebody asked: with what can be read.
    Asked,
    /// To a spare block, if all of it can be read.
    Whole,
    /// Back to main.
    Back,
}

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has not begun, or is the one under way.
    Waits,
    /// Its spare block is written.
    Written(SpareBlock),
    /// Main is written, and gave the data back.
    Returned,
    /// Its entry may be durable, or not.
    InDoubt,
    /// It is durable.
    Done,
    /// It came to nothing.
    Failed,
}

/// The move under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moving {
    pub(super) index: usize,
    pub(super) block: Block,
    cause: Failure,
    worn: bool,
    pub(super) kind: Kind,
    /// Sectors of the block that exist.
    pub(super) len: u32,
    started: u64,
    /// Where it lives until now, if not on main.
    old: Option<SpareBlock>,
    /// Salvage: from here on.
    at: u32,
    /// Tries of the present read, or of the present spare block.
    tries: u8,
    /// An I/O elsewhere on the spare succeeded after the present spare block had failed.
    confirmed: bool,
    /// Merge: from this job on.
    slot: usize,
    spare: Option<SpareBlock>,
    /// Spare blocks that failed under it.
    spares: u8,
    failure: Option<Failure>,
}

impl Moving {
    /// No move.
    pub(super) const NONE: Moving = Moving {
        index: 0,
        block: Block(0),
        cause: Failure {
            fault: Fault::Io,
            code: 0,
        },
        worn: false,
        kind: Kind::Failed,
        len: 0,
        started: 0,
        old: None,
        at: 0,
        tries: 0,
        confirmed: false,
        slot: 0,
        spare: None,
        spares: 0,
        failure: None,
    };
}

/// The sectors of a chunk that are among the first `len` of their block.
pub(super) fn sectors_below(chunk: u16, len: u32) -> u64 {
    let first = u32::from(chunk).saturating_mul(CHUNK_SECTORS);
    let count = len.saturating_sub(first).min(CHUNK_SECTORS);
    let above = CHUNK_SECTORS.saturating_sub(count);
    u64::MAX.checked_shr(above).unwrap_or(0)
}

impl Engine {
    /// Begins the next move, if its records fit behind those that are there; else commits these.
    pub(super) fn pick(&mut self) -> Option<Action> {
        let moves = self.moves.as_slice();
        let next = moves
            .iter()
            .enumerate()
            .find(|(_, m)| m.fate == Fate::Waits);
        let chunks = u64::from(self.block.chunks());
        let most = chunks
            .saturating_mul(SECTORS_UNITS)
            .saturating_add(OTHER_UNITS);
        let fits = self.units.saturating_add(most) <= UNITS;
        let Some((index, &m)) = next.filter(|_| fits || self.units == 0) else {
            self.step = Step::Flush;
            return None;
        };
        self.moving = Moving {
            index,
            block: m.block,
            cause: m.cause,
            worn: m.worn,
            kind: m.kind,
            len: self.existing(m.block),
            started: self.now,
            old: self.map.lookup(m.block),
            ..Moving::NONE
        };
        // Before anything is read: a block that cannot move is not worth the time of a failing disk.
        if m.kind != Kind::Back {
            self.take_spare()?;
        }
        self.unread.clear();
        self.cover.clear();
        for slot in self.jobs.as_slice() {
            // What goes back is what its spare block has: the jobs' data follows when it is there.
            let merged = slot.is_write() && m.kind != Kind::Back;
            let part = self.part_in(slot, m.block).filter(|_| merged);
            if let Some((_, into, len)) = part {
                self.cover.add(into, len);
            }
        }
        self.step = Step::Salvage;
        None
    }

    /// The device that the block is read from.
    fn source(&self) -> Side {
        match self.moving.old {
            Some(_) => Side::Spare,
            None => Side::Main,
        }
    }

    /// The sectors of `bits` that the jobs do not bring and that the source holds.
    #[inline(never)]
    fn wanted(&self, chunk: u16, bits: u64) -> u64 {
        let there = match self.moving.old {
            Some(_) => !self.state_of(self.moving.block, chunk).unspared(),
            None => u64::MAX,
        };
        bits & there & !self.cover.chunk(chunk)
    }

    /// Reads the next physical block of which something is wanted.
    pub(super) fn salvage(&mut self) -> Option<Action> {
        let side = self.source();
        while self.moving.at < self.moving.len {
            let moving = &self.moving;
            let len = self.salvage_len();
            if Parts::of(moving.at, len).all(|(c, bits)| self.wanted(c, bits) == 0) {
                self.moving.at = self.moving.at.saturating_add(len);
                continue;
            }
            if self.overdue(moving.started) {
                self.fail_move(moving.cause);
                return None;
            }
            let at = self.place(moving.block, moving.old, moving.at);
            let Some(at) = at else {
                self.fail_move(self.own_failure());
                return None;
            };
            return Some(Action::Read {
                side,
                at,
                len,
                offset: moving.at,
            });
        }
        self.step = match self.moving.kind {
            Kind::Back => Step::Back(Back::Write),
            _ => Step::Merge,
        };
        None
    }

    /// From where salvage stands to the edge of the physical block or of the block.
    #[inline(never)]
    fn salvage_len(&self) -> u32 {
        let moving = &self.moving;
        let room = self.physical_room(self.source(), moving.block, moving.at);
        room.min(moving.len.saturating_sub(moving.at)).max(1)
    }

    /// A physical block was read, or not: then once more, and then its sectors stay behind.
    pub(super) fn salvaged(&mut self, result: Result<(), Failure>) {
        let len = self.salvage_len();
        match result {
            Ok(()) => {}
            // Not the medium: nothing is known of the sectors.
            Err(failure) if failure.fault == Fault::Never => return self.fail_move(failure),
            Err(_) if self.moving.tries == 0 => {
                self.moving.tries = 1;
                return;
            }
            Err(failure) if !self.may_stay_behind(failure) => return self.fail_move(failure),
            Err(_) => {
                for (chunk, bits) in Parts::of(self.moving.at, len) {
                    let wanted = self.wanted(chunk, bits);
                    self.unread.add_bits(chunk, wanted);
                }
            }
        }
        self.moving.tries = 0;
        self.moving.at = self.moving.at.saturating_add(len);
    }

    /// Whether the block moves without sectors that could not be read for `failure`. Main may give them later,
    /// but a spare block is left for good: what it did not give is lost, so this has to be its medium's word.
    fn may_stay_behind(&self, failure: Failure) -> bool {
        let of_medium = || self.config.policy.judge(Op::Read, failure.fault) == Verdict::Medium;
        !self.moving.kind.is_all_or_nothing() && (self.source() == Side::Main || of_medium())
    }

    /// Lays the data of the next job of the batch over what was salvaged, in the order in which they came.
    pub(super) fn merge(&mut self) -> Option<Action> {
        let mut jobs = self.jobs.as_slice().iter().enumerate();
        let next = jobs.find_map(|(i, slot)| {
            let part = self.part_in(slot, self.moving.block)?;
            (i >= self.moving.slot && slot.is_write()).then_some((i, slot.job.id, part))
        });
        let Some((i, job, (from, offset, len))) = next else {
            self.step = Step::Spare;
            return None;
        };
        self.moving.slot = i.saturating_add(1);
        Some(Action::Gather {
            job,
            from,
            len,
            offset,
        })
    }

    /// A job's data is in scratch, or was not found: then nothing is written.
    pub(super) fn merged(&mut self, result: Result<(), Failure>) {
        if let Err(failure) = result {
            self.fail_move(failure);
        }
    }

    /// Hands the move under way a spare block. Without one it comes to nothing, which is told once: failing
    /// writes may come by the thousand.
    fn take_spare(&mut self) -> Option<()> {
        self.moving.spare = self.map.allocate();
        let none = self.moving.spare.is_none();
        if none && !self.exhausted {
            self.notify(Notice::Exhausted);
        }
        self.exhausted = none;
        if none {
            self.fail_move(self.moving.cause);
        }
        self.moving.spare.map(|_| ())
    }

    /// Writes the spare block, as far as the block exists.
    pub(super) fn write_spare(&mut self) -> Option<Action> {
        let spare = self.moving.spare;
        let at = spare.and_then(|s| self.place(self.moving.block, Some(s), 0));
        let Some(at) = at else {
            self.fail_move(self.own_failure());
            return None;
        };
        self.moving.tries = self.moving.tries.saturating_add(1);
        Some(Action::Write {
            side: Side::Spare,
            at,
            len: self.moving.len,
            offset: 0,
            fua: false,
        })
    }

    /// The spare block was written, or not.
    pub(super) fn spare_written(&mut self, result: Result<(), Failure>) {
        let (Some(spare), Err(failure)) = (self.moving.spare, result) else {
            return self.block_written();
        };
        self.moving.failure.get_or_insert(failure);
        match self.config.policy.judge(Op::Write, failure.fault) {
            Verdict::Confirm if self.moving.tries < 2 => {}
            Verdict::Confirm if !self.moving.confirmed => self.step = Step::SpareProbe(0),
            Verdict::Confirm | Verdict::Medium => self.spare_failed(spare),
            Verdict::PassUp => self.fail_move(failure),
        }
    }

    /// Asks whether a read elsewhere on the spare succeeds.
    pub(super) fn probe_spare(&mut self, n: u8) -> Option<Action> {
        let place = self.elsewhere(Side::Spare, self.moving.block, n);
        if place.is_none() {
            self.fail_move(self.moving.failure.unwrap_or(self.moving.cause));
        }
        place
    }

    /// The n-th place elsewhere on the spare was asked: if it could be read, the spare block is tried once
    /// more.
    pub(super) fn spare_probed(&mut self, n: u8, result: Result<(), Failure>) {
        self.moving.confirmed = result.is_ok();
        self.step = match result {
            Ok(()) => Step::Spare,
            Err(_) => Step::SpareProbe(n.saturating_add(1)),
        };
    }

    /// The spare block is bad: recorded, never used again; the next one is tried.
    fn spare_failed(&mut self, spare: SpareBlock) {
        self.record(Record::BadSpare { spare });
        self.moving.spare = None;
        self.moving.tries = 0;
        self.moving.confirmed = false;
        self.moving.spares = self.moving.spares.saturating_add(1);
        if self.moving.spares >= MOST_SPARES || self.overdue(self.moving.started) {
            self.fail_move(self.moving.failure.unwrap_or(self.moving.cause));
        } else if self.take_spare().is_some() {
            self.step = Step::Spare;
        }
    }

    /// The spare block holds the block's data: what is to be recorded of it is settled now.
    fn block_written(&mut self) {
        let moving = self.moving;
        let Some(spare) = moving.spare else {
            return self.fail_move(moving.cause);
        };
        self.spare_dirty = true;
        self.record(Record::Remap {
            block: moving.block,
            spare,
        });
        for (chunk, bits) in Parts::of(0, self.block.sectors()) {
            let before = self.state_of(moving.block, chunk);
            let there = bits & sectors_below(chunk, moving.len);
            let after = self.state_after(chunk, before, there);
            // What does not exist was not written either: if main grows, it is main's to answer for.
            let after = after.with_unspared(bits & !there);
            if after != before {
                self.record(Record::Sectors {
                    block: moving.block,
                    chunk,
                    state: after,
                });
            }
        }
        if let (Some(old), true) = (moving.old, moving.worn) {
            self.record(Record::BadSpare { spare: old });
        }
        if let Some(m) = self.moves.as_mut_slice().get_mut(moving.index) {
            m.fate = Fate::Written(spare);
        }
        self.step = Step::Pick;
    }

    /// The states of a chunk once its block has moved.
    ///
    /// What could not be read of main is *only on main*. What could not be read of the old spare block
    /// is lost: main's copy is older than what was written to the spare, and must not come back.
    fn state_after(&self, chunk: u16, before: ChunkState, bits: u64) -> ChunkState {
        let brought = self.cover.chunk(chunk);
        let unread = self.unread.chunk(chunk);
        let (unspared, lost) = match self.moving.old {
            None => (unread, 0),
            Some(_) => (before.unspared() | unread, before.lost() | unread),
        };
        let unspared = unspared & !brought & bits;
        let lost = lost & unspared;
        // What is neither on the spare nor lost is as unreadable as it was.
        let pending = before.pending() & unspared & !lost;
        ChunkState::new(unspared, lost, pending).unwrap_or(before)
    }

    /// The move under way comes to nothing.
    #[inline(never)]
    pub(super) fn fail_move(&mut self, failure: Failure) {
        if let Some(spare) = self.moving.spare.take() {
            self.map.release(spare);
        }
        self.end_move(self.moving.index, Err(failure));
        self.step = Step::Pick;
    }
}
