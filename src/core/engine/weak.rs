// SPDX-License-Identifier: GPL-2.0-only

//! Sectors that can be read, but not at once: they find another place while that is so.

use super::{bits::Parts, piece::Home, relocate::Kind, Action, Engine, Failure, Side, State, Step};
use crate::fault::Op;

impl Engine {
    /// Blocks may move by themselves.
    pub(super) fn may_move(&self) -> bool {
        let here = self.piece.home != Home::Main || !self.storm.is_on();
        self.config.auto_remap && self.state == State::Rw && here
    }

    /// The piece was read, and its data delivered. If it had failed alone before, its block moves while all
    /// of it can be read; its job does not wait for that, and is not told if it cannot be done.
    pub(super) fn was_read(&mut self) {
        let piece = self.piece;
        let Some(cause) = piece.failure.filter(|_| piece.weak && self.may_move()) else {
            return self.piece_done();
        };
        if !self.blames_medium(Op::Read) {
            return self.piece_done();
        }
        let worn = match piece.home {
            // Its block lives on the spare already: these sectors join it there.
            Home::OnlyMain(_) if self.is_unfilled() => return self.step = Step::Fill,
            Home::OnlyMain(_) | Home::Lost(_) => return self.piece_done(),
            Home::Main => false,
            Home::Spare(_) => true,
        };
        let _ = self.add_move(piece.block, cause, worn, Kind::Whole);
        self.piece_done();
    }

    /// No job of this round has written the piece's sectors to the spare block: what was read of main is
    /// their data.
    fn is_unfilled(&self) -> bool {
        let piece = &self.piece;
        Parts::of(piece.offset, piece.len).all(|(chunk, bits)| {
            let state = self.state_of(piece.block, chunk);
            bits & !state.unspared() == 0
        })
    }

    /// What was read of main goes to the spare block.
    pub(super) fn fill(&mut self) -> Option<Action> {
        let piece = self.piece;
        let Some(at) = self.place(piece.block, piece.home.spare(), piece.offset) else {
            self.piece_done();
            return None;
        };
        Some(Action::Write {
            side: Side::Spare,
            at,
            len: piece.len,
            offset: 0,
            fua: false,
        })
    }

    /// It is there, which is to be recorded; or it is not, and main has it as before.
    pub(super) fn filled(&mut self, result: Result<(), Failure>) {
        if result.is_ok() {
            self.note_fill();
        }
        self.piece_done();
    }
}
