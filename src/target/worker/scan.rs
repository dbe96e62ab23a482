// SPDX-License-Identifier: GPL-2.0-only

//! The scanner, between the batches: one step a run of the worker, so that nobody waits for more than that.

mod step;

use dm_remap_core::{
    engine::{Found, JobKind, State as EngineState},
    health::{
        image::Image,
        keeper::Traffic,
        scan::{Next, Outcome, Read, State},
        What,
    },
    layout::META_BYTES,
    requests::Request,
    units::{Sector, SectorCount},
};

use crate::{
    dm::io::IoFlags,
    kernel_ext::{clock, noio::NoReclaim, workqueue::Worker},
    target::{
        notice,
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
    /// What failed was not the medium's, or the way to the device is gone.
    cut_short: bool,
    /// It was main's, and the health knows nothing of it.
    untold: bool,
    /// A suspend came before all was read.
    broken_off: bool,
    /// How many sectors the step has dealt with, from its first one on.
    len: u32,
    /// It took long.
    slow: bool,
    /// Something was found since the level was last looked at.
    news: bool,
}

/// What the users of main's disk do, where up to `own` requests under way may be the scanner's.
fn traffic(volume: &Volume, own: u32) -> Traffic {
    let (sectors, under_way) = volume.main.traffic();
    Traffic {
        sectors,
        busy: under_way > own,
    }
}

/// A block of the target moves.
#[inline(never)]
pub(super) fn note_moved(volume: &Volume, at: Sector) {
    let _scope = NoReclaim::enter();
    let (now, unix) = (clock::monotonic_ms(), clock::real_seconds());
    volume.keeper.lock().moved(now, unix, at);
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

    /// Lets the scanner do its next step, and tells when it wants to be asked again. What is not needed while it reads
    /// is in functions of its own: below that a message may be carried out, which takes much of the stack.
    #[inline(never)]
    pub(super) fn scan(&mut self, volume: &Worker<Volume>) {
        let Some((next, until, due)) = self.ask(volume) else {
            return;
        };
        let mut until = match next {
            Next::Read(read) => {
                match self.free_until(volume, &read) {
                    Some(free) => volume.keeper.lock().scanner.free_until(free),
                    None => {
                        let outcome = self.step(volume, read);
                        self.stepped(volume, &read, outcome);
                    }
                }
                0
            }
            Next::PassDone => {
                notice::pass_done(volume);
                self.seen.news = true;
                0
            }
            Next::Wait(_) | Next::Rest => until,
        };
        if core::mem::take(&mut self.seen.news) {
            notice::level(volume);
        }
        if due && self.save(volume) {
            until = 0;
        }
        let left = until.saturating_sub(clock::monotonic_ms());
        volume.kick_within(u32::try_from(left).unwrap_or(u32::MAX));
    }

    /// What the scanner wants next, when to ask it again if that is nothing, and whether what is known is to be saved.
    #[inline(never)]
    fn ask(&mut self, volume: &Worker<Volume>) -> Option<(Next, u64, bool)> {
        let engine = self.engine.as_ref().filter(|_| !volume.is_suspended())?;
        let now = clock::monotonic_ms();
        let unix = clock::real_seconds();
        // When it has lasted long enough, a read of the scanner may end it: perhaps nobody else asks.
        let storm_until = engine.storm_until().filter(|&until| until > now);
        let size = u64::from(volume.shape().block.sectors());
        let in_use = engine.map().remapped().saturating_mul(size);
        let users = traffic(volume, 0);
        let (next, state, save_at) = {
            // The map may shrink once a day, and who reads an attribute waits for the lock.
            let _scope = NoReclaim::enter();
            let mut keeper = volume.keeper.lock();
            if volume.take_way_failed() {
                keeper.stall(now, unix, Sector(0));
            }
            keeper.scanner.set_in_use(SectorCount(in_use));
            let next = keeper.next(now, unix, users, storm_until.is_some());
            self.seen.news |= keeper.hour_passed();
            (next, keeper.scanner.state(), keeper.save_at())
        };
        if state == State::Stopped {
            self.scan_buffer.free();
        }
        let due = self.saving.is_some() || save_at <= now;
        let most = now.saturating_add(AN_HOUR_MS);
        let most = if due { most } else { most.min(save_at) };
        let until = match next {
            Next::Wait(time) => time,
            _ => storm_until.unwrap_or(most),
        };
        Some((next, until.min(most), due))
    }

    /// Tells what came of a step, and has moved away what is weak.
    #[inline(never)]
    fn stepped(&mut self, volume: &Worker<Volume>, read: &Read, outcome: Outcome) {
        let len = SectorCount(self.seen.len.into());
        let next = Sector(read.start.0.saturating_add(len.0));
        let slow = self.seen.slow;
        let failed = match self.seen.cut_short {
            true => Some(self.answers(volume, read.spare, next)),
            false => None,
        };
        let Some(engine) = self.engine.as_ref() else {
            return;
        };
        let (state, counters) = (engine.status().state, engine.map().counters());
        let now = clock::monotonic_ms();
        let (left_out, blocks) = {
            let _scope = NoReclaim::enter();
            let mut keeper = volume.keeper.lock();
            // As long as main answers elsewhere, it is a place that fails, and not the way.
            if self.seen.untold && failed == Some(false) {
                keeper.stall(now, clock::real_seconds(), next);
            }
            let left_out = keeper.ended(now, outcome, len, failed);
            let blocks = match outcome {
                Outcome::Clean | Outcome::Hit if len == read.len => {
                    keeper.evacuates(now, read, slow, state, &counters)
                }
                _ => 0,
            };
            (left_out, blocks)
        };
        if left_out {
            notice::left_out(volume, next, SectorCount(read.len.0.saturating_sub(len.0)));
        }
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
    }

    /// Writes what is known to the spare area, if that has not got it: one block of it, so that users come in between, or
    /// the flush behind them. True if there may be more to do.
    #[inline(never)]
    pub(super) fn save(&mut self, volume: &Volume) -> bool {
        let (Some(engine), Some(layout)) = (self.engine.as_ref(), volume.layout()) else {
            return false;
        };
        let slot = Image::slot_blocks(layout.health_blocks());
        if engine.status().state != EngineState::Rw || !volume.shape().writable || slot == 0 {
            return false;
        }
        if self.saving.is_none() {
            let _scope = NoReclaim::enter();
            let mut keeper = volume.keeper.lock();
            if keeper.save_at() == u64::MAX {
                return false;
            }
            self.saving = keeper.image(slot, self.uuid).ok();
        }
        let bytes = self.meta.bytes_mut().get_mut(..META_BYTES);
        let block = bytes.and_then(|bytes| bytes.try_into().ok());
        let ok = match (self.saving.as_mut(), block) {
            (Some(image), Some(block)) => match image.next(layout, block) {
                Some(at) => {
                    let flags = IoFlags::META.or(IoFlags::SYNC);
                    let (at, io) = (volume.in_area(at), &mut self.io);
                    let status = io.write(&volume.spare, at, &self.meta, 0, SECTORS_OF_META, flags);
                    if status.is_ok() {
                        return true;
                    }
                    false
                }
                None => {
                    let ok = self.io.flush(&volume.spare).is_ok();
                    if !ok {
                        volume.flush_failed();
                    }
                    ok
                }
            },
            _ => false,
        };
        self.saving = None;
        // What is lost if it is not there is a forecast: nobody is told.
        volume.keeper.lock().saved(clock::monotonic_ms(), ok);
        ok
    }
}
