// SPDX-License-Identifier: GPL-2.0-only

//! Messages: how the blocks that one speaks of are dealt with.
//!
//! A piece of such a job is a block, or what the job's range has of it. Several messages in one batch
//! take effect in their order: a piece whose block is already part of the round waits for the next one.

use super::{
    bits::Parts,
    changes::Change,
    piece::Home,
    relocate::{sectors_below, Kind},
    Count, Engine, JobKind, Side, State, Step,
};
use crate::units::Block;

impl Kind {
    /// What is counted when such a move has ended well.
    pub(super) const fn counter(self) -> Count {
        match self {
            Kind::Failed => Count::MOVED,
            Kind::Asked => Count::REMAPPED,
            Kind::Whole => Count::EVACUATED,
            Kind::Back => Count::RETURNED,
        }
    }
}

impl Engine {
    /// How often what happened.
    pub fn stats(&self) -> super::Stats {
        self.stats
    }

    /// Begins to count anew.
    pub fn reset_stats(&mut self) {
        self.stats = super::Stats::default();
        self.map.forget_dropped();
    }

    /// Whether a message of this kind has to wait for the end of the round before it can be told what it
    /// means for `block`. Marks only have to wait for moves: changes of one chunk add up.
    pub(super) fn is_busy(&self, kind: JobKind, block: Block) -> bool {
        let changed = || self.changes.as_slice().iter().any(|c| c.block == block);
        let moved = || self.moves.as_slice().iter().any(|m| m.block == block);
        match kind {
            JobKind::Io | JobKind::Scan => false,
            JobKind::Mark | JobKind::Unmark => moved(),
            _ => moved() || changed(),
        }
    }

    /// A piece of a message.
    #[inline(never)]
    pub(super) fn choose(&mut self, kind: JobKind) {
        let away = match kind {
            JobKind::Relocate => Some(Kind::Asked),
            JobKind::Evacuate => Some(Kind::Whole),
            _ => None,
        };
        let at_home = self.piece.home == Home::Main;
        if away.is_some() && !at_home {
            return self.piece_done();
        }
        if self.state != State::Rw {
            return self.fail_piece(self.own_failure());
        }
        match (kind, away) {
            (_, Some(away)) => self.move_piece(self.own_failure(), false, away),
            (JobKind::Retest, _) => self.retest(),
            (kind, _) => self.mark(kind == JobKind::Mark),
        }
    }

    /// The physical blocks that the piece touches become pending, or no longer are.
    fn mark(&mut self, pending: bool) {
        let piece = self.piece;
        let side = match piece.home {
            Home::Main => Side::Main,
            _ => Side::Spare,
        };
        let (first, _) = self.physical(side, piece.block, piece.offset);
        let last = piece.offset.saturating_add(piece.len).saturating_sub(1);
        let (start, len) = self.physical(side, piece.block, last);
        let len = start.saturating_add(len).saturating_sub(first);
        if pending {
            self.note_pending(first, len);
        } else {
            self.note_read(first, len);
        }
        self.piece_done();
    }

    /// So many sectors of the piece's block are no longer pending.
    pub(super) fn note_read(&mut self, first: u32, len: u32) {
        let block = self.piece.block;
        for (chunk, bits) in Parts::of(first, len) {
            let read = bits & self.state_of(block, chunk).pending();
            if read != 0 {
                self.note(Change {
                    read,
                    ..Change::of(block, chunk)
                });
                self.piece_changes();
            }
        }
    }

    /// The piece's block goes back if its spare block has all of it; if not, what of it is pending is read.
    fn retest(&mut self) {
        let block = self.piece.block;
        if self.piece.home != Home::Main {
            let len = self.existing(block);
            let whole = Parts::of(0, len).all(|(chunk, _)| {
                self.chunk(block, chunk).unspared() & sectors_below(chunk, len) == 0
            });
            if whole {
                return self.move_piece(self.own_failure(), false, Kind::Back);
            }
            // Main alone has some of its sectors: nothing may be written over them.
            self.piece.failure = Some(self.own_failure());
        }
        self.step = Step::Reread;
    }
}
