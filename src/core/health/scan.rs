// SPDX-License-Identifier: GPL-2.0-only

//! When the scanner reads what: a machine that is asked for the next step and told what came of it.
//!
//! It has a fixed size and needs no other memory. Time is in milliseconds on any clock that does not go backwards.

mod follow;
pub mod order;
mod pace;
pub mod part;
mod position;
pub mod settings;
mod walk;

pub use position::POSITION_BYTES;

use crate::{
    health::REGION_SHIFT,
    units::{Sector, SectorCount},
};
use follow::Follow;
use pace::Pace;
use settings::{Invalid, Settings};

/// Sectors in a segment, which is a [`Region`](crate::health::Region).
const SEGMENT: u32 = 1 << REGION_SHIFT;

/// How many segments have any of `sectors`.
const fn segments(sectors: u64) -> u64 {
    sectors
        .saturating_add((1 << REGION_SHIFT) - 1)
        .wrapping_shr(REGION_SHIFT)
}

/// So often a place may fail, while others can be read, before it is left out of the pass.
const TRIES: u8 = 3;

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

/// What came of a read: of several parts, the last of these that any has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was not read.
    Skipped,
    /// All is there, or nothing is wrong that was not known.
    Clean,
    /// Something is wrong that was not known.
    Hit,
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
    /// How much of the spare is in use.
    in_use: u64,
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
    /// How often the place where the pass is has failed.
    tries: u8,
    pace: Pace,
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
            in_use: spare.0,
            mode: Mode::Stopped,
            storm: false,
            expected: false,
            hurry: false,
            rank: 0,
            offset: 0,
            follow: Follow::new(),
            turn: Turn::Follow,
            reading: None,
            tries: 0,
            pace: Pace::new(),
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
        let new_interval = settings.interval_ms != self.settings.interval_ms;
        self.settings = settings;
        self.pace.changed(new_interval);
        Ok(())
    }

    /// The device is so long. If main was not, its pass begins anew; all else goes on as it is.
    pub fn resize(&mut self, main: SectorCount, spare: SectorCount) {
        if main.0 != self.main {
            let hurry = self.hurry;
            self.rewind();
            self.hurry = hurry;
        }
        self.main = main.0;
        self.spare = spare.0;
        self.in_use = spare.0;
    }

    /// So much of the spare is in use: a pass has to read no more. All of it, as long as nobody says.
    pub fn set_in_use(&mut self, sectors: SectorCount) {
        self.in_use = sectors.0;
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
        self.pace.look(now, traffic);
        if self.reading.is_some() {
            return Next::Rest;
        }
        self.waiting = true;
        if self.mode != Mode::On || self.storm {
            self.pace.sleep();
            return Next::Rest;
        }
        let sectors = self.main.saturating_add(self.in_use);
        self.pace.give(now, sectors, &self.settings, self.expected);
        let chosen = self.choose();
        let spent = self.pace.spent().filter(|_| !self.hurry);
        let wait = match chosen {
            // A pass that is over, and paid for, is so at once.
            None if self.pace.is_even() => None,
            None => spent,
            Some(_) => spent.or_else(|| self.pace.held(now, &self.settings)),
        };
        if let Some(until) = wait {
            return Next::Wait(until);
        }
        let Some((turn, read)) = chosen else {
            self.end_pass(unix);
            return Next::PassDone;
        };
        self.turn = match turn {
            Turn::Follow => Turn::Pass,
            _ => Turn::Follow,
        };
        self.reading = Some((turn, read, now));
        self.waiting = false;
        Next::Read(read)
    }

    /// Tells what came of the last [`Next::Read`].
    pub fn done(&mut self, now: u64, outcome: Outcome) {
        self.ended(now, outcome, SectorCount(u64::MAX), false);
    }

    /// The same of a read that may have ended early: with `len` of its sectors it was dealt with. What is left of it
    /// is read later. If that `fails` though others can be read, it is left out of this pass when it did so too often:
    /// then this is true.
    pub fn ended(&mut self, now: u64, outcome: Outcome, len: SectorCount, fails: bool) -> bool {
        let Some((turn, read, begun)) = self.reading.take() else {
            return false;
        };
        let hit = outcome == Outcome::Hit;
        let all = u32::try_from(read.len.0).unwrap_or(SEGMENT);
        let len = u32::try_from(len.0).unwrap_or(all).min(all);
        let mut left_out = false;
        match turn {
            // The pass comes there, too.
            Turn::Follow => self.follow.read(if fails { all } else { len }, hit),
            Turn::Pass => {
                let before = if len > 0 { 0 } else { self.tries };
                self.tries = before.saturating_add(fails.into());
                left_out = self.tries >= TRIES;
                if left_out {
                    self.tries = 0;
                }
                let on = if left_out { all } else { len };
                self.offset = self.offset.saturating_add(on);
            }
            Turn::Past => {}
        }
        if hit && !read.spare && turn != Turn::Follow {
            self.follow.hit(read.start.0.wrapping_shr(REGION_SHIFT));
        }
        if outcome != Outcome::Skipped {
            self.sectors_read = self.sectors_read.saturating_add(len.into());
            self.errors = self.errors.saturating_add(hit.into());
            self.pace
                .took(begun, now, len.into(), self.hurry, &self.settings);
        }
        left_out
    }

    /// The same of a read of the spare, of which nothing is in use from its start to `until`: all of that is stepped over.
    pub fn free_until(&mut self, until: Sector) {
        let Some((Turn::Pass, read, _)) = self.reading.take() else {
            return;
        };
        let until = until.0.min(self.spare).max(read.start.0);
        self.rank = self
            .main_ranks()
            .saturating_add(until.wrapping_shr(REGION_SHIFT));
        let within = until & u64::from(SEGMENT).wrapping_sub(1);
        self.offset = u32::try_from(within).unwrap_or(0);
        self.tries = 0;
    }

    /// Forgets what was counted, and begins a new pass.
    pub fn forget(&mut self) {
        self.restore(&[0; POSITION_BYTES]);
        self.follow = Follow::new();
        self.rewind();
    }

    fn end_pass(&mut self, unix: u64) {
        self.rewind();
        self.passes = self.passes.saturating_add(1);
        self.last_pass = unix;
    }

    fn rewind(&mut self) {
        self.rank = 0;
        self.offset = 0;
        self.tries = 0;
        self.hurry = false;
        self.follow.end_pass();
        if let Some((turn, ..)) = self.reading.as_mut() {
            *turn = Turn::Past;
        }
    }
}
