// SPDX-License-Identifier: GPL-2.0-only

//! A map that was loaded anew takes the place of the one at work: how doubt ends.

use super::{Engine, State, Step};
use crate::{log::Writer, map::Map, mem::NoMemory};

impl Engine {
    /// Takes over what [`resolve`](crate::open::resolve) has found and made durable. From here on the map may
    /// change again, and nothing is in doubt: next the engine publishes the map, and lets what was routed by
    /// the one before come to its end before anything changes.
    ///
    /// Only while idle and without jobs. If memory is refused, all is as it was.
    ///
    /// # Context
    ///
    /// Process context: allocates.
    pub fn replace(&mut self, mut map: Map, writer: Writer) -> Result<(), NoMemory> {
        map.drop_pending(self.map.counters().pending_dropped);
        let before = core::mem::replace(&mut self.map, map);
        match self.snapshot_of(&[], &[]) {
            Ok(snapshot) => self.show(Some(snapshot), None),
            Err(refused) => {
                self.map = before;
                return Err(refused);
            }
        }
        self.needs_check = writer.superblock().needs_check;
        self.writer = writer;
        self.doubts_sure = 0;
        self.doubts.clear();
        self.set_state(State::Rw);
        self.step = Step::Replaced;
        Ok(())
    }
}
