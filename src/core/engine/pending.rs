// SPDX-License-Identifier: GPL-2.0-only

//! Writes to sectors that could not be read: they move the block, or main has to show that it took them.
//!
//! Snapshots send all of these to the worker. Those that go to main do so under a hold of their block:
//! with no other write of the block under way, what is read back has to be what was written.

use super::{bits::Parts, piece::Home, retest::Back, Action, Engine, Failure, Step};
use crate::fault::{Fault, Op, PendingWrites};

impl Engine {
    /// How a writing piece begins.
    pub(super) fn write_way(&mut self) -> Step {
        let piece = self.piece;
        let on_main = match piece.home {
            Home::Main => true,
            Home::Spare(_) => false,
            // These go to the spare block, and were not there before.
            Home::OnlyMain(_) | Home::Lost(_) => return Step::Gather,
        };
        let pending = Parts::of(piece.offset, piece.len)
            .any(|(chunk, bits)| bits & self.state_of(piece.block, chunk).pending() != 0);
        if !pending || !self.may_move() {
            return Step::Gather;
        }
        let free = u64::from(self.map.counters().spare_free);
        let taken = u64::try_from(self.moves.as_slice().len()).unwrap_or(u64::MAX);
        let first_main = on_main && self.config.pending_writes == PendingWrites::Main;
        if free > taken && !first_main {
            self.relocate_piece(Failure {
                fault: Fault::Medium,
                code: self.config.medium_code,
            });
            return self.step;
        }
        // Without a spare block main may take it all the same.
        match on_main {
            true => Step::Guard,
            false => Step::Gather,
        }
    }

    /// Holds the piece's block, and waits for earlier I/O to it.
    pub(super) fn guard(&mut self) -> Option<Action> {
        let sure = self.doubts_for_good();
        let held = self.snapshot_of(&[self.piece.block], sure);
        let unheld = self.snapshot_of(&[], sure);
        if let (Ok(held), Ok(unheld)) = (held, unheld) {
            self.show(Some(held), Some(unheld));
            self.guarded = true;
            self.piece.proving = true;
            return Some(Action::Publish { wait: true });
        }
        // Without memory it is an ordinary write; the sectors stay pending in any case.
        self.step = Step::Gather;
        None
    }

    /// The piece that was guarded has ended: its block is held no more.
    pub(super) fn unguard(&mut self) -> Option<Action> {
        if !core::mem::replace(&mut self.guarded, false) {
            return None;
        }
        let unheld = self.unheld.take();
        self.show(unheld, None);
        Some(Action::Publish { wait: false })
    }

    /// Main has taken the piece: whether it has it.
    pub(super) fn prove(&mut self, stage: Back) -> Option<Action> {
        let at = self.place(self.piece.block, None, self.piece.offset)?;
        Some(self.put_to_main(stage, at, self.piece.len))
    }

    /// A step of that has ended. What was read back may come from the drive's cache: the sectors stay
    /// pending until they are read another time.
    pub(super) fn proved(&mut self, stage: Back, result: Result<(), Failure>) {
        match (stage, result) {
            (_, Err(failure)) if failure.fault == Fault::Never => {
                self.stop(self.piece.slot, failure);
            }
            (_, Err(failure)) if self.blames_medium(Op::Write) => self.relocate_piece(failure),
            (_, Err(failure)) => self.fail_piece(failure),
            (Back::Write | Back::Flush, Ok(())) => self.step = Step::Prove(Back::Read),
            (Back::Read, Ok(())) => self.step = Step::Prove(Back::Compare),
            (Back::Compare, Ok(())) => self.piece_done(),
        }
    }
}
