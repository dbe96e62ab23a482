// SPDX-License-Identifier: GPL-2.0-only

//! A map that was loaded anew takes the place of the one at work: how doubt ends, and how a copy of the
//! metadata that is bad, or was given up, becomes whole again.

use super::{Engine, State, Step};
use crate::{log::Writer, map::Map, mem::NoMemory};

impl Engine {
    /// Takes over what [`resolve`](crate::open::resolve) has found and made durable. From here on the map may
    /// change again, and nothing is in doubt: next the engine publishes the map, and lets what was routed by
    /// the one before come to its end before anything changes.
    ///
    /// Only while idle and without jobs. If memory is refused, the map is as it was, and it
    /// [rests](Self::rest).
    ///
    /// # Context
    ///
    /// Process context: allocates.
    pub fn replace(&mut self, mut map: Map, writer: Writer) -> Result<(), NoMemory> {
        map.keep_dropped(&self.map);
        let before = core::mem::replace(&mut self.map, map);
        match self.snapshot_of(&[], &[]) {
            Ok(snapshot) => self.show(Some(snapshot), None),
            Err(refused) => {
                self.map = before;
                self.rest();
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

    /// A session that the writer does not know of may have begun: what it writes on would not count. So the
    /// map, which is right as it is, does not change until the metadata was checked.
    ///
    /// Only while idle and without jobs.
    pub fn rest(&mut self) {
        // Not even a superblock, whatever the state: it would contradict that of the session.
        self.writer.rest();
        if self.state == State::Rw {
            self.needs_check = true;
            self.set_state(State::Ro);
        }
    }
}
