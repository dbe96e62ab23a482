// SPDX-License-Identifier: GPL-2.0-only

//! What a batch is made of: bios that failed or were held, and what messages asked for.

use kernel::prelude::*;

use dm_remap_core::{
    engine::{Engine, Job, JobId, JobKind, MAX_JOBS},
    fault::Op,
    open::{OpenError, Opened, Report},
    requests::Next,
    snapshot::Route,
};

use crate::{
    dm::{
        bio::{Bio, BioOp},
        status::Status,
    },
    kernel_ext::memory::Boxed,
    target::{
        assemble::{self, Failure},
        path::direction,
        volume::Volume,
        worker::Core,
        Remap,
    },
};

impl Core {
    /// Takes a batch from the queues; false if there is nothing.
    pub(super) fn collect(&mut self, volume: &Volume) -> bool {
        let mut any = false;
        if let Some(engine) = self.engine.as_mut() {
            let wishes = volume.wishes();
            engine.set_wishes(wishes.policy, wishes.pending_writes, wishes.auto_remap);
        }
        for slot in 0..MAX_JOBS {
            let Ok(id) = u8::try_from(slot) else { break };
            let id = JobId(id);
            // A request has the first place, so that no amount of bios keeps all of them out.
            if slot == 0 && self.take_request(volume, id, true) {
                any = true;
                continue;
            }
            if let Some(bio) = volume.queue.pop() {
                self.take_bio(volume, id, bio);
            } else if !self.take_request(volume, id, !any) {
                break;
            }
            any = true;
        }
        any
    }

    /// Takes the next request; `alone` if there is no job yet. False if there is none.
    fn take_request(&mut self, volume: &Volume, id: JobId, alone: bool) -> bool {
        if volume.is_suspended() {
            return false;
        }
        let next = volume.requests.lock().take(&volume.map.read(), alone);
        let Some(engine) = self.engine.as_mut() else {
            return false;
        };
        match next {
            None => return false,
            Some(Next::ResetStats) => engine.reset_stats(),
            Some(Next::ClearNeedsCheck) => self.clear_needs_check(volume),
            Some(Next::Job { kind, start, len }) => {
                if let Some(asked) = self.asked.get_mut(usize::from(id.0)) {
                    *asked = (kind, start);
                }
                let job = Job {
                    id,
                    op: Op::Write,
                    start,
                    len,
                    fua: false,
                    kind,
                };
                // There is room for a job of each name, and the engine is idle.
                let _ = engine.submit(job);
            }
        }
        true
    }

    /// Checks the metadata, repairs what is bad in one copy, and lets the map change again. What is in
    /// doubt is decided by that.
    #[inline(never)]
    fn clear_needs_check(&mut self, volume: &Volume) {
        let (Some(engine), Some(shape)) = (self.engine.as_mut(), self.shape.as_ref()) else {
            return;
        };
        let checked = assemble::resolve(volume, shape, engine.status().generation);
        let why = match checked.map(|opened| replace(engine, opened)) {
            Ok(Ok(report)) => {
                pr_info!(
                    "{}: the metadata was checked: {} blocks of the log written again from their other copy, {} superblocks cannot be written\n",
                    volume.name(),
                    report.repaired,
                    report.bad_places
                );
                return;
            }
            Ok(Err(errno)) => Failure::Errno(errno),
            Err(why) => why,
        };
        if let Failure::Open(OpenError::Unwritable) = why {
            engine.rest();
        }
        pr_err!(
            "{}: the metadata could not be checked: {}\n",
            volume.name(),
            format_args!("{why}")
        );
    }

    /// Sends a bio on its way if the map of now has a direct one, and makes a job of it if not.
    fn take_bio(&mut self, volume: &Volume, id: JobId, bio: Bio<Remap>) {
        let Some(op) = direction(bio.op()) else {
            // A discard, whose block was held. What lies on the spare stays there.
            if let Some(bio) = self.resubmit(volume, Op::Read, bio) {
                bio.complete(Status::OK);
            }
            return;
        };
        let bio = if bio.data().has_failed() {
            bio
        } else {
            match self.resubmit(volume, op, bio) {
                Some(bio) => bio,
                None => return,
            }
        };
        let Some(engine) = self.engine.as_mut() else {
            return bio.complete(Status::IOERR);
        };
        let job = Job {
            id,
            op,
            start: bio.sector(),
            len: u32::try_from(bio.len().0).unwrap_or(u32::MAX),
            fua: bio.is_fua(),
            kind: JobKind::Io,
        };
        match self.jobs.get_mut(usize::from(id.0)) {
            Some(slot) if slot.is_none() && engine.submit(job).is_ok() => *slot = Some(bio),
            _ => bio.complete(Status::IOERR),
        }
    }

    /// Sends a held bio to where it now belongs, if that is one place; gives it back if not.
    fn resubmit(&mut self, volume: &Volume, op: Op, mut bio: Bio<Remap>) -> Option<Bio<Remap>> {
        let Some((main, spare)) = self.devices else {
            return Some(bio);
        };
        let reader = volume.map.read();
        let whole = bio.len();
        let (device, at, to_spare) = match reader.route(bio.sector(), whole, op) {
            Route::Main { len } if len == whole => (main, volume.on_main(bio.sector()), false),
            Route::Spare { block, offset, len }
                if len == whole && bio.op() != BioOp::Discard && !volume.map_failed() =>
            {
                match volume.on_spare(block, offset) {
                    Some(at) => (spare, at, true),
                    None => return Some(bio),
                }
            }
            _ => return Some(bio),
        };
        bio.data_mut().reenter(reader.into_token(), op, to_spare);
        bio.resubmit(device, at);
        None
    }

    /// Says what a message could not do.
    #[inline(never)]
    pub(super) fn tell_stayed(&self, volume: &Volume, job: JobId, stayed: u32) {
        let Some(&(kind, start)) = self.asked.get(usize::from(job.0)) else {
            return;
        };
        let why = match kind {
            JobKind::Evacuate => {
                "not all of their sectors can be read within a minute, or no spare block is left"
            }
            JobKind::Retest => {
                "main does not take or give their data, or the spare has not all of it"
            }
            _ => "the spare area did not take the change",
        };
        if volume.often_limit.allow() {
            pr_warn!(
                "{}: from sector {} on, {} blocks stay as they are: {}\n",
                volume.name(),
                start.0,
                stayed,
                why
            );
        }
    }
}

/// The engine goes on with a map that was loaded anew. The frame is its own: both are large.
#[inline(never)]
fn replace(engine: &mut Engine, opened: Boxed<Option<Opened>>) -> Result<Report> {
    let opened = Boxed::into_inner(opened).ok_or(EINVAL)?;
    let replaced = engine.replace(opened.map, opened.writer);
    replaced.map_err(|_| ENOMEM)?;
    Ok(opened.report)
}
