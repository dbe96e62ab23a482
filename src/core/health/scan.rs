// SPDX-License-Identifier: GPL-2.0-only

//! When the scanner reads what: a machine that is asked for the next step and told what came of it.
//!
//! It has a fixed size and needs no other memory. Time is in milliseconds on any clock that does not go backwards.

mod follow;
pub mod order;
pub mod part;
mod position;
pub mod settings;
mod walk;

pub use position::POSITION_BYTES;

use crate::{
    health::{DAY, REGION_SHIFT},
    units::{Sector, SectorCount},
};
use follow::Follow;

use settings::{Invalid, Settings};

/// Sectors in a segment, which is a [`Region`](crate::health::Region).
const SEGMENT: u32 = 1 << REGION_SHIFT;

/// How many segments have any of `sectors`.
const fn segments(sectors: u64) -> u64 {
    sectors
        .saturating_add((1 << REGION_SHIFT) - 1)
        .wrapping_shr(REGION_SHIFT)
}

/// How many scans' worth of reading may be made up for at most.
const BACKLOG: u64 = 60;

/// How much faster it goes while errors are expected (Mahdisoltani).
const HASTE: u64 = 2;

/// What can be told to the scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin, or go on where the last session ended.
    Start,
    /// End; the next start begins a new pass.
    Stop,
    /// Read nothing until [`Resume`](Self::Resume).
    Pause,
    /// Go on after [`Pause`](Self::Pause).
    Resume,
    /// Read the rest of the pass without waiting for intervals, starting if need be.
    Now,
}

/// What the scanner is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was not started, or stopped.
    Stopped,
    /// It reads.
    Running,
    /// For the next scan, or for the disk to be idle.
    Waiting,
    /// By command.
    Paused,
    /// Until the storm is over.
    Storm,
}

/// Which sectors to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// On spare blocks, counted over all of them in order; those not in use are [`Outcome::Skipped`]. Else on main,
    /// from the target's first sector.
    pub spare: bool,
    /// The first sector.
    pub start: Sector,
    /// How many.
    pub len: SectorCount,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read this, and tell [`Scanner::done`].
    Read(Read),
    /// Ask again at this time, or when something was commanded.
    Wait(u64),
    /// Ask again when something was commanded, or the storm is over.
    Rest,
    /// A pass is over: say so, and ask again.
    PassDone,
}

/// What came of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is there, or nothing is wrong that was not known.
    Clean,
    /// Something is wrong that was not known.
    Hit,
    /// It was not read.
    Skipped,
    /// It was broken off, and nothing new was found: it is to be read again.
    Undone,
}

/// Where a read belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Pass,
    Follow,
    /// A pass that has ended meanwhile: how far the new one is does not hang on it.
    Past,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Stopped,
    On,
    Paused,
}

/// The scanner.
#[derive(Clone, Debug)]
pub struct Scanner {
    settings: Settings,
    main: u64,
    spare: u64,
    mode: Mode,
    storm: bool,
    expected: bool,
    /// The rest of the pass is wanted at once.
    hurry: bool,
    /// Where the pass is: first main in its order, then the spare.
    rank: u64,
    /// Sectors of the segment at `rank` that were read.
    offset: u32,
    follow: Follow,
    /// Whose turn it is: while both have something to read, they take turns.
    turn: Turn,
    reading: Option<(Turn, Read, u64)>,
    /// Sectors that may be read before the next scan.
    budget: u64,
    /// Sectors that were read beyond that: the last read is never cut.
    debt: u64,
    next_scan: u64,
    /// The users' counter, and when it changed last.
    traffic: u64,
    busy: u64,
    /// No read before this time, for the limit and for rest.
    not_before: u64,
    /// The time of the next read on a disk that is busy.
    forced: u64,
    waiting: bool,
    /// Whole passes.
    passes: u64,
    /// When the last one ended, in seconds since 1970; 0 for never.
    last_pass: u64,
    /// Sectors that were read.
    sectors_read: u64,
    /// Reads that found something.
    errors: u64,
}

impl Scanner {
    /// A scanner of `main` sectors and then those of all spare blocks. It is stopped.
    pub fn new(
        main: SectorCount,
        spare: SectorCount,
        settings: Settings,
    ) -> Result<Scanner, Invalid> {
        Ok(Scanner::of(main, spare, settings.checked()?))
    }

    /// The same of settings that are right.
    pub(super) fn of(main: SectorCount, spare: SectorCount, settings: Settings) -> Scanner {
        Scanner {
            settings,
            main: main.0,
            spare: spare.0,
            mode: Mode::Stopped,
            storm: false,
            expected: false,
            hurry: false,
            rank: 0,
            offset: 0,
            follow: Follow::new(),
            turn: Turn::Follow,
            reading: None,
            budget: 0,
            debt: 0,
            next_scan: 0,
            traffic: 0,
            busy: 0,
            not_before: 0,
            forced: 0,
            waiting: true,
            passes: 0,
            last_pass: 0,
            sectors_read: 0,
            errors: 0,
        }
    }

    /// The settings.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sectors in a read at this intensity, where nothing cuts it short.
    pub fn step_sectors(&self) -> u16 {
        self.settings.step().read
    }

    /// Changes the settings. A pass in another order begins anew.
    pub fn set(&mut self, settings: Settings) -> Result<(), Invalid> {
        let settings = settings.checked()?;
        if settings.order != self.settings.order {
            self.rewind();
        }
        if settings.interval_ms != self.settings.interval_ms {
            self.next_scan = 0;
        }
        self.settings = settings;
        self.budget = self.budget.min(self.quota());
        Ok(())
    }

    /// Does what was told; `false` if that makes no sense in this state.
    pub fn command(&mut self, command: Command) -> bool {
        self.mode = match (command, self.mode) {
            (Command::Start, Mode::Stopped) => Mode::On,
            (Command::Stop, Mode::On | Mode::Paused) => {
                self.rewind();
                Mode::Stopped
            }
            (Command::Pause, Mode::On) => Mode::Paused,
            (Command::Resume, Mode::Paused) => Mode::On,
            (Command::Now, Mode::On | Mode::Stopped) => {
                self.hurry = true;
                Mode::On
            }
            _ => return false,
        };
        true
    }

    /// A storm begins or ends.
    pub fn set_storm(&mut self, storm: bool) {
        self.storm = storm;
    }

    /// Errors are expected, or not any more.
    pub fn set_expected(&mut self, expected: bool) {
        self.expected = expected;
    }

    /// Something was found by others in `segment` of main: its neighbourhood is read.
    pub fn note_hit(&mut self, segment: u64) {
        self.follow.hit(segment);
    }

    /// What the scanner is doing.
    pub const fn state(&self) -> State {
        match self.mode {
            Mode::Stopped => State::Stopped,
            Mode::Paused => State::Paused,
            Mode::On if self.storm => State::Storm,
            Mode::On if self.waiting => State::Waiting,
            Mode::On => State::Running,
        }
    }

    /// Sectors of the pass that were read, and all of them.
    pub fn position(&self) -> (u64, u64) {
        let all = self.main.saturating_add(self.spare);
        let main_ranks = self.main_ranks();
        let segment = u64::from(SEGMENT);
        let order = self.settings.order;
        // The last segment may be a short one, and is counted as whole once it is read.
        let read = order
            .read_before(segments(self.main), self.rank)
            .saturating_mul(segment)
            .min(self.main);
        let spare = self.rank.saturating_sub(main_ranks).saturating_mul(segment);
        let read = read
            .saturating_add(spare)
            .saturating_add(self.offset.into());
        (read.min(all), all)
    }

    /// Whole passes, and when the last one ended in seconds since 1970.
    pub const fn passes(&self) -> (u64, u64) {
        (self.passes, self.last_pass)
    }

    /// Sectors that were read, and reads that found something.
    pub const fn counters(&self) -> (u64, u64) {
        (self.sectors_read, self.errors)
    }

    /// What to do at `now`. `traffic` changes with each request of users, and stays while there is none; `unix`
    /// is the time in seconds since 1970.
    pub fn next(&mut self, now: u64, unix: u64, traffic: u64) -> Next {
        if traffic != self.traffic {
            self.traffic = traffic;
            self.busy = now;
        }
        if self.reading.is_some() {
            return Next::Rest;
        }
        self.waiting = true;
        if self.mode != Mode::On || self.storm {
            return Next::Rest;
        }
        if now >= self.next_scan {
            let quota = self.quota();
            let most = quota.saturating_mul(BACKLOG);
            let all = self.budget.saturating_add(quota).min(most);
            self.budget = all.saturating_sub(self.debt);
            self.debt = self.debt.saturating_sub(all);
            self.next_scan = now.saturating_add(self.settings.interval_ms.into());
        }
        if self.budget == 0 && !self.hurry {
            return Next::Wait(self.next_scan);
        }
        let idle = self
            .busy
            .saturating_add(self.settings.step().patience.into());
        let idle = if self.busy == 0 { 0 } else { idle };
        let start = match self.settings.speed_min {
            0 => idle,
            _ => idle.min(self.forced),
        };
        let start = start.max(self.not_before);
        if now < start {
            // Users are noticed when it is looked, and count from then on. So while there are some it looks more often
            // than it has to.
            let soon = now.saturating_add(u64::from(self.settings.step().patience).wrapping_shr(2));
            let users = self.busy == now && soon > now;
            return Next::Wait(if users { start.min(soon) } else { start });
        }
        let Some((turn, read)) = self.choose() else {
            self.end_pass(unix);
            return Next::PassDone;
        };
        self.reading = Some((turn, read, now));
        self.waiting = false;
        Next::Read(read)
    }

    /// Tells what came of the last [`Next::Read`].
    pub fn done(&mut self, now: u64, outcome: Outcome) {
        let Some((turn, read, begun)) = self.reading.take() else {
            return;
        };
        if outcome == Outcome::Undone {
            return;
        }
        let hit = outcome == Outcome::Hit;
        let sectors = u32::try_from(read.len.0).unwrap_or(SEGMENT);
        match turn {
            Turn::Follow => self.follow.read(sectors, hit),
            Turn::Pass => self.offset = self.offset.saturating_add(sectors),
            Turn::Past => {}
        }
        if hit && !read.spare && turn != Turn::Follow {
            self.follow.hit(read.start.0.wrapping_shr(REGION_SHIFT));
        }
        if outcome == Outcome::Skipped {
            return;
        }
        self.sectors_read = self.sectors_read.saturating_add(read.len.0);
        self.errors = self.errors.saturating_add(hit.into());
        let over = read.len.0.saturating_sub(self.budget);
        self.budget = self.budget.saturating_sub(read.len.0);
        if !self.hurry {
            self.debt = self.debt.saturating_add(over);
        }
        // Half a KiB a sector: milliseconds at so many KiB/s.
        let at = |speed: u32| {
            let ms = read.len.0.saturating_mul(500);
            begun.saturating_add(ms.checked_div(speed.into()).unwrap_or(0))
        };
        let took = now.saturating_sub(begun);
        let rest = took.saturating_mul(self.settings.step().rest.into());
        self.not_before = now.saturating_add(rest).max(at(self.settings.speed_max));
        self.forced = at(self.settings.speed_min).max(now);
    }

    /// How much one scan reads.
    fn quota(&self) -> u64 {
        let each = match self.settings.sectors_per_scan {
            Some(n) => n.into(),
            None => {
                let cycle =
                    u64::from(self.settings.cycle_days).saturating_mul(DAY.wrapping_mul(1000));
                let scans = cycle.checked_div(self.settings.interval_ms.into());
                let all = self.main.saturating_add(self.spare);
                all.checked_div(scans.unwrap_or(1))
                    .unwrap_or(all)
                    .saturating_add(1)
            }
        };
        if self.expected {
            each.saturating_mul(HASTE)
        } else {
            each
        }
    }

    fn end_pass(&mut self, unix: u64) {
        self.rewind();
        self.passes = self.passes.saturating_add(1);
        self.last_pass = unix;
    }

    fn rewind(&mut self) {
        self.rank = 0;
        self.offset = 0;
        self.hurry = false;
        self.follow.end_pass();
        if let Some((turn, ..)) = self.reading.as_mut() {
            *turn = Turn::Past;
        }
    }
}
