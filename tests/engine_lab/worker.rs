// SPDX-License-Identifier: GPL-2.0-only

//! The worker of the lab: carries out what the engine asks for.

use dm_remap_core::{
    engine::{Action, Event, Failure, Job, JobId, MAX_JOBS},
    fault::Op,
    layout::Places,
    units::{Sector, SECTOR_BYTES},
};

use super::{
    disk::{Until, IOERR, MEDIUM},
    rng::Rng,
    Lab,
};

impl Lab {
    /// One step of the worker; the action that was carried out.
    pub fn step(&mut self) -> Action {
        let action = self.ask();
        self.carry_out(action);
        action
    }

    /// What the engine wants next; jobs are handed over when it is idle.
    pub fn ask(&mut self) -> Action {
        if self.event == Event::Start {
            if std::mem::take(&mut self.main_took) {
                self.engine.main_took_a_write(self.now);
            }
            for id in 0..MAX_JOBS {
                let Some(request) = self.queue.pop_front() else {
                    break;
                };
                let job = Job {
                    id: JobId(id as u8),
                    op: request.op,
                    start: Sector(request.start),
                    len: request.len,
                    fua: request.fua,
                    kind: request.kind,
                };
                assert_eq!(self.engine.submit(job), Ok(()));
                self.batch[id] = Some(request);
            }
        }
        let action = self.engine.next(self.now, self.event);
        self.found.extend(self.engine.take_found());
        action
    }

    /// Does what the engine wants, and keeps the event for the next step.
    pub fn carry_out(&mut self, action: Action) {
        self.actions.push(action);
        let bytes = |offset: u32, len: u32| {
            let at = offset as usize * SECTOR_BYTES;
            at..at + len as usize * SECTOR_BYTES
        };
        let done = |result: Result<(), Failure>| result.map_or_else(Event::Failed, |()| Event::Ok);
        self.event = Event::Ok;
        match action {
            Action::Gather { .. } | Action::Scatter { .. } if self.lose_data => {
                self.event = Event::Failed(IOERR);
            }
            Action::Read {
                side,
                at,
                len,
                offset,
            } => {
                self.now += self.cost;
                let mut scratch = std::mem::take(&mut self.scratch);
                let result = self.disk(side).read(at.0, &mut scratch[bytes(offset, len)]);
                self.scratch = scratch;
                self.event = done(result);
            }
            Action::Write {
                side,
                at,
                len,
                offset,
                fua,
            } => {
                self.now += self.cost;
                let scratch = std::mem::take(&mut self.scratch);
                let range = &scratch[bytes(offset, len)];
                let result = self.disk(side).write(at.0, range, fua);
                self.scratch = scratch;
                self.event = done(result);
            }
            Action::Gather {
                job,
                from,
                len,
                offset,
            } => {
                let request = self.batch[usize::from(job.0)].as_ref().expect("its job");
                let data = &self.tickets[request.ticket].data;
                let range = bytes(request.from + from, len);
                self.scratch[bytes(offset, len)].copy_from_slice(&data[range]);
            }
            Action::Scatter {
                job,
                from,
                len,
                offset,
            } => {
                let request = self.batch[usize::from(job.0)].as_ref().expect("its job");
                let range = bytes(request.from + from, len);
                let data = &mut self.tickets[request.ticket].data;
                data[range].copy_from_slice(&self.scratch[bytes(offset, len)]);
            }
            Action::Compare { offset, with, len } => {
                if self.scratch[bytes(offset, len)] != self.scratch[bytes(with, len)] {
                    self.event = Event::Failed(IOERR);
                }
            }
            Action::Flush { side } => {
                self.event = done(self.disk(side).flush());
            }
            Action::Meta { places } => self.event = self.meta(places),
            Action::Publish { wait } => {
                self.snapshot = self.engine.take_snapshot().expect("it was made before");
                if wait {
                    self.land_all();
                }
            }
            Action::Complete {
                job,
                result,
                stayed,
            } => {
                let request = self.batch[usize::from(job.0)].take().expect("once");
                let ticket = &mut self.tickets[request.ticket];
                ticket.result = ticket.result.and(result);
                ticket.stayed += stayed;
                ticket.open -= 1;
                self.end(request.ticket);
            }
            Action::Notice(notice) => self.notices.push(notice),
            Action::Idle => {
                assert!(
                    self.batch.iter().all(Option::is_none),
                    "a job was forgotten"
                );
                self.event = Event::Start;
            }
        }
    }

    fn meta(&mut self, places: Places) -> Event {
        let mut ok = 0;
        let block = self.engine.meta_block().to_vec();
        for (i, at) in places.as_slice().iter().enumerate() {
            let superblock = self.engine.layout().places().as_slice().contains(at);
            if self.fail_log && !superblock {
                let all = places.as_slice().iter().map(|at| at.0).collect();
                self.unwritten = Some((all, block.clone()));
                continue;
            }
            if self.spare.write(at.0, &block, true).is_ok() {
                ok |= 1 << i;
            }
        }
        Event::Meta { ok }
    }

    /// A power cut while a metadata block is being written leaves any part of it in any place.
    pub fn tear(&mut self, places: Places, rng: &mut Rng) {
        let block = self.engine.meta_block().to_vec();
        for at in places.as_slice() {
            for (i, cell) in block.chunks(SECTOR_BYTES).enumerate() {
                if rng.one_in(2) {
                    self.spare.put(at.0 + i as u64, cell, true);
                }
            }
        }
    }

    /// A power cut that leaves nothing of use where a metadata block is being written. A superblock cannot
    /// even be read there, if `unreadable`, until it is written.
    pub fn destroy(&mut self, places: Places, unreadable: bool) {
        for at in places.as_slice() {
            for i in 0..8 {
                self.spare.put(at.0 + i, &[0x5e; SECTOR_BYTES], true);
            }
            let superblock = self.engine.layout().places().as_slice().contains(at);
            if unreadable && superblock {
                let (op, until) = (Op::Read, Until::Written);
                self.spare.plan(op, at.0, 8, until, MEDIUM);
            }
        }
    }
}
