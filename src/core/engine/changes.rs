// SPDX-License-Identifier: GPL-2.0-only

//! What changes in a round without a move: sectors that a write fills, marks of pending ones.

use super::{bits::Parts, Engine, Failure, Side, State};
use crate::{
    fault::Op,
    record::{ChunkState, Record},
    units::Block,
};

/// What changed in one chunk without a move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) block: Block,
    pub(super) chunk: u16,
    /// Sectors that were written to the spare block.
    pub(super) filled: u64,
    /// Sectors that become pending: their reads failed, or somebody says so.
    pub(super) unread: u64,
    /// Sectors that are no longer pending.
    pub(super) read: u64,
    /// It takes one more of the quota of pending records.
    pub(super) counts: bool,
}

impl Change {
    /// Nothing, of one chunk.
    pub(super) const fn of(block: Block, chunk: u16) -> Change {
        Change {
            block,
            chunk,
            filled: 0,
            unread: 0,
            read: 0,
            counts: false,
        }
    }

    /// The state of the chunk after it.
    fn after(&self, state: ChunkState) -> ChunkState {
        state
            .spared(self.filled)
            .with_pending(self.unread)
            .without_pending(self.read)
    }
}

impl Engine {
    /// The piece was written to sectors that its spare block did not hold.
    pub(super) fn note_fill(&mut self) {
        let piece = self.piece;
        for (chunk, bits) in Parts::of(piece.offset, piece.len) {
            self.note(Change {
                filled: bits,
                ..Change::of(piece.block, chunk)
            });
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
        self.note_pending(first, len);
    }

    /// So many sectors of the piece's block become pending, for its job, as far as they live where they
    /// belong. When the quota is full they are counted and forgotten.
    pub(super) fn note_pending(&mut self, first: u32, len: u32) {
        let block = self.piece.block;
        for (chunk, bits) in Parts::of(first, len) {
            let state = self.state_of(block, chunk);
            let unread = bits & !state.pending() & !state.unspared();
            if unread == 0 {
                continue;
            }
            let counts = self.needs_record(block, chunk);
            if counts && self.quota_is_used() {
                self.map.drop_pending(unread);
                continue;
            }
            self.note(Change {
                unread,
                counts,
                ..Change::of(block, chunk)
            });
            self.piece_changes();
        }
    }

    /// The piece's job waits for the commit of this round.
    pub(super) fn piece_changes(&mut self) {
        if let Some(slot) = self.jobs.as_mut_slice().get_mut(self.piece.slot) {
            slot.changes = true;
        }
    }

    /// The states of the sectors of one chunk, after the changes of this round.
    pub(super) fn state_of(&self, block: Block, chunk: u16) -> ChunkState {
        let state = self.chunk(block, chunk);
        let mut changes = self.changes.as_slice().iter();
        let change = changes.find(|c| c.block == block && c.chunk == chunk);
        change.map_or(state, |change| change.after(state))
    }

    /// Whether a mark in this chunk takes a pending record that neither the map nor this round has yet.
    fn needs_record(&self, block: Block, chunk: u16) -> bool {
        let mut changes = self.changes.as_slice().iter();
        self.map.lookup(block).is_none()
            && self.chunk(block, chunk).is_plain()
            && !changes.any(|c| c.counts && c.block == block && c.chunk == chunk)
    }

    /// Whether the quota of pending records leaves no room for one more of this round's.
    fn quota_is_used(&self) -> bool {
        let new = self.changes.as_slice().iter().filter(|c| c.counts);
        let used = new.fold(u64::from(self.map.counters().pending_records), |n, _| {
            n.saturating_add(1)
        });
        used >= u64::from(self.writer.layout().pending_quota())
    }

    #[inline(never)]
    pub(super) fn note(&mut self, change: Change) {
        self.round_begins();
        let found = self
            .changes
            .as_mut_slice()
            .iter_mut()
            .find(|c| c.block == change.block && c.chunk == change.chunk);
        if let Some(old) = found {
            old.filled |= change.filled;
            old.unread = (old.unread | change.unread) & !change.filled & !change.read;
            old.read = (old.read | change.read) & !change.unread;
            old.counts |= change.counts;
            return;
        }
        // There is room: `round_is_full` kept it.
        let _ = self.changes.push_within(change);
    }

    /// Makes the changes into records, those of blocks that move as well: what is recorded of a move comes
    /// behind them, and if it comes to nothing they are still true.
    pub(super) fn records_of_changes(&mut self) {
        for i in 0..self.changes.as_slice().len() {
            let Some(&change) = self.changes.as_slice().get(i) else {
                break;
            };
            let state = self.chunk(change.block, change.chunk);
            self.record(Record::Sectors {
                block: change.block,
                chunk: change.chunk,
                state: change.after(state),
            });
        }
    }

    /// The commit of the changes has ended. A mark that was not written is no error of its own; sectors
    /// that were filled and are not recorded are.
    #[inline(never)]
    pub(super) fn end_changes(&mut self, result: Result<(), Failure>) {
        for slot in self.jobs.as_mut_slice() {
            // A mark is what a message is for.
            if let (true, Err(failure)) = (slot.changes && !slot.is_read(), result) {
                slot.fail(failure);
            }
            slot.changes = false;
        }
        self.changes.clear();
    }
}
