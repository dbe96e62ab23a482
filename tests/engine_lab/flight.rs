// SPDX-License-Identifier: GPL-2.0-only

//! I/O of the fast path on its way: it reaches its disk when the test says so.

use dm_remap_core::{engine::Side, fault::Op, units::SECTOR_BYTES};

use super::{Flying, Lab, Request};

impl Lab {
    pub(super) fn fly(&mut self, request: Request, side: Side, at: u64) -> u32 {
        let len = request.len;
        self.tickets[request.ticket].open += 1;
        let watched = self.snapshot.watches() && side == Side::Main && request.op == Op::Write;
        self.flying.push(Flying {
            request,
            side,
            at,
            watched,
        });
        len
    }

    /// How many parts the fast path has under way.
    pub fn in_flight(&self) -> usize {
        self.flying.len()
    }

    /// Part `i` of those under way reaches its disk and ends; if it fails, the worker gets it.
    pub fn land(&mut self, i: usize) {
        let Flying {
            request,
            side,
            at,
            watched,
        } = self.flying.remove(i);
        let (from, len) = (request.from as usize, request.len as usize);
        let mut data = std::mem::take(&mut self.tickets[request.ticket].data);
        let range = &mut data[from * SECTOR_BYTES..(from + len) * SECTOR_BYTES];
        let result = match request.op {
            Op::Read => self.disk(side).read(at, range),
            Op::Write => self.disk(side).write(at, range, request.fua),
        };
        let ticket = &mut self.tickets[request.ticket];
        ticket.data = data;
        match result {
            Ok(()) => {
                ticket.open -= 1;
                self.main_took |= watched;
                self.end(request.ticket);
            }
            Err(_) => self.queue.push_back(request),
        }
    }

    /// All of them, in order.
    pub fn land_all(&mut self) {
        while !self.flying.is_empty() {
            self.land(0);
        }
    }

    /// A ticket whose last part has ended tells the twin.
    pub(super) fn end(&mut self, ticket: usize) {
        let t = &mut self.tickets[ticket];
        if t.open > 0 || t.checked {
            return;
        }
        t.checked = true;
        let len = (t.data.len() / SECTOR_BYTES) as u32;
        match t.op {
            Op::Write => self
                .twin
                .end_write(t.start, len, &t.data, t.fua, t.result.is_ok()),
            Op::Read if t.result.is_ok() => self.twin.check_read(t.start, &t.data, &t.known),
            Op::Read => {}
        }
    }
}
