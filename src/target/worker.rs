// SPDX-License-Identifier: GPL-2.0-only

//! The worker of a volume: takes what failed or was held, and carries out what the engine decides.

use kernel::{
    prelude::*,
    sync::{atomic::Full, Arc},
};

use dm_remap_core::{
    engine::{Action, Config, Engine, Event, Failure, Job, JobId, JobKind, Side, MAX_JOBS},
    fault::Op,
    layout::META_BYTES,
    snapshot::Route,
    units::{BlockSize, Sector},
};

use crate::{
    dm::{
        bio::Bio,
        context::Device,
        io::{IoBuffer, IoContext, IoFlags},
        status::Status,
    },
    kernel_ext::{
        clock,
        memory::Boxed,
        noio::{NoIo, NoReclaim},
        workqueue::Worker,
    },
    target::{
        path::{direction, fault_of},
        volume::{Summary, Volume},
        Remap,
    },
};

/// How many blocks of a message's range are one job: short, so that I/O between them is not held up.
const BLOCKS_A_JOB: u32 = 8;

/// What only the worker, and the callbacks that run while it rests, may touch.
pub(crate) struct Core {
    /// Decides; there once the area is loaded. In a box, for it is too large for a kernel stack.
    engine: Option<Boxed<Engine>>,
    /// The area's own UUID.
    uuid: [u8; 16],
    /// Forward progress for our own I/O.
    io: IoContext,
    /// One block and a physical block, for data.
    scratch: IoBuffer,
    /// One metadata block.
    meta: IoBuffer,
    /// The bios of the batch, by job.
    jobs: [Option<Bio<Remap>>; MAX_JOBS],
    /// What bios are sent to again: main and the spare, as the live table names them.
    devices: Option<(Device, Device)>,
}

impl Core {
    /// Buffers and bios for a volume of this block size.
    pub(crate) fn new(block: BlockSize) -> Result<Boxed<Core>> {
        let core = Core {
            engine: None,
            uuid: [0; 16],
            io: IoContext::new()?,
            scratch: IoBuffer::new(block.sectors())?,
            meta: IoBuffer::new(SECTORS_OF_META)?,
            jobs: [const { None }; MAX_JOBS],
            devices: None,
        };
        Ok(Boxed::new(core, GFP_KERNEL)?)
    }

    /// The area is loaded: from here on there is an engine.
    pub(crate) fn start(&mut self, engine: Boxed<Engine>, uuid: [u8; 16]) -> Result {
        self.make_room(&engine)?;
        self.engine = Some(engine);
        self.uuid = uuid;
        Ok(())
    }

    /// The scratch buffer is as large as the engine needs it.
    fn make_room(&mut self, engine: &Engine) -> Result {
        let need = engine.scratch_sectors();
        if self.scratch.len_sectors() < need {
            self.scratch = IoBuffer::new(need)?;
        }
        Ok(())
    }

    /// A reload has other features; the worker rests.
    pub(crate) fn reconfigure(&mut self, config: Config) -> Result {
        if let Some(mut engine) = self.engine.take() {
            engine.set_config(config);
            let room = self.make_room(&engine);
            self.engine = Some(engine);
            room?;
        }
        Ok(())
    }

    /// Bios go to these handles from now on.
    pub(crate) fn set_devices(&mut self, main: Device, spare: Device) {
        self.devices = Some((main, spare));
    }
}

const SECTORS_OF_META: u32 = (META_BYTES / 512) as u32;

/// One run: batches until nothing is left.
///
/// # Context
///
/// Process context, the volume's own ordered workqueue.
pub(crate) fn run(volume: &Worker<Volume>) {
    let _noio = NoIo::enter();
    let mut core = volume.core.lock();
    while core.collect(volume) {
        core.drive(volume);
        volume.batches.fetch_add(1, Full);
    }
}

/// Lets the engine write the clean superblock; the volume is quiet.
///
/// # Context
///
/// Process context, in a no-IO scope.
pub(crate) fn close(volume: &Worker<Volume>) {
    let mut core = volume.core.lock();
    if let Some(engine) = core.engine.as_mut() {
        engine.close();
        core.drive(volume);
    }
}

impl Core {
    /// Takes a batch from the queues; false if there is nothing.
    fn collect(&mut self, volume: &Volume) -> bool {
        let mut any = false;
        for slot in 0..MAX_JOBS {
            let Ok(id) = u8::try_from(slot) else { break };
            let id = JobId(id);
            // The first place is for a request, however many bios wait: without that it would wait as
            // long as they keep coming.
            if slot == 0 && self.take_request(volume, id) {
                any = true;
            } else if let Some(bio) = volume.queue.pop() {
                any = true;
                self.take_bio(volume, id, bio);
            } else if self.take_request(volume, id) {
                any = true;
            } else {
                break;
            }
        }
        any
    }

    /// Makes a job of the next part of what messages asked for; false if there is nothing, or not now.
    fn take_request(&mut self, volume: &Volume, id: JobId) -> bool {
        if volume.is_suspended() {
            return false;
        }
        let most = volume.shape().block.sectors().saturating_mul(BLOCKS_A_JOB);
        let Some((start, len)) = volume.requests.lock().take(most) else {
            return false;
        };
        if let Some(engine) = self.engine.as_mut() {
            let job = Job {
                id,
                op: Op::Write,
                start,
                len,
                fua: false,
                kind: JobKind::Relocate,
            };
            // There is room for a job of each name, and the engine is idle.
            let _ = engine.submit(job);
        }
        true
    }

    /// Sends a bio on its way if the map of now has a direct one, and makes a job of it if not.
    fn take_bio(&mut self, volume: &Volume, id: JobId, bio: Bio<Remap>) {
        let Some(op) = direction(bio.op()) else {
            return bio.complete(Status::NOTSUPP);
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
            Route::Spare { block, offset, len } if len == whole && !volume.map_failed() => {
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

    /// Carries out one action after another until the engine is idle.
    fn drive(&mut self, volume: &Worker<Volume>) {
        let mut event = Event::Start;
        loop {
            let Some(engine) = self.engine.as_mut() else {
                break;
            };
            let action = {
                // It decides, and allocates a little: a refusal is an error for some callers, while a
                // wait could be one for the very memory that they are writing to free.
                let _scope = NoReclaim::enter();
                engine.next(clock::monotonic_ms(), event)
            };
            if action == Action::Idle {
                break;
            }
            event = self.carry_out(volume, action);
        }
        self.report(volume);
    }

    /// Makes known how things stand.
    pub(crate) fn report(&self, volume: &Volume) {
        if let Some(engine) = self.engine.as_ref() {
            volume.set_summary(Summary {
                uuid: self.uuid,
                counters: engine.map().counters(),
                engine: engine.status(),
            });
        }
    }

    fn carry_out(&mut self, volume: &Worker<Volume>, action: Action) -> Event {
        match action {
            Action::Read {
                side,
                at,
                len,
                offset,
            } => {
                let flags = IoFlags::NOMERGE.or(IoFlags::SYNC);
                let (device, at) = place(volume, side, at);
                outcome(
                    self.io
                        .read(device, at, &mut self.scratch, offset, len, flags),
                )
            }
            Action::Write {
                side,
                at,
                len,
                offset,
                fua,
            } => {
                let mut flags = IoFlags::NOMERGE.or(IoFlags::SYNC);
                if fua {
                    flags = flags.or(IoFlags::FUA);
                }
                let (device, at) = place(volume, side, at);
                let status = self.io.write(device, at, &self.scratch, offset, len, flags);
                if side == Side::Spare && status.is_ok() {
                    volume.note_spare_write();
                }
                outcome(status)
            }
            Action::Gather {
                job,
                from,
                len,
                offset,
            } => {
                let copied = match (
                    self.jobs.get(usize::from(job.0)),
                    self.scratch.sectors_mut(offset, len),
                ) {
                    (Some(Some(bio)), Some(to)) => bio.copy_to(from, to),
                    _ => false,
                };
                done(copied)
            }
            Action::Scatter {
                job,
                from,
                len,
                offset,
            } => {
                let copied = match (
                    self.jobs.get_mut(usize::from(job.0)),
                    self.scratch.sectors(offset, len),
                ) {
                    (Some(Some(bio)), Some(data)) => bio.copy_from(from, data),
                    _ => false,
                };
                done(copied)
            }
            Action::Flush { side: Side::Main } => {
                let status = self.io.flush(&volume.main);
                if !status.is_ok() {
                    volume.flush_failed();
                }
                outcome(status)
            }
            Action::Flush { side: Side::Spare } => {
                let covers = volume.spare_unflushed();
                let status = self.io.flush(&volume.spare);
                match (covers, status.is_ok()) {
                    (Some(covers), true) => volume.spare_flushed(covers),
                    // It may have carried data of completed writes: their caller has to hear of it.
                    (_, false) => volume.flush_failed(),
                    (None, true) => {}
                }
                outcome(status)
            }
            Action::Meta { places } => self.write_meta(volume, places.as_slice()),
            Action::Publish { wait } => {
                if let Some(snapshot) = self.engine.as_mut().and_then(|e| e.take_snapshot()) {
                    volume.map.publish(Arc::from(snapshot));
                }
                if wait {
                    volume.map.wait();
                }
                Event::Ok
            }
            Action::Complete { job, result } => {
                let status = match result {
                    Ok(()) => Status::OK,
                    Err(failure) => Status::from_code(failure.code),
                };
                if let Some(bio) = self.jobs.get_mut(usize::from(job.0)).and_then(Option::take) {
                    bio.complete(status);
                }
                Event::Ok
            }
            Action::Notice(notice) => {
                self.report(volume);
                volume.notice(notice);
                Event::Ok
            }
            Action::Idle => Event::Start,
        }
    }

    /// Writes the engine's metadata block to all `places` at once.
    fn write_meta(&mut self, volume: &Volume, places: &[Sector]) -> Event {
        const NOTHING: Event = Event::Meta { ok: 0 };
        let Some(engine) = self.engine.as_ref() else {
            return NOTHING;
        };
        let block = engine.meta_block();
        match self.meta.bytes_mut().get_mut(..block.len()) {
            Some(to) => to.copy_from_slice(block),
            None => return NOTHING,
        }
        let mut at = [Sector(0); 8];
        for (to, from) in at.iter_mut().zip(places) {
            *to = volume.in_area(*from);
        }
        let Some(at) = at.get(..places.len()) else {
            return NOTHING;
        };
        let flags = IoFlags::FUA.or(IoFlags::META).or(IoFlags::SYNC);
        let ended = self
            .io
            .write_many(&volume.spare, at, &self.meta, 0, SECTORS_OF_META, flags);
        let ok = ended
            .iter()
            .take(places.len())
            .zip(0u32..)
            .filter(|(status, _)| status.is_ok())
            .fold(0u32, |bits, (_, n)| bits | 1u32.wrapping_shl(n));
        Event::Meta { ok }
    }
}

/// The device, and the sector of it, that the engine means.
fn place(volume: &Volume, side: Side, at: Sector) -> (&crate::dm::device::BlockDevice, Sector) {
    match side {
        Side::Main => (&volume.main, volume.on_main(at)),
        Side::Spare => (&volume.spare, volume.in_area(at)),
    }
}

fn outcome(status: Status) -> Event {
    if status.is_ok() {
        Event::Ok
    } else {
        Event::Failed(failure(status))
    }
}

fn failure(status: Status) -> Failure {
    Failure {
        fault: fault_of(status),
        code: status.code(),
    }
}

/// A copy that found no data is a bug of ours: the request fails, and nothing is written.
fn done(copied: bool) -> Event {
    if copied {
        Event::Ok
    } else {
        Event::Failed(failure(Status::IOERR))
    }
}
