// SPDX-License-Identifier: GPL-2.0-only

//! What the tries of physical blocks alone tell of the devices, for who keeps their health.

use super::{bits::Parts, Engine, Found, State};
use crate::{
    fault::Op,
    health::What,
    units::{Sector, SectorCount},
};

impl Engine {
    /// What the last event has shown: to be asked after each [`next`](Engine::next), for there is room for one.
    pub fn take_found(&mut self) -> Option<Found> {
        self.found.take()
    }

    /// The piece has shown this.
    #[inline(never)]
    pub(super) fn found(&mut self, op: Op, what: What) {
        let piece = &self.piece;
        let sectors = match what {
            What::Error => self.unknown_sectors(),
            _ => 0,
        };
        let first = self.block.start_of(piece.block);
        let at = first.and_then(|at| at.checked_add(SectorCount(piece.offset.into())));
        self.found = Some(Found {
            side: piece.home.side(op),
            at: at.unwrap_or(Sector(0)),
            what,
            sectors,
        });
    }

    /// How many sectors of the piece are not known to be bad.
    fn unknown_sectors(&self) -> u32 {
        let piece = &self.piece;
        Parts::of(piece.offset, piece.len).fold(0, |n, (chunk, bits)| {
            let state = self.state_of(piece.block, chunk);
            let new = bits & !state.pending() & !state.unspared();
            n.saturating_add(new.count_ones())
        })
    }

    /// A piece of the scanner's was read: what is read at once is not bad any more.
    pub(super) fn scanned(&mut self) {
        let piece = self.piece;
        if piece.failure.is_none() && self.state == State::Rw {
            self.note_read(piece.offset, piece.len);
        }
        self.was_read();
    }
}
