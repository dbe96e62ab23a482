// SPDX-License-Identifier: GPL-2.0-only

//! The worker of a volume: takes what failed or was held, and carries out what the engine decides.

mod buffer;
mod intake;
mod scan;

use kernel::{
    prelude::*,
    sync::{atomic::Full, Arc},
};

use dm_remap_core::{
    engine::{Action, Config, Engine, Event, JobKind, Side, MAX_JOBS},
    health::image::Image,
    layout::META_BYTES,
    open::{Expect, OpenError},
    record::Record,
    units::{Block, BlockSize, Sector, SectorCount, SpareBlock},
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
        trace,
        workqueue::Worker,
    },
    target::{
        outcome::{done, outcome, place},
        path::main_flush_failed,
        shape::Shape,
        table::Table,
        volume::{Summary, Volume},
        worker::{buffer::ScanBuffer, scan::Seen},
        Remap,
    },
};

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
    /// The first sectors of its jobs that are a message's.
    asked: [(JobKind, Sector); MAX_JOBS],
    /// What bios are sent to again: main and the spare, as the live table names them.
    devices: Option<(Device, Device)>,
    /// The ranges of the live table.
    shape: Option<Shape>,
    /// What scans read into, if there was memory for it.
    scan_buffer: ScanBuffer,
    /// What the jobs of a scan have shown.
    seen: Seen,
    /// The image of the health that is being written.
    saving: Option<Image>,
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
            asked: [(JobKind::Io, Sector(0)); MAX_JOBS],
            devices: None,
            shape: None,
            scan_buffer: ScanBuffer::default(),
            seen: Seen::default(),
            saving: None,
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

    /// Whether the target was shorter than `len` until now.
    pub(crate) fn is_shorter(&self, len: SectorCount) -> bool {
        self.engine.as_ref().is_some_and(|e| e.target_len() < len)
    }

    /// The target is longer than before; the worker rests.
    pub(crate) fn grow(&mut self, expect: &Expect) -> Result<(), OpenError> {
        self.engine.as_mut().map_or(Ok(()), |e| e.grow(expect))
    }

    /// This table serves from now on: bios go to its handles.
    pub(crate) fn serve(&mut self, table: &Table) {
        self.devices = Some((table.main, table.spare));
        self.shape = Some(*table.shape());
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
    core.attend(volume);
    core.scan(volume);
}

/// Lets the engine write the clean superblock; the volume is quiet.
///
/// # Context
///
/// Process context, in a no-IO scope.
pub(crate) fn close(volume: &Worker<Volume>) {
    let mut core = volume.core.lock();
    // One that has been begun, and what is newer.
    while core.save(volume) {}
    if let Some(engine) = core.engine.as_mut() {
        engine.close();
        core.drive(volume);
    }
}

impl Core {
    /// Carries out batches until nothing is left.
    fn attend(&mut self, volume: &Worker<Volume>) {
        while self.hear(volume) | self.collect(volume) {
            self.drive(volume);
            volume.requests.lock().ended();
            volume.batches.fetch_add(1, Full);
        }
    }

    /// Tells the engine that main took a write, if that is so.
    fn hear(&mut self, volume: &Volume) -> bool {
        let took = volume.take_main_took();
        if let (Some(engine), true) = (self.engine.as_mut(), took) {
            engine.main_took_a_write(clock::monotonic_ms());
        }
        took
    }

    /// Carries out one action after another until the engine is idle.
    fn drive(&mut self, volume: &Worker<Volume>) {
        let mut event = Event::Start;
        loop {
            let Some(engine) = self.engine.as_mut() else {
                break;
            };
            let (action, found) = {
                // It decides, and allocates a little: a refusal is an error for some callers, while a
                // wait could be one for the very memory that they are writing to free.
                let _scope = NoReclaim::enter();
                let action = engine.next(clock::monotonic_ms(), event);
                (action, engine.take_found())
            };
            if let Some(found) = found {
                self.note(volume, &found);
            }
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
                stats: engine.stats(),
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
                    main_flush_failed(volume, status);
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
            Action::Compare { offset, with, len } => {
                let one = self.scratch.sectors(offset, len);
                done(one.is_some() && one == self.scratch.sectors(with, len))
            }
            Action::Complete {
                job,
                result,
                stayed,
            } => {
                if stayed != 0 {
                    self.tell_stayed(volume, job, stayed);
                }
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
        self.trace(volume, ok);
        Event::Meta { ok }
    }

    /// Tells who traces commits what is in this one, if it is one, and how many copies have it.
    fn trace(&self, volume: &Volume, ok: u32) {
        let commit = self.engine.as_ref().and_then(|e| e.committing());
        let (generation, records) = commit.unwrap_or_default();
        for &record in records {
            let (what, block, spare) = match record {
                Record::Remap { block, spare } => (c"remap", block, spare),
                Record::Unmap { block } => (c"unmap", block, SpareBlock(0)),
                Record::Sectors { block, .. } => (c"sectors", block, SpareBlock(0)),
                Record::BadSpare { spare } => (c"bad_spare", Block(0), spare),
            };
            let sector = volume.shape().block.start_of(block).unwrap_or(Sector(0));
            trace::commit(volume.name(), generation, ok, what, sector.0, spare.0);
            if matches!(record, Record::Remap { .. }) && ok != 0 {
                scan::note_moved(volume, sector);
            }
        }
    }
}
