// SPDX-License-Identifier: GPL-2.0-only

//! One step of the scanner: what is read of main, or of spare blocks, and what of that fails is narrowed.

use dm_remap_core::{
    engine::{Event, Job, JobId, JobKind, Side},
    fault::{Op, Verdict},
    health::scan::{
        part::{of_main, Part},
        Outcome, Read,
    },
    units::{Sector, SectorCount, SpareBlock},
};

use super::{traffic, Seen};
use crate::{
    dm::io::IoFlags,
    kernel_ext::{clock, noio::NoReclaim, workqueue::Worker},
    target::{
        outcome::place,
        path::fault_of,
        volume::Volume,
        worker::Core, //
    },
};

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

impl Core {
    /// Where the next spare block in use is, or at least is none before, if `read` does not begin with one.
    pub(super) fn free_until(&self, volume: &Volume, read: &Read) -> Option<Sector> {
        if !read.spare {
            return None;
        }
        let (block, _) = spare_place(volume, read.start);
        let until = self.engine.as_ref()?.map().unused_until(block);
        if until.0 <= block.0 {
            return None;
        }
        let size = u64::from(volume.shape().block.sectors());
        Some(Sector(u64::from(until.0).saturating_mul(size)))
    }

    /// Reads what the scanner wants, as far as data lives there. [`Seen::len`] is how far it came.
    #[inline(never)]
    pub(super) fn step(&mut self, volume: &Worker<Volume>, read: Read) -> Outcome {
        self.scan_buffer.fit(volume);
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
                // What follows is asked of the map.
                Way::Pass if read.spare && self.seen.len > 0 => break,
                Way::Pass => {
                    self.dealt_with(len);
                    Outcome::Skipped
                }
            };
            outcome = outcome.max(came);
            left = left.saturating_sub(len);
            at = Sector(at.0.saturating_add(len.into()));
        }
        outcome
    }

    /// Whether a step ends here, before all of it was read: to be asked between two requests.
    fn ends(&mut self, volume: &Volume) -> bool {
        self.seen.broken_off |= volume.is_suspended();
        self.seen.cut_short || self.seen.broken_off
    }

    /// Nothing more is to be done with the next `len` sectors of the step.
    fn dealt_with(&mut self, len: u32) {
        self.seen.len = self.seen.len.saturating_add(len);
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
            let buffer = self.scan_buffer.or(&mut self.scratch);
            let part = len.saturating_sub(done).min(buffer.len_sectors());
            let before = traffic(volume, 0);
            let since = clock::monotonic_us();
            let on = |s: Sector| Sector(s.0.saturating_add(done.into()));
            let status = self
                .io
                .read(device, on(start), buffer, 0, part, IoFlags::NOMERGE);
            let took = clock::monotonic_us().saturating_sub(since);
            // A driver of requests tells who waits for one first, and then counts it as ended. If it is another's, that came
            // later and was not served before this.
            let after = traffic(volume, 1);
            let moved = after.sectors.wrapping_sub(before.sectors);
            if status.is_ok() && side == Side::Main {
                self.end_storm(volume, clock::monotonic_ms());
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
                    self.seen.slow = keeper.took(clock::real_seconds(), read, us);
                    self.seen.news |= self.seen.slow;
                }
                self.dealt_with(part);
                Outcome::Clean
            } else if volume.wishes().policy.judge(Op::Read, fault_of(status)) == Verdict::PassUp {
                self.seen.cut_short = true;
                self.seen.untold = side == Side::Main;
                Outcome::Skipped
            } else {
                drop(keeper);
                match side {
                    Side::Main => self.narrow(volume, on(at), part),
                    Side::Spare => self.narrow_spare(volume, on(at), part),
                }
            };
            outcome = outcome.max(came);
            done = done.saturating_add(part);
        }
        outcome
    }

    /// Whether the device of the side that the scanner was reading at `at` can be read elsewhere.
    #[inline(never)]
    pub(super) fn answers(&mut self, volume: &Worker<Volume>, spare: bool, at: Sector) -> bool {
        let side = if spare { Side::Spare } else { Side::Main };
        let block = volume.shape().block.block_of(at);
        for n in 0..u8::MAX {
            let place = self.engine.as_ref().map(|e| e.elsewhere(side, block, n));
            let Some(Some(place)) = place else { break };
            // Each may take as long as a device takes to give up, and users come in between.
            self.attend(volume);
            if volume.is_suspended() {
                break;
            }
            if matches!(self.carry_out(volume, place), Event::Ok) {
                return true;
            }
        }
        false
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
        while done < len && !self.ends(volume) {
            let from = Sector(at.0.saturating_add(done.into()));
            let (block, offset) = spare_place(volume, from);
            let size = volume.shape().block;
            let part = size.sectors().saturating_sub(offset).max(1);
            let part = part.min(len.saturating_sub(done));
            let owner = self.engine.as_ref().and_then(|e| e.map().owner(block));
            let start = owner.and_then(|b| size.start_of(b));
            match start {
                Some(start) => {
                    let start = Sector(start.0.saturating_add(offset.into()));
                    outcome = outcome.max(self.narrow(volume, start, part));
                }
                None => self.dealt_with(part),
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
                self.seen.broken_off = true;
                break;
            }
            self.seen.scans = true;
            self.seen.hit = false;
            self.drive(volume);
            self.seen.scans = false;
            if core::mem::take(&mut self.seen.hit) {
                outcome = Outcome::Hit;
            }
            let cut_short = self.seen.cut_short;
            if !cut_short {
                self.dealt_with(part);
            }
            self.attend(volume);
            self.seen.cut_short = cut_short;
            done = done.saturating_add(part);
        }
        outcome
    }
}

/// The spare block that the scanner's sector `at` lies in, and how far into it.
fn spare_place(volume: &Volume, at: Sector) -> (SpareBlock, u32) {
    let size = volume.shape().block;
    let block = u32::try_from(size.block_of(at).0).unwrap_or(u32::MAX);
    (SpareBlock(block), size.offset_in(at))
}
