// SPDX-License-Identifier: GPL-2.0-only

//! What an administrator asks the lab for.

use dm_remap_core::{engine::JobKind, fault::Op, open::OpenError};

use super::{area, Lab, Request};

impl Lab {
    /// Queues the message `remap`.
    pub fn relocate(&mut self, start: u64, len: u32) -> usize {
        self.message(JobKind::Relocate, start, len)
    }

    /// Queues a message.
    pub fn message(&mut self, kind: JobKind, start: u64, len: u32) -> usize {
        let ticket = self.ticket(Op::Read, start, false, Vec::new());
        self.tickets[ticket].open = 1;
        self.queue.push_back(Request {
            ticket,
            op: Op::Read,
            start,
            len,
            fua: false,
            kind,
            from: 0,
        });
        ticket
    }

    /// The message `clear_needs_check`, as the worker carries it out between two batches. Gives how many
    /// blocks of the log were repaired.
    pub fn clear_needs_check(&mut self) -> Result<u32, OpenError> {
        let generation = self.engine.status().generation;
        let checked = area::resolve(&mut self.spare, &self.shape, generation);
        if let Err(OpenError::Unwritable) = checked {
            self.engine.rest();
        }
        let opened = checked.inspect_err(|_| self.settle())?;
        let replaced = self.engine.replace(opened.map, opened.writer);
        replaced.expect("granted");
        self.settle();
        Ok(opened.report.repaired)
    }
}
