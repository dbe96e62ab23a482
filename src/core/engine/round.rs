// SPDX-License-Identifier: GPL-2.0-only

//! A round: what a batch wants changed, made durable together.

use super::{
    bits::Parts, piece::overlap, relocate::Fate, Action, Engine, Failure, JobKind, Move, Notice,
    Side, Slot, State, Step,
};
use crate::{
    fault::Op,
    log::UNITS,
    mem::NoMemory,
    record::Record,
    units::{Block, Sector},
};

/// How many blocks may move in one round: a bit each in a job's `needs`.
pub(super) const MOST_MOVES: usize = 32;

/// How many chunks may change in one round without a move.
pub(super) const MOST_CHANGES: usize = 72;

/// How many records one log block has room for: each takes a unit at least.
// A small number: nothing is cut.
#[allow(clippy::as_conversions)]
const MOST_RECORDS: usize = UNITS as usize;

/// A round begins when fewer changes than these fit: a piece may touch every chunk of a block.
const CHANGES_LEFT: usize = 33;

/// What changed in one chunk without a move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) block: Block,
    pub(super) chunk: u16,
    /// Sectors that were written to the spare block.
    filled: u64,
    /// Sectors whose reads failed.
    unread: u64,
}

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
            || self.changes.as_slice().len() > MOST_CHANGES.saturating_sub(CHANGES_LEFT)
    }

    /// `block` joins those that move; `worn` if it does so because its spare block failed. Gives its
    /// bit in [`Slot::needs`].
    #[inline(never)]
    pub(super) fn add_move(&mut self, block: Block, cause: Failure, worn: bool) -> Option<u32> {
        self.round_begins();
        let found = self.moves.as_slice().iter().position(|m| m.block == block);
        let i = match found {
            Some(i) => i,
            None => {
                let new = Move {
                    block,
                    cause,
                    worn: false,
                    fate: Fate::Waits,
                };
                let i = self.moves.as_slice().len();
                self.moves.push_within(new).ok()?;
                i
            }
        };
        if let Some(m) = self.moves.as_mut_slice().get_mut(i) {
            m.worn |= worn;
        }
        bit(i)
    }

    /// The piece was written to sectors that its spare block did not hold.
    pub(super) fn note_fill(&mut self) {
        let piece = self.piece;
        for (chunk, bits) in Parts::of(piece.offset, piece.len) {
            self.note(piece.block, chunk, bits, 0);
        }
        if let Some(slot) = self.jobs.as_mut_slice().get_mut(piece.slot) {
            // What went out with FUA is durable already.
            self.spare_dirty |= !slot.job.fua;
            slot.changes = true;
        }
    }

    /// The piece could not be read: its physical block becomes pending, as far as that lives where the
    /// piece does. Nobody has to be told twice, and sectors that are *only on main* are known to be bad.
    pub(super) fn note_unread(&mut self) {
        let piece = self.piece;
        let side = piece.home.side(Op::Read);
        let spare = piece.home.spare().is_some();
        if self.state != State::Rw || (spare && side == Side::Main) {
            return;
        }
        let (first, len) = self.physical(side, piece.block, piece.offset);
        let mut noted = false;
        for (chunk, bits) in Parts::of(first, len) {
            let state = self.chunk(piece.block, chunk);
            let bits = bits & !state.pending() & !state.unspared();
            if bits == 0 {
                continue;
            }
            if state.is_plain() && self.quota_is_used(piece.block, chunk) {
                self.map.drop_pending(bits);
                continue;
            }
            self.note(piece.block, chunk, 0, bits);
            noted = true;
        }
        if let Some(slot) = self.jobs.as_mut_slice().get_mut(piece.slot) {
            slot.changes |= noted;
        }
    }

    /// Whether the quota of pending records leaves no room for one more of this round's.
    fn quota_is_used(&self, block: Block, chunk: u16) -> bool {
        let changes = self.changes.as_slice();
        if changes.iter().any(|c| c.block == block && c.chunk == chunk) {
            return false;
        }
        let used = changes
            .iter()
            .filter(|c| c.unread != 0 && self.chunk(c.block, c.chunk).is_plain())
            .fold(u64::from(self.map.counters().pending_records), |n, _| {
                n.saturating_add(1)
            });
        used >= u64::from(self.writer.layout().pending_quota())
    }

    /// Notes when the first of the round came.
    fn round_begins(&mut self) {
        if self.round_is_empty() {
            self.round_since = self.now;
        }
    }

    #[inline(never)]
    fn note(&mut self, block: Block, chunk: u16, filled: u64, unread: u64) {
        self.round_begins();
        let found = self
            .changes
            .as_mut_slice()
            .iter_mut()
            .find(|c| c.block == block && c.chunk == chunk);
        if let Some(change) = found {
            change.filled |= filled;
            change.unread = (change.unread | unread) & !filled;
            return;
        }
        let change = Change {
            block,
            chunk,
            filled,
            unread,
        };
        // There is room: `round_is_full` kept it.
        let _ = self.changes.push_within(change);
    }

    /// Begins the round: the changes become records, and the blocks that move are held.
    pub(super) fn hold(&mut self) -> Option<Action> {
        self.records_of_changes();
        if self.moves.as_slice().is_empty() {
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

    /// Makes the changes of blocks that do not move into records. A job that filled sectors of a block
    /// that does move waits for the move instead: its data goes along.
    fn records_of_changes(&mut self) {
        let mut needs: u32 = 0;
        for i in 0..self.changes.as_slice().len() {
            let Some(&change) = self.changes.as_slice().get(i) else {
                break;
            };
            let moves = self.moves.as_slice();
            if let Some(m) = moves.iter().position(|m| m.block == change.block) {
                needs |= bit(m).unwrap_or(0);
                continue;
            }
            let state = self.chunk(change.block, change.chunk);
            self.record(Record::Sectors {
                block: change.block,
                chunk: change.chunk,
                state: state.spared(change.filled).with_pending(change.unread),
            });
        }
        if needs == 0 {
            return;
        }
        for i in 0..self.jobs.as_slice().len() {
            let Some(slot) = self.jobs.as_slice().get(i) else {
                break;
            };
            if slot.changes && slot.is_write() {
                let touched = self.moves_touched(slot) & needs;
                if let Some(slot) = self.jobs.as_mut_slice().get_mut(i) {
                    slot.needs |= touched;
                }
            }
        }
    }

    /// The moves, a bit each, whose blocks the job's range touches.
    #[inline(never)]
    fn moves_touched(&self, slot: &Slot) -> u32 {
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
                Fate::Waits => {}
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
        if let Some(m) = self.moves.as_mut_slice().get_mut(i) {
            m.fate = if result.is_ok() {
                Fate::Done
            } else {
                Fate::Failed
            };
        }
        let bit = bit(i).unwrap_or(0);
        for slot in self.jobs.as_mut_slice() {
            if slot.needs & bit != 0 {
                slot.needs &= !bit;
                slot.result = slot.result.and(result);
            }
        }
    }

    /// The commit of the changes has ended. A mark that was not written is no error of its own; sectors
    /// that were filled and are not recorded are.
    #[inline(never)]
    pub(super) fn end_changes(&mut self, result: Result<(), Failure>) {
        for slot in self.jobs.as_mut_slice() {
            if slot.changes && slot.is_write() {
                slot.result = slot.result.and(result);
            }
            slot.changes = false;
        }
        self.changes.clear();
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
        let over = self.round_is_empty();
        let done = self.jobs.as_slice().iter().position(|s| {
            let waits = s.needs != 0 || s.changes || (s.is_write() && self.moves_touched(s) != 0);
            s.done >= s.job.len && (over || !waits)
        });
        match done.and_then(|i| self.jobs.remove(i)) {
            Some(slot) => Some(Action::Complete {
                job: slot.job.id,
                result: slot.result,
            }),
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
}

/// The bit of move `i`.
fn bit(i: usize) -> Option<u32> {
    1u32.checked_shl(u32::try_from(i).ok()?)
}
