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

    /// The message `clear_needs_check`, as the worker carries it out between two batches.
    pub fn clear_needs_check(&mut self) -> Result<(), OpenError> {
        let (map, writer) = area::resolve(&mut self.spare, &self.shape)?;
        self.engine.replace(map, writer).expect("granted");
        self.settle();
        Ok(())
    }
}
