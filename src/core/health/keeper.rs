// SPDX-License-Identifier: GPL-2.0-only

//! The keeper of one device: the scanner and the health together, with what the driver has to remember for both.
//!
//! It does no I/O and waits for none: the driver asks it for the next step, reads, and tells what came of it.

use crate::{
    engine::{Found, Side, State},
    health::{
        history::Past,
        image::Image,
        latency::Latency,
        map::{Level, DANGER},
        monitor::Health,
        scan::{
            settings::{Invalid, Settings},
            Command, Next, Outcome, Read, Scanner,
        },
        Event, Region, What,
    },
    identity::Marks,
    map::Counters,
    mem::NoMemory,
    units::{Sector, SectorCount},
};

/// The feature `scan`: what the scanner does by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScanMode {
    /// Nothing, unless it is told to.
    #[default]
    Off,
    /// It reads while the disk is idle, and then only.
    Idle,
    /// It reads while the disk is idle, and `speed_min` in any case.
    On,
}

/// How long nothing is read after the way to the device failed, in milliseconds.
const STALL_MS: u64 = 10_000;

/// How long what is known may be older on the disk than in memory, in milliseconds. Images that nobody asked for are
/// as far apart at least.
const SAVE_MS: u64 = 900_000;

/// How long it is between two reads of which the blocks are moved away, in milliseconds: a read is 1 MiB at most.
const EVACUATE_MS: u64 = 1000;

/// The shortest time that is called slow, in milliseconds, unless said otherwise: some attempts of a disk's own to read a
/// sector. A fast disk behind a busy machine takes many times its median now and then.
const SLOW_MS: u32 = 100;

/// What the users of the disk do, as its counters tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sectors that were read and written, the scanner's own among them.
    pub sectors: u64,
    /// Something is under way, or nothing is known: the disk is busy.
    pub busy: bool,
}

/// Scanner and health of one device.
#[derive(Debug)]
pub struct Keeper {
    /// What to read when.
    pub scanner: Scanner,
    /// What is known.
    pub health: Health,
    settings: Settings,
    mode: ScanMode,
    /// Sectors that the scanner itself has read.
    own: u64,
    /// Counts the times at which the disk was seen busy.
    pulse: u64,
    /// No read before this: the way to the device failed.
    stalled_until: u64,
    /// Blocks that are weak are moved away.
    pub auto_evacuate: bool,
    /// The shortest time that is called slow, in milliseconds.
    pub slow_ms: u32,
    /// No block is moved away before this.
    evacuate_at: u64,
    /// The watched hour when the level was last looked at.
    hour: u32,
    /// When what is known is to be saved; the disk has it if that is never.
    save_at: u64,
    /// The number of the newest image, and the slot that it lies in.
    sequence: u64,
    /// What tells main.
    main: Marks,
}

impl Keeper {
    /// Of a device that is not loaded yet.
    pub fn new(unix: u64) -> Keeper {
        let none = SectorCount(0);
        Keeper {
            scanner: Scanner::of(none, none, Settings::DEFAULT),
            health: Health::new(unix),
            settings: Settings::DEFAULT,
            mode: ScanMode::Off,
            own: 0,
            pulse: 0,
            stalled_until: 0,
            auto_evacuate: false,
            slow_ms: SLOW_MS,
            evacuate_at: 0,
            hour: 0,
            save_at: u64::MAX,
            sequence: 0,
            main: Marks::default(),
        }
    }

    /// The device is so long: what is known of its place stays, if main was as long before.
    pub fn resize(&mut self, main: SectorCount, spare: SectorCount) {
        self.scanner.resize(main, spare);
    }

    /// Takes up what former sessions knew.
    pub fn restore(&mut self, past: &Past, now: u64) -> Result<(), NoMemory> {
        // Without memory for it, too, what is written next has to be newer than this.
        self.sequence = past.sequence;
        self.main = past.main;
        if let Some(reader) = past.image() {
            self.main = reader.main;
            reader.finish(&mut self.health, &mut self.scanner)?;
            // What was known is no news.
            let _ = self.health.crossed();
        } else if past.other > 0 {
            self.touch(now);
        }
        Ok(())
    }

    /// Forgets what is known, as somebody wishes: main is another disk.
    #[inline(never)]
    pub fn forget(&mut self, unix: u64) {
        self.health.forget(unix);
        self.scanner.forget();
        // The level is to be looked at, and the disk to have it soon.
        self.hour = u32::MAX;
        self.save_at = 0;
    }

    /// The number of the image that was read or written last: its parity is its slot.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What the table line says. What a command said since stays in force while that is the same.
    pub fn set_mode(&mut self, mode: ScanMode) {
        if self.mode == mode {
            return;
        }
        self.mode = mode;
        // In bounds as they were.
        let _ = self.set(self.settings);
        if mode == ScanMode::Off {
            self.scanner.command(Command::Stop);
        } else if !self.scanner.command(Command::Start) {
            self.scanner.command(Command::Resume);
        }
    }

    /// What the administrator wishes.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes that.
    pub fn set(&mut self, settings: Settings) -> Result<(), Invalid> {
        let settings = settings.checked()?;
        let before = self.scanner.step_sectors();
        let speed_min = match self.mode {
            ScanMode::Idle => 0,
            _ => settings.speed_min,
        };
        self.scanner.set(Settings {
            speed_min,
            ..settings
        })?;
        self.settings = settings;
        if self.scanner.step_sectors() != before {
            // How long reads of another size took says nothing of these.
            self.health.latency = Latency::new();
        }
        Ok(())
    }

    /// What to do now: `now` in milliseconds that do not go back, `unix` in seconds since 1970; `storm` if nothing
    /// of main is to be believed.
    pub fn next(&mut self, now: u64, unix: u64, traffic: Traffic, storm: bool) -> Next {
        self.health.advance(unix);
        let stalled = now < self.stalled_until;
        self.scanner.set_storm(storm || stalled);
        self.scanner.set_expected(self.health.predictor.alarm());
        self.pulse = self.pulse.wrapping_add(traffic.busy.into());
        let users = traffic.sectors.wrapping_sub(self.own);
        match self.scanner.next(now, unix, users.wrapping_add(self.pulse)) {
            Next::Rest if stalled && !storm => Next::Wait(self.stalled_until),
            Next::PassDone => {
                self.touch(now);
                Next::PassDone
            }
            next => next,
        }
    }

    /// So many sectors were read for the scanner.
    pub fn count_own(&mut self, sectors: u64) {
        self.own = self.own.wrapping_add(sectors);
    }

    /// A read of the scanner that met nobody took so long; tells whether that was slow.
    pub fn took(&mut self, unix: u64, read: &Read, us: u32) -> bool {
        // Reads of one size can be compared, and on main.
        if read.spare || read.len.0 != u64::from(self.scanner.step_sectors()) {
            return false;
        }
        let region = Region::of(read.start);
        // Without memory something else was forgotten.
        let least = self.slow_ms.saturating_mul(1000);
        let slow = self.health.note_latency(unix, region, us, least);
        slow.unwrap_or(true)
    }

    /// The way to the device failed, for the scanner or for a user: nothing is read for a while.
    pub fn stall(&mut self, now: u64, unix: u64, at: Sector) {
        self.stalled_until = now.saturating_add(STALL_MS);
        self.note(unix, at, What::Transport, 0);
        self.touch(now);
    }

    /// What came of the last read.
    pub fn done(&mut self, now: u64, outcome: Outcome) {
        self.ended(now, outcome, SectorCount(u64::MAX), None);
    }

    /// The same of a read that may have ended early, with `len` of its sectors: because what follows `failed` for what
    /// is not the medium's, though the device can be read elsewhere if that is true. True if it is left out of the pass.
    pub fn ended(
        &mut self,
        now: u64,
        outcome: Outcome,
        len: SectorCount,
        failed: Option<bool>,
    ) -> bool {
        if failed.is_some() {
            self.stalled_until = now.saturating_add(STALL_MS);
        }
        self.touch(now);
        self.scanner
            .ended(now, outcome, len, failed.unwrap_or(false))
    }

    /// How many blocks of a read of main, which could be read, may be moved away: they were `slow`, or lie where it is
    /// dangerous. Half of the spare blocks are kept for blocks that have to move. In a storm the medium is not to
    /// blame, and without a map that can change nothing moves.
    pub fn evacuates(
        &mut self,
        now: u64,
        read: &Read,
        slow: bool,
        state: State,
        spares: &Counters,
    ) -> u32 {
        let kept = spares.spare_total.div_ceil(2);
        let room = match state {
            State::Rw => spares.spare_free.saturating_sub(kept),
            State::Ro | State::Fail => 0,
        };
        let may = self.auto_evacuate && !read.spare && now >= self.evacuate_at && room > 0;
        let region = Region::of(read.start);
        let weak = slow || self.health.map.score(self.health.hour(), region) < DANGER;
        if !may || !weak || self.health.predictor.in_storm() {
            return 0;
        }
        self.evacuate_at = now.saturating_add(EVACUATE_MS);
        room
    }

    /// The engine has found something, for the scanner if `scans`. True if that was not known. Of what leaves no mark (a read
    /// that a retry gave, or anything where nothing can be `marked`) the engine tells each time, and what is remembered of
    /// its region decides.
    pub fn found(&mut self, now: u64, unix: u64, found: &Found, scans: bool, marked: bool) -> bool {
        let record = self.health.map.get(Region::of(found.at));
        let known = !marked && record.is_some_and(|r| r.errors > 0);
        let sectors = if known { 0 } else { found.sectors };
        let new = match found.what {
            What::Error => sectors > 0,
            What::Recovered => record.is_none_or(|r| r.errors == 0 && r.recovered == 0),
            _ => false,
        };
        if found.side == Side::Main {
            self.note(unix, found.at, found.what, sectors);
            self.touch(now);
            if new && !scans {
                self.scanner.note_hit(Region::of(found.at).0.into());
            }
        }
        new
    }

    fn note(&mut self, now: u64, at: Sector, what: What, sectors: u32) {
        let event = Event {
            now,
            region: Region::of(at),
            what,
            sectors,
        };
        // Without memory the least telling region was forgotten: that is all.
        let _ = self.health.note(&event);
    }

    /// A block has moved to a spare block.
    pub fn moved(&mut self, now: u64, unix: u64, at: Sector) {
        let _ = self.health.note_remapped(unix, Region::of(at), 1);
        self.touch(now);
    }

    /// Main itself counts so many bad sectors. The disk is to have a number that is new: one that is repeated is not
    /// worth the writing.
    pub fn smart(&mut self, now: u64, unix: u64, sectors: u32) {
        if self.health.predictor.note_smart(unix, sectors) {
            self.touch(now);
        }
    }

    /// Another hour has begun since this was last asked: what waited for that may count now, and the level be another.
    pub fn hour_passed(&mut self) -> bool {
        let hour = self.health.hour();
        core::mem::replace(&mut self.hour, hour) != hour
    }

    /// The level of the device, if it is another one than before.
    pub fn crossed(&mut self) -> Option<Level> {
        self.health.crossed()
    }

    /// Something is known now that the disk has not.
    pub fn touch(&mut self, now: u64) {
        self.save_at = self.save_at.min(now.saturating_add(SAVE_MS));
    }

    /// When what is known is to be saved; [`u64::MAX`] if the disk has it.
    pub const fn save_at(&self) -> u64 {
        self.save_at
    }

    /// What is to be written, to the slot that its number says. Say [`saved`](Self::saved) when it was, or not.
    pub fn image(&mut self, slot_blocks: u32, uuid: [u8; 16]) -> Result<Image, NoMemory> {
        self.save_at = u64::MAX;
        let sequence = self.sequence.saturating_add(1);
        let (health, scanner) = (&self.health, &self.scanner);
        Image::new(self.main, health, scanner, slot_blocks, uuid, sequence)
    }

    /// The image is on the disk, durably, if `ok`. If not, the next attempt has the same number, for its slot: the other one
    /// has the newest that is whole.
    pub fn saved(&mut self, now: u64, ok: bool) {
        match ok {
            true => self.sequence = self.sequence.saturating_add(1),
            false => self.touch(now),
        }
    }
}
