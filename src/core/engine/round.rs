// SPDX-License-Identifier: GPL-2.0-only

//! A round: what a batch wants changed, made durable together.

use super::{
    piece::overlap,
    relocate::{Fate, Kind},
    Action, Count, Engine, Failure, JobKind, Move, Notice, Slot, Step,
};
use crate::{
    fault::Op,
    log::UNITS,
    mem::NoMemory,
    units::{Block, Sector},
};

/// How many blocks may move in one round: a bit each in a job's `needs`.
pub(super) const MOST_MOVES: usize = 32;

/// How many chunks may change in one round without a move.
pub(super) const MOST_CHANGES: usize = 80;

/// How many records one log block has room for: each takes a unit at least.
// A small number: nothing is cut.
#[allow(clippy::as_conversions)]
const MOST_RECORDS: usize = UNITS as usize;

impl Engine {
    /// Room for the largest round, so that no round has to ask.
    pub(super) fn reserve_round(&mut self) -> Result<(), NoMemory> {
        self.moves.try_reserve(MOST_MOVES)?;
        self.holds.try_reserve(MOST_MOVES)?;
        self.changes.try_reserve(MOST_CHANGES)?;
        self.doubts
            .try_reserve(MOST_MOVES.saturating_add(MOST_CHANGES))?;
        self.records.try_reserve(MOST_RECORDS)
    }

    /// Nothing wants changing.
    pub(super) fn round_is_empty(&self) -> bool {
        self.moves.as_slice().is_empty() && self.changes.as_slice().is_empty()
    }

    /// The next piece might not fit in, or what is in has waited long enough: a slow disk takes its time
    /// over each piece of the others' requests.
    pub(super) fn round_is_full(&self) -> bool {
        let waited = self.now.saturating_sub(self.round_since);
        let patience = self.config.time_limit_ms.wrapping_shr(4);
        (waited > patience && !self.round_is_empty())
            || self.moves.as_slice().len() >= MOST_MOVES
            || u64::from(self.block.chunks()) > self.changes_left()
    }

    /// How many more changes fit. A piece may touch every chunk of a block.
    fn changes_left(&self) -> u64 {
        let left = MOST_CHANGES.saturating_sub(self.changes.as_slice().len());
        u64::try_from(left).unwrap_or(0)
    }

    /// `block` joins those that move; `worn` if it does so because its spare block failed. Gives its
    /// bit in [`Slot::needs`].
    #[inline(never)]
    pub(super) fn add_move(
        &mut self,
        block: Block,
        cause: Failure,
        worn: bool,
        kind: Kind,
    ) -> Option<u32> {
        self.round_begins();
        // One that a storm has ended is not found: nobody carries it out any more.
        let waits = |m: &Move| m.block == block && m.fate == Fate::Waits;
        let found = self.moves.as_slice().iter().position(waits);
        let i = match found {
            Some(i) => i,
            None => {
                let new = Move {
                    block,
                    cause,
                    worn: false,
                    kind,
                    fate: Fate::Waits,
                };
                let i = self.moves.as_slice().len();
                self.moves.push_within(new).ok()?;
                i
            }
        };
        if let Some(m) = self.moves.as_mut_slice().get_mut(i) {
            m.worn |= worn;
            m.kind = m.kind.min(kind);
        }
        bit(i)
    }

    /// Notes when the first of the round came.
    pub(super) fn round_begins(&mut self) {
        if self.round_is_empty() {
            self.round_since = self.now;
        }
    }

    /// Begins the round: the changes become records, and the blocks that move are held.
    pub(super) fn hold(&mut self) -> Option<Action> {
        self.records_of_changes();
        if !self.moves.as_slice().iter().any(|m| m.fate == Fate::Waits) {
            self.step = Step::Flush;
            return None;
        }
        self.collect_holds();
        let sure = self.doubts_for_good();
        let held = self.snapshot_of(self.holds.as_slice(), sure);
        let unheld = self.snapshot_of(&[], sure);
        match (held, unheld) {
            (Ok(held), Ok(unheld)) => {
                self.show(Some(held), Some(unheld));
                Some(Action::Publish { wait: true })
            }
            _ => {
                // Nothing has begun: the blocks stay where they are. What else changed goes on.
                self.fail_moves(None);
                self.moves.clear();
                self.step = Step::Flush;
                None
            }
        }
    }

    /// The blocks that still have to move.
    pub(super) fn collect_holds(&mut self) {
        self.holds.clear();
        for m in self.moves.as_slice() {
            if m.fate == Fate::Waits {
                let _ = self.holds.push_within(m.block);
            }
        }
    }

    /// The moves, a bit each, whose blocks the job's range touches.
    #[inline(never)]
    pub(super) fn moves_touched(&self, slot: &Slot) -> u32 {
        let mut bits: u32 = 0;
        for (i, m) in self.moves.as_slice().iter().enumerate() {
            if self.part_in(slot, m.block).is_some() {
                bits |= bit(i).unwrap_or(0);
            }
        }
        bits
    }

    /// The part of a job that lies in `block`: how far into the job, into the block, and its length.
    #[inline(never)]
    pub(super) fn part_in(&self, slot: &Slot, block: Block) -> Option<(u32, u32, u32)> {
        let first: Sector = self.block.start_of(block)?;
        overlap(slot.job.start, slot.job.len, first, self.existing(block))
    }

    /// Every move that waits, or was written but is not durable, comes to nothing: with `failure`, or
    /// with what made each necessary.
    #[inline(never)]
    pub(super) fn fail_moves(&mut self, failure: Option<Failure>) {
        for i in 0..self.moves.as_slice().len() {
            let Some(&m) = self.moves.as_slice().get(i) else {
                break;
            };
            match m.fate {
                Fate::Waits | Fate::Returned => {}
                Fate::Written(spare) => self.map.release(spare),
                Fate::InDoubt => {}
                Fate::Done | Fate::Failed => continue,
            }
            self.end_move(i, Err(failure.unwrap_or(m.cause)));
        }
    }

    /// Move `i` has ended: so do the waits of its jobs.
    #[inline(never)]
    pub(super) fn end_move(&mut self, i: usize, result: Result<(), Failure>) {
        let mut back = false;
        if let Some(m) = self.moves.as_mut_slice().get_mut(i) {
            back = m.kind == Kind::Back;
            m.fate = match result {
                Ok(()) => {
                    self.stats.count(m.kind.counter());
                    Fate::Done
                }
                Err(_) => Fate::Failed,
            };
        }
        let bit = bit(i).unwrap_or(0);
        for slot in self.jobs.as_mut_slice() {
            if slot.needs & bit != 0 {
                slot.needs &= !bit;
                match result {
                    Err(failure) => slot.fail(failure),
                    // It had to move away instead.
                    Ok(()) if slot.job.kind == JobKind::Retest && !back => slot.stays(),
                    Ok(()) => {}
                }
            }
        }
    }

    /// Publishes the map that is true now.
    pub(super) fn publish(&mut self) -> Option<Action> {
        if self.publish.is_some() {
            return Some(Action::Publish { wait: false });
        }
        self.published();
        None
    }

    /// It is published: the rest of the moves, or the end of the round.
    pub(super) fn published(&mut self) {
        let moves = self.moves.as_slice();
        if moves.iter().any(|m| m.fate == Fate::Waits) {
            self.step = Step::Pick;
            return;
        }
        self.moves.clear();
        self.show(None, None);
        self.step = Step::Settle;
    }

    /// Completes the first job that waits for nothing, and goes on narrowing when there is none.
    ///
    /// A write that touches a block that is about to move stays: its data goes along, in the order in
    /// which the jobs came.
    pub(super) fn settle(&mut self) -> Option<Action> {
        if let Some(action) = self.unguard() {
            return Some(action);
        }
        let over = self.round_is_empty();
        let done = self.jobs.as_slice().iter().position(|s| {
            let waits = s.needs != 0 || s.changes || (s.is_write() && self.moves_touched(s) != 0);
            s.done >= s.job.len && (over || !waits)
        });
        match done.and_then(|i| self.jobs.remove(i)) {
            Some(slot) => {
                self.stats.add(Count::STAYED, slot.stayed);
                Some(Action::Complete {
                    job: slot.job.id,
                    result: slot.result,
                    stayed: slot.stayed,
                })
            }
            None => {
                self.step = Step::Select;
                None
            }
        }
    }

    /// Puts a notice on the list; when that is full, it is one too many.
    #[inline(never)]
    pub(super) fn notify(&mut self, notice: Notice) {
        let _ = self.notices.push_within(notice);
    }
}

impl Slot {
    /// It brings data.
    pub(super) fn is_write(&self) -> bool {
        self.job.kind == JobKind::Io && self.job.op == Op::Write
    }

    /// It wants data.
    pub(super) fn is_read(&self) -> bool {
        self.job.kind.is_narrowed() && self.job.op == Op::Read
    }

    /// A part of it came to nothing; of a message, a block.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.result = self.result.and(Err(failure));
        self.stays();
    }

    /// Of a message: a block could not be done as asked.
    pub(super) fn stays(&mut self) {
        if !self.job.kind.is_narrowed() {
            self.stayed = self.stayed.saturating_add(1);
        }
    }
}

/// The bit of move `i`.
pub(super) fn bit(i: usize) -> Option<u32> {
    1u32.checked_shl(u32::try_from(i).ok()?)
}
