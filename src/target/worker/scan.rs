// SPDX-License-Identifier: GPL-2.0-only

//! The scanner's reads, between the batches: one step a run of the worker, so that nobody waits for more than that.

use dm_remap_core::{
    engine::{Found, Job, JobId, JobKind, Side, State as EngineState},
    fault::{Op, Verdict},
    health::{
        image::Image,
        keeper::Traffic,
        scan::{
            part::{of_main, Part},
            Next, Outcome, Read, State,
        },
        What,
    },
    layout::{Layout, META_BYTES},
    requests::Request,
    units::{Sector, SectorCount, SpareBlock},
};

use crate::{
    dm::io::IoFlags,
    kernel_ext::{clock, noio::NoReclaim, workqueue::Worker},
    target::{
        notice,
        outcome::place,
        path::fault_of,
        volume::Volume,
        worker::{Core, SECTORS_OF_META},
    },
};

/// How long the worker sleeps at most, for time to pass in the predictor.
const AN_HOUR_MS: u64 = 3_600_000;

/// What the jobs of a scan have shown.
#[derive(Default)]
pub(super) struct Seen {
    /// A job is a scan's.
    scans: bool,
    /// Something was found that was not known.
    hit: bool,
    /// The way to the device failed.
    cut_short: bool,
    /// A suspend came before all was read.
    broken_off: bool,
    /// It took long.
    slow: bool,
    /// Something was found since the level was last looked at.
    news: bool,
}

/// What is done with sectors that a scan comes to.
#[derive(Clone, Copy)]
enum Way {
    /// They are read, at this sector of the side.
    Read(Side, Sector),
    /// Each physical block is read alone, by the engine.
    Narrow,
    /// Nothing.
    Pass,
}

/// What the users of main's disk do.
fn traffic(volume: &Volume) -> Traffic {
    let (sectors, busy) = volume.main.traffic();
    Traffic { sectors, busy }
}

/// A block of the target moves.
#[inline(never)]
pub(super) fn note_moved(volume: &Volume, at: Sector) {
    let _scope = NoReclaim::enter();
    volume.keeper.lock().moved(clock::real_seconds(), at);
}

/// The worse of two outcomes: what was found counts, then that not all was tried, then that something was read.
fn join(a: Outcome, b: Outcome) -> Outcome {
    match (a, b) {
        (Outcome::Hit, _) | (_, Outcome::Hit) => Outcome::Hit,
        (Outcome::Undone, _) | (_, Outcome::Undone) => Outcome::Undone,
        (Outcome::Clean, _) | (_, Outcome::Clean) => Outcome::Clean,
        _ => Outcome::Skipped,
    }
}

impl Core {
    /// Takes note of what the engine has found.
    #[inline(never)]
    pub(super) fn note(&mut self, volume: &Volume, found: &Found) {
        let _scope = NoReclaim::enter();
        let (now, unix) = (clock::monotonic_ms(), clock::real_seconds());
        let scans = self.seen.scans;
        let marked = self.engine.as_ref().is_some_and(|engine| {
            engine.status().state == EngineState::Rw && !engine.map().pending_full()
        });
        let new = volume.keeper.lock().found(now, unix, found, scans, marked);
        self.seen.hit |= new;
        self.seen.cut_short |= found.what == What::Transport;
        self.seen.news = true;
    }

    /// Lets the scanner do its next step, and tells when it wants to be asked again.
    #[inline(never)]
    pub(super) fn scan(&mut self, volume: &Worker<Volume>) {
        let Some(engine) = self.engine.as_ref().filter(|_| !volume.is_suspended()) else {
            return;
        };
        let now = clock::monotonic_ms();
        // When it has lasted long enough, a read of the scanner may end it: perhaps nobody else asks.
        let storm_until = engine.storm_until().filter(|&until| until > now);
        let users = traffic(volume);
        let (next, state, save_at, hour) = {
            let mut keeper = volume.keeper.lock();
            if volume.take_way_failed() {
                keeper.stall(now, clock::real_seconds(), Sector(0));
            }
            let next = keeper.next(now, clock::real_seconds(), users, storm_until.is_some());
            let hour = keeper.hour_passed();
            (next, keeper.scanner.state(), keeper.save_at(), hour)
        };
        let mut until = now.saturating_add(AN_HOUR_MS);
        match next {
            Next::Read(read) => {
                let outcome = self.step(volume, read);
                let counters = volume.summary().counters;
                let (free, total) = (counters.spare_free, counters.spare_total);
                let now = clock::monotonic_ms();
                let slow = self.seen.slow;
                let blocks = {
                    let mut keeper = volume.keeper.lock();
                    keeper.done(now, outcome);
                    match outcome {
                        Outcome::Clean | Outcome::Hit => {
                            keeper.evacuates(now, &read, slow, free, total)
                        }
                        Outcome::Skipped | Outcome::Undone => 0,
                    }
                };
                if blocks > 0 {
                    let size = volume.shape().block;
                    let most = u64::from(blocks).saturating_mul(size.sectors().into());
                    let most = most.saturating_sub(size.offset_in(read.start).into());
                    let evacuate = Request::Blocks {
                        kind: JobKind::Evacuate,
                        start: read.start,
                        len: SectorCount(read.len.0.min(most)),
                    };
                    // When too many wait, another pass comes.
                    let _ = volume.requests.lock().push(evacuate);
                }
                until = 0;
            }
            Next::Wait(time) => until = time.min(until),
            Next::Rest => until = storm_until.unwrap_or(until).min(until),
            Next::PassDone => {
                notice::pass_done(volume);
                self.save(volume);
                until = 0;
            }
        }
        if state == State::Stopped {
            self.scan_buffer = None;
        }
        if core::mem::take(&mut self.seen.news) || hour || next == Next::PassDone {
            notice::level(volume);
        }
        match save_at {
            Some(time) if time <= now => self.save(volume),
            Some(time) => until = until.min(time),
            None => {}
        }
        let left = until.saturating_sub(clock::monotonic_ms());
        volume.kick_within(u32::try_from(left).unwrap_or(u32::MAX));
    }

    /// Reads what the scanner wants, as far as data lives there.
    #[inline(never)]
    fn step(&mut self, volume: &Worker<Volume>, read: Read) -> Outcome {
        if let Some(buffer) = volume.take_scan_buffer() {
            self.scan_buffer = Some(buffer);
        }
        self.seen = Seen {
            // What a user has met in this run was not told yet.
            news: self.seen.news,
            ..Seen::default()
        };
        let mut left = u32::try_from(read.len.0).unwrap_or(0);
        let mut at = read.start;
        let mut outcome = Outcome::Skipped;
        while left > 0 && !self.ends(volume) {
            let (mut len, way) = self.way(volume, read.spare, at, left);
            if let Way::Read(side, first) = way {
                // As far as it goes on in one piece.
                while len < left {
                    let past = SectorCount(len.into());
                    let (Some(after), Some(beyond)) =
                        (at.checked_add(past), first.checked_add(past))
                    else {
                        break;
                    };
                    match self.way(volume, read.spare, after, left.saturating_sub(len)) {
                        (more, Way::Read(s, f)) if s == side && f == beyond => {
                            len = len.saturating_add(more);
                        }
                        _ => break,
                    }
                }
            }
            let came = match way {
                Way::Read(side, first) => self.read(volume, &read, at, side, first, len),
                Way::Narrow => self.narrow(volume, at, len),
                Way::Pass => Outcome::Skipped,
            };
            outcome = join(outcome, came);
            left = left.saturating_sub(len);
            at = Sector(at.0.saturating_add(len.into()));
        }
        match self.seen.broken_off {
            true => join(outcome, Outcome::Undone),
            false => outcome,
        }
    }

    /// Whether a step ends here, before all of it was read: to be asked between two requests.
    fn ends(&mut self, volume: &Volume) -> bool {
        self.seen.broken_off |= volume.is_suspended();
        self.seen.cut_short || self.seen.broken_off
    }

    /// What is done with the first of `len` sectors from `at` on, and with how many: at least one.
    fn way(&self, volume: &Volume, spare: bool, at: Sector, len: u32) -> (u32, Way) {
        if !spare {
            let (len, part) = of_main(&volume.map.read(), at, len);
            let way = match part {
                Part::Plain => Way::Read(Side::Main, at),
                Part::Marked => Way::Narrow,
                Part::Elsewhere => Way::Pass,
            };
            return (len.max(1), way);
        }
        let (block, offset) = spare_place(volume, at);
        let size = volume.shape().block;
        let len = len.min(size.sectors().saturating_sub(offset)).max(1);
        let used = self
            .engine
            .as_ref()
            .is_some_and(|e| e.map().is_spare_used(block));
        let start = volume.layout().and_then(|l| l.spare_sector(block));
        let place = start.and_then(|s| s.checked_add(SectorCount(offset.into())));
        match place {
            Some(place) if used => (len, Way::Read(Side::Spare, place)),
            _ => (len, Way::Pass),
        }
    }

    /// Reads `len` sectors that follow one another on a device, in parts as large as the buffer. What fails is
    /// narrowed. `at` is where they are for the scanner, `first` where on the side.
    fn read(
        &mut self,
        volume: &Worker<Volume>,
        read: &Read,
        at: Sector,
        side: Side,
        first: Sector,
        len: u32,
    ) -> Outcome {
        let (device, start) = place(volume, side, first);
        let mut outcome = Outcome::Skipped;
        let mut done = 0u32;
        while done < len && !self.ends(volume) {
            let buffer = self.scan_buffer.as_mut().unwrap_or(&mut self.scratch);
            let part = len.saturating_sub(done).min(buffer.len_sectors());
            let before = traffic(volume);
            let since = clock::monotonic_us();
            let on = |s: Sector| Sector(s.0.saturating_add(done.into()));
            let status = self
                .io
                .read(device, on(start), buffer, 0, part, IoFlags::NOMERGE);
            let took = clock::monotonic_us().saturating_sub(since);
            let after = traffic(volume);
            let moved = after.sectors.wrapping_sub(before.sectors);
            let (now, unix) = (clock::monotonic_ms(), clock::real_seconds());
            if status.is_ok() && side == Side::Main {
                self.end_storm(volume, now);
            }
            let mut keeper = volume.keeper.lock();
            // On another disk it was not counted.
            keeper.count_own(moved.min(part.into()));
            let alone = !before.busy && !after.busy && moved == u64::from(part);
            let came = if status.is_ok() {
                let whole = done == 0 && part == len && u64::from(len) == read.len.0;
                if alone && whole {
                    let _scope = NoReclaim::enter();
                    let us = u32::try_from(took).unwrap_or(u32::MAX);
                    self.seen.slow = keeper.took(unix, read, us);
                    self.seen.news |= self.seen.slow;
                }
                Outcome::Clean
            } else if volume.wishes().policy.judge(Op::Read, fault_of(status)) == Verdict::PassUp {
                let _scope = NoReclaim::enter();
                keeper.stall(now, unix, at);
                self.seen.cut_short = true;
                Outcome::Skipped
            } else {
                drop(keeper);
                match side {
                    Side::Main => self.narrow(volume, on(at), part),
                    Side::Spare => self.narrow_spare(volume, on(at), part),
                }
            };
            outcome = join(outcome, came);
            done = done.saturating_add(part);
        }
        outcome
    }

    /// Main can be read: a storm that has lasted long enough is over.
    fn end_storm(&mut self, volume: &Worker<Volume>, now: u64) {
        let stormy = self.engine.as_mut().filter(|e| e.status().storm);
        if let Some(engine) = stormy {
            engine.main_gave_a_read(now);
            self.drive(volume);
        }
    }

    /// What a read over several spare blocks has failed to give is looked for in each of them.
    fn narrow_spare(&mut self, volume: &Worker<Volume>, at: Sector, len: u32) -> Outcome {
        let mut outcome = Outcome::Skipped;
        let mut done = 0u32;
        while done < len {
            let from = Sector(at.0.saturating_add(done.into()));
            let (block, offset) = spare_place(volume, from);
            let size = volume.shape().block;
            let part = size.sectors().saturating_sub(offset).max(1);
            let part = part.min(len.saturating_sub(done));
            let owner = self.engine.as_ref().and_then(|e| e.map().owner(block));
            let start = owner.and_then(|b| size.start_of(b));
            if let Some(start) = start {
                let start = Sector(start.0.saturating_add(offset.into()));
                outcome = join(outcome, self.narrow(volume, start, part));
            }
            done = done.saturating_add(part);
        }
        outcome
    }

    /// Has sectors of the target narrowed, as those of a user's read, a block at a time: users come in between.
    fn narrow(&mut self, volume: &Worker<Volume>, start: Sector, len: u32) -> Outcome {
        let size = volume.shape().block;
        let mut outcome = Outcome::Clean;
        let mut done = 0u32;
        while done < len && !self.ends(volume) {
            let at = Sector(start.0.saturating_add(done.into()));
            let room = size.sectors().saturating_sub(size.offset_in(at)).max(1);
            let part = room.min(len.saturating_sub(done));
            let job = Job {
                id: JobId(0),
                op: Op::Read,
                start: at,
                len: part,
                fua: false,
                kind: JobKind::Scan,
            };
            let taken = self.engine.as_mut().is_some_and(|e| e.submit(job).is_ok());
            if !taken {
                return Outcome::Skipped;
            }
            self.seen.scans = true;
            self.seen.hit = false;
            self.drive(volume);
            self.seen.scans = false;
            if core::mem::take(&mut self.seen.hit) {
                outcome = Outcome::Hit;
            }
            let cut_short = self.seen.cut_short;
            self.attend(volume);
            self.seen.cut_short = cut_short;
            done = done.saturating_add(part);
        }
        outcome
    }

    /// Writes what is known to the spare area, if that has not got it.
    #[inline(never)]
    pub(super) fn save(&mut self, volume: &Volume) {
        let (Some(engine), Some(layout)) = (self.engine.as_ref(), volume.layout()) else {
            return;
        };
        if engine.status().state != EngineState::Rw || !volume.shape().writable {
            return;
        }
        let slot = Image::slot_blocks(layout.health_blocks());
        let (image, sequence) = {
            let _scope = NoReclaim::enter();
            let mut keeper = volume.keeper.lock();
            if keeper.save_at().is_none() || slot == 0 {
                return;
            }
            let image = keeper.image(slot, self.uuid);
            (image, keeper.sequence())
        };
        let Ok(image) = image else { return };
        for index in 0..image.blocks() {
            let Some(at) = image_sector(layout, sequence, index) else {
                return;
            };
            let bytes = self.meta.bytes_mut().get_mut(..META_BYTES);
            let Some(Ok(block)) = bytes.map(TryInto::try_into) else {
                return;
            };
            image.block(index, block);
            let flags = IoFlags::META.or(IoFlags::SYNC);
            let at = volume.in_area(at);
            let io = &mut self.io;
            let status = io.write(&volume.spare, at, &self.meta, 0, SECTORS_OF_META, flags);
            if !status.is_ok() {
                return;
            }
        }
        // What is lost with it is a forecast: nobody is told.
        if !self.io.flush(&volume.spare).is_ok() {
            volume.flush_failed();
        }
    }
}

/// The spare block that the scanner's sector `at` lies in, and how far into it.
fn spare_place(volume: &Volume, at: Sector) -> (SpareBlock, u32) {
    let size = volume.shape().block;
    let block = u32::try_from(size.block_of(at).0).unwrap_or(u32::MAX);
    (SpareBlock(block), size.offset_in(at))
}

/// Where block `index` of the image of this number lies in the spare area.
pub(crate) fn image_sector(layout: &Layout, sequence: u64, index: u32) -> Option<Sector> {
    let half = layout.health_blocks().wrapping_shr(1);
    let first = if sequence & 1 == 0 { 0 } else { half };
    layout.health_sector(first.checked_add(index)?)
}
