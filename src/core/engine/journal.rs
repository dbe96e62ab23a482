// SPDX-License-Identifier: GPL-2.0-only

//! Metadata blocks on their way: sessions, compaction, the log block, a copy that fails, doubt.

use super::{Action, Degraded, Engine, Event, Notice, Step};
use crate::{
    layout::{CopyId, MetaBlock},
    log::{Outcome, Refused, Slot, Writer},
    map::Cursor,
    units::Sector,
};

impl Engine {
    /// The n-th place of a superblock.
    pub(super) fn superblock_place(&self, n: u8) -> Option<Sector> {
        let places = self.writer.layout().places();
        places.as_slice().get(usize::from(n)).copied()
    }

    /// Makes a superblock, and the action that writes it to the first half of its places.
    fn meta(
        &mut self,
        make: impl FnOnce(&mut Writer, &mut MetaBlock) -> Result<(), Refused>,
    ) -> Result<Action, Refused> {
        let block = self.meta.get_mut().ok_or(Refused::Busy)?;
        make(&mut self.writer, block)?;
        let [round, _] = self.writer.rounds();
        (self.written, self.first, self.second_round) = (0, round.first, true);
        Ok(Action::Meta {
            places: round.places,
        })
    }

    /// Adds up where the block was written, and goes on with the other half of a superblock's places.
    pub(super) fn next_round(&mut self, event: Event) -> Option<Action> {
        if let Event::Meta { ok } = event {
            self.written |= ok.wrapping_shl(self.first);
        }
        if !core::mem::take(&mut self.second_round) {
            return None;
        }
        let [_, round] = self.writer.rounds();
        self.first = round.first;
        Some(Action::Meta {
            places: round.places,
        })
    }

    /// Opens a session, if none is open.
    pub(super) fn open(&mut self) -> Option<Action> {
        if self.writer.session_open() {
            self.step = self.log_step();
            return None;
        }
        let action = self.meta(|writer, block| writer.open_session(block));
        self.or_give_up(action)
    }

    /// The superblock of the new session was written to these places.
    pub(super) fn opened(&mut self, ok: u32) {
        if self.writer.superblock_written(ok) {
            self.unrecorded = false;
            self.step = self.log_step();
        } else {
            // The session before is still the last one, and this commit was not begun. The next one tries
            // again, for a device that was away comes back.
            if !core::mem::replace(&mut self.unrecorded, true) {
                self.notify(Notice::Unrecorded);
            }
            self.give_up(self.own_failure());
        }
    }

    /// The commit, or the compaction that has to come first.
    fn log_step(&self) -> Step {
        if self.writer.in_checkpoint() || !self.writer.fits(self.units) {
            Step::Compact
        } else {
            Step::Commit
        }
    }

    /// Writes the next block of the whole map into the half of the log that is not in use.
    pub(super) fn compact(&mut self) -> Option<Action> {
        if !self.writer.in_checkpoint() {
            self.cursor = Cursor::new();
            if self.writer.begin_checkpoint().is_err() {
                self.give_up(self.own_failure());
                return None;
            }
        }
        let (map, cursor) = (&self.map, &mut self.cursor);
        let slot = match self.meta.get_mut() {
            Some(block) => self
                .writer
                .encode_checkpoint(&mut || map.next_record(cursor), block),
            None => Err(Refused::Busy),
        };
        let action = self.send(slot);
        self.or_give_up(action)
    }

    /// A block of the compaction was written to these places.
    pub(super) fn compacted(&mut self, ok: u32) {
        self.log_written(Degraded::Compaction, ok);
    }

    /// Writes the log block: the change happens with it, or not at all.
    pub(super) fn commit(&mut self) -> Option<Action> {
        let slot = match self.meta.get_mut() {
            Some(block) => self.writer.encode_commit(self.records.as_slice(), block),
            None => Err(Refused::Busy),
        };
        let action = self.send(slot);
        self.or_give_up(action)
    }

    /// The log block was written to these places.
    pub(super) fn committed(&mut self, ok: u32) {
        self.log_written(Degraded::Commit, ok);
    }

    fn send(&mut self, slot: Result<Slot, Refused>) -> Result<Action, Refused> {
        let slot = slot?;
        self.slot = Some(slot);
        (self.written, self.first) = (0, 0);
        Ok(Action::Meta {
            places: slot.places(),
        })
    }

    /// A block that could not be made was not written: nothing has happened.
    fn or_give_up(&mut self, action: Result<Action, Refused>) -> Option<Action> {
        match action {
            Ok(action) => Some(action),
            Err(_) => {
                self.give_up(self.own_failure());
                None
            }
        }
    }

    /// A block of the log was written to these places.
    fn log_written(&mut self, what: Degraded, ok: u32) {
        let Some(slot) = self.slot else {
            return self.give_up(self.own_failure());
        };
        match self.writer.outcome(&slot, ok) {
            Outcome::Done => self.log_acknowledged(what),
            Outcome::Degrade(copy) => self.step = Step::Degrade(what, copy),
            Outcome::Doubt => self.log_doubted(what),
        }
    }

    fn log_acknowledged(&mut self, what: Degraded) {
        if let Some(slot) = self.slot.take() {
            self.writer.acknowledge(slot);
        }
        match what {
            Degraded::Compaction => self.step = self.log_step(),
            Degraded::Commit => self.commit_done(),
        }
    }

    fn log_doubted(&mut self, what: Degraded) {
        if let Some(slot) = self.slot.take() {
            self.writer.doubt(slot);
        }
        self.in_doubt_now(what == Degraded::Commit);
    }

    /// Puts on record that `copy` is not written any more, before what the other one holds counts.
    pub(super) fn degrade(&mut self, what: Degraded, copy: CopyId) -> Option<Action> {
        match self.meta(|writer, block| writer.degrade(copy, block)) {
            Ok(action) => Some(action),
            Err(_) => {
                self.log_doubted(what);
                None
            }
        }
    }

    /// The superblock that gives `copy` up was written to these places.
    pub(super) fn degraded(&mut self, what: Degraded, copy: CopyId, ok: u32) {
        if self.writer.superblock_written(ok) {
            self.notify(Notice::Degraded(copy.number()));
            self.log_acknowledged(what);
        } else {
            self.log_doubted(what);
        }
    }

    /// Tries to put on record that the metadata has to be checked.
    pub(super) fn doubt(&mut self) -> Option<Action> {
        let action = self.meta(|writer, block| writer.needs_check(true, block));
        if action.is_err() {
            self.step = Step::Publish;
        }
        action.ok()
    }

    /// That was written, or not: more cannot be done.
    pub(super) fn doubted(&mut self, ok: u32) {
        self.writer.superblock_written(ok);
        self.step = Step::Publish;
    }

    /// Closes the session, if one is open and nothing is in doubt.
    pub(super) fn close_session(&mut self) -> Option<Action> {
        self.closing = false;
        let action = match self.writer.session_open() {
            true => self.meta(|writer, block| writer.close_session(block)),
            false => Err(Refused::NoSession),
        };
        if action.is_err() {
            self.step = Step::Idle;
        }
        action.ok()
    }

    /// The superblock of a closed session was written to these places. If to none, the next load finds
    /// an open session, which costs it nothing but a look.
    pub(super) fn closed(&mut self, ok: u32) {
        self.writer.superblock_written(ok);
        self.step = Step::Idle;
    }
}
