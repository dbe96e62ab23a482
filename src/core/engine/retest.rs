// SPDX-License-Identifier: GPL-2.0-only

//! Retest: a block goes back to main, and pending sectors are read again.
//!
//! A block that goes back is held, as one that moves away is, and was read whole from its spare block. Up
//! to the commit main's copy is nobody's: whatever fails, the block stays where it is.

use super::{
    bits::Parts,
    piece::Home,
    relocate::{Fate, Kind},
    Action, Count, Engine, Failure, Side, Step,
};
use crate::{
    fault::{Fault, Op},
    record::{Record, CHUNK_SECTORS},
    units::Sector,
};

/// What is done to main's copy of a block that goes back, or of a write to pending sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// It is written.
    Write,
    /// It leaves the cache of the disk.
    Flush,
    /// It is read, to the second half of scratch.
    Read,
    /// It is compared with what was written.
    Compare,
}

/// The next sectors of a piece that are pending.
struct Pending {
    side: Side,
    at: Sector,
    offset: u32,
    len: u32,
}

impl Engine {
    /// Begins this step of the move under way.
    pub(super) fn go_back(&mut self, stage: Back) -> Option<Action> {
        let Some(at) = self.place(self.moving.block, None, 0) else {
            self.fail_move(self.own_failure());
            return None;
        };
        Some(self.put_to_main(stage, at, self.moving.len))
    }

    /// One of the steps after which main has shown that it has these sectors, which are in scratch.
    #[inline(never)]
    pub(super) fn put_to_main(&mut self, stage: Back, at: Sector, len: u32) -> Action {
        let (side, with) = (Side::Main, self.block.sectors());
        match stage {
            Back::Write => Action::Write {
                side,
                at,
                len,
                offset: 0,
                fua: false,
            },
            Back::Flush => {
                self.stats.count(Count::FLUSHES);
                Action::Flush { side }
            }
            Back::Read => Action::Read {
                side,
                at,
                len,
                offset: with,
            },
            Back::Compare => Action::Compare {
                offset: 0,
                with,
                len,
            },
        }
    }

    /// This step of the move under way has ended.
    pub(super) fn went_back(&mut self, stage: Back, result: Result<(), Failure>) {
        if let Err(failure) = result {
            return self.fail_move(failure);
        }
        self.step = match stage {
            Back::Write => Step::Back(Back::Flush),
            Back::Flush => {
                // It always goes back to main.
                self.main_works();
                Step::Back(Back::Read)
            }
            Back::Read => Step::Back(Back::Compare),
            Back::Compare => {
                let moving = self.moving;
                self.record(Record::Unmap {
                    block: moving.block,
                });
                if let Some(m) = self.moves.as_mut_slice().get_mut(moving.index) {
                    m.fate = Fate::Returned;
                }
                Step::Pick
            }
        };
    }

    /// Reads the next pending sectors of the piece alone, as far as they share a physical block.
    pub(super) fn read_pending(&mut self) -> Option<Action> {
        let Some(next) = self.next_pending() else {
            let failed = self.piece.failure;
            if let (Some(slot), true) = (
                self.jobs.as_mut_slice().get_mut(self.piece.slot),
                failed.is_some(),
            ) {
                slot.stays();
            }
            self.piece_done();
            return None;
        };
        let slot = self.jobs.as_slice().get(self.piece.slot);
        let started = slot.and_then(|slot| slot.started).unwrap_or(self.now);
        if self.overdue(started) {
            self.stop(self.piece.slot, self.own_failure());
            return None;
        }
        Some(Action::Read {
            side: next.side,
            at: next.at,
            len: next.len,
            offset: 0,
        })
    }

    /// They were read, or not: then they stay pending.
    pub(super) fn reread(&mut self, result: Result<(), Failure>) {
        let Some(next) = self.next_pending() else {
            return;
        };
        match result {
            Ok(()) => self.note_read(next.offset, next.len),
            // Not the medium: nothing is known of the sectors.
            Err(failure) if failure.fault == Fault::Never => {
                return self.stop(self.piece.slot, failure);
            }
            Err(failure) => self.piece.failure = Some(failure),
        }
        let piece = &mut self.piece;
        let past = next.offset.saturating_add(next.len);
        let step = past.saturating_sub(piece.offset).min(piece.len);
        piece.offset = past;
        piece.from = piece.from.saturating_add(step);
        piece.len = piece.len.saturating_sub(step);
    }

    /// The first pending sectors of what is left of the piece: in one physical block, in one place.
    fn next_pending(&self) -> Option<Pending> {
        let piece = &self.piece;
        let (block, room) = (piece.block, self.existing(piece.block));
        let offset = Parts::of(piece.offset, piece.len).find_map(|(chunk, bits)| {
            let pending = bits & self.chunk(block, chunk).pending();
            let first = u32::from(chunk).saturating_mul(CHUNK_SECTORS);
            (pending != 0).then(|| first.saturating_add(pending.trailing_zeros()))
        })?;
        let room = room.saturating_sub(offset);
        let (home, alike) = match piece.home.spare() {
            Some(spare) => self.home(block, spare, offset, room),
            None => (Home::Main, room),
        };
        let side = home.side(Op::Read);
        let spare = piece.home.spare().filter(|_| side == Side::Spare);
        Some(Pending {
            side,
            at: self.place(block, spare, offset)?,
            offset,
            len: alike.min(self.physical_room(side, block, offset)),
        })
    }
}

impl Kind {
    /// A block of which some sector cannot be read stays where it is.
    pub(super) fn is_all_or_nothing(self) -> bool {
        matches!(self, Kind::Whole | Kind::Back)
    }
}
