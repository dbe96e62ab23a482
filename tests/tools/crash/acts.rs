// SPDX-License-Identifier: GPL-2.0-only
//! What writers do in a story.

use std::sync::{Mutex, MutexGuard};

use anyhow::{anyhow, bail, ensure, Result};

use super::book::{
    Shared, Wrong, BEGIN_FLUSH, BEGIN_WRITE, DISCARDS, DURABLE, END, LOSSY, OK, ZEROS,
};
use super::recorder::{Fault, Pair, ARRIVES, FLUSHES, IO_ERROR, MAIN, READS, SPARE, WRITES};
use super::story::Story;
use crate::dm::Control;
use crate::pattern::{fill, mix, Buffer, Device, SECTOR};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Write,
    Zero,
    Discard,
    Flush,
    Read,
    Message,
    /// A place of main begins to fail.
    BadWrite,
    BadRead,
    /// A place of the spare does, or the next flush of a disk, or the next writes of the log.
    BadSpare,
    BadFlush,
    BadLog,
    Suspend,
    Reload,
}

/// What the writers share.
pub struct State {
    pub shared: Shared,
    pub errors: u64,
}

pub struct Stage<'s> {
    pub name: String,
    pub story: &'s Story,
    pub pair: &'s Pair,
    pub control: &'s Control,
    pub node: String,
    pub state: Mutex<State>,
    /// One suspends it at a time.
    pub admin: Mutex<()>,
}

impl Stage<'_> {
    pub fn act(&self, device: &Device, buffer: &mut Buffer, seed: &mut u64) -> Result<()> {
        let acts = self.story.acts_of;
        let mut point = mix(seed) % acts.iter().map(|(_, share)| share).sum::<u64>();
        let chosen = acts
            .iter()
            .find(|(_, share)| match point.checked_sub(*share) {
                Some(rest) => {
                    point = rest;
                    false
                }
                None => true,
            });
        let Some((act, _)) = chosen else {
            return Ok(());
        };
        let place = mix(seed) % self.story.span;
        match act {
            Act::Write => self.write(device, buffer, 0, seed),
            Act::Zero => self.write(device, buffer, ZEROS, seed),
            Act::Discard => self.write(device, buffer, DISCARDS, seed),
            Act::Flush => self.flush(device),
            Act::Read => self.read(device, buffer, seed),
            Act::Message => {
                let verbs = self.story.verbs;
                let verb = verbs[mix(seed) as usize % verbs.len()];
                // It may be refused: too many wait, or the map cannot change.
                let _ = self.control.message(&self.name, &format!("{verb} {place}"));
                Ok(())
            }
            Act::BadWrite => self.bad(MAIN, place, WRITES, seed),
            Act::BadRead => self.bad(MAIN, place, READS, seed),
            Act::BadSpare => {
                // Blocks that hold data, and some that do not yet.
                let mut place = mix(seed) % self.pair.sectors(SPARE);
                let used = self.pair.spare_in_use();
                if !used.is_empty() && mix(seed) % 4 > 0 {
                    place = used[mix(seed) as usize % used.len()];
                }
                let ops = [WRITES, WRITES, READS, READS | WRITES][mix(seed) as usize % 4];
                self.bad(SPARE, place, ops, seed)
            }
            Act::BadFlush => self.bad(mix(seed) as usize % 2, 0, FLUSHES, seed),
            Act::BadLog => self.bad_log(seed),
            Act::Suspend => {
                let _admin = self.admin.lock();
                self.control.suspend(&self.name)?;
                self.control.resume(&self.name).map(drop)
            }
            Act::Reload => {
                let _admin = self.admin.lock();
                let policy = ["any", "medium", "confirm"][mix(seed) as usize % 3];
                let features = format!("{} error_policy {policy}", self.story.features);
                self.control.load(&self.name, &self.pair.table(&features))?;
                self.control.suspend(&self.name)?;
                self.control.resume(&self.name).map(drop)
            }
        }
    }

    /// A place begins to fail.
    pub fn bad(&self, disk: usize, start: u64, ops: u32, seed: &mut u64) -> Result<()> {
        let chance = mix(seed);
        // What the spare cannot give back is lost, and may be answered with an error.
        if disk == SPARE && ops & READS != 0 {
            self.pair.note(LOSSY, 0, 0, 0, 0)?;
        }
        self.pair.fault(&Fault {
            disk,
            start,
            len: 1 + chance % 3,
            ops,
            count: if ops & FLUSHES != 0 {
                1
            } else {
                [-1, -1, 3, 1][(chance >> 8) as usize % 4]
            },
            how: [0, 0, IO_ERROR, ARRIVES][(chance >> 16) as usize % 4],
        })
    }

    /// All of one end of the spare area, where the copies of the log are, cannot be written for a while.
    fn bad_log(&self, seed: &mut u64) -> Result<()> {
        let (chance, sectors) = (mix(seed), self.pair.sectors(SPARE));
        let copies: &[u64] = match chance % 3 {
            0 => &[0],
            1 => &[1],
            _ => &[0, 1],
        };
        for copy in copies {
            self.pair.fault(&Fault::of_log(*copy, sectors, chance))?;
        }
        Ok(())
    }

    /// Writes to sectors that nobody else writes to.
    fn write(&self, device: &Device, buffer: &mut Buffer, how: u8, seed: &mut u64) -> Result<()> {
        let chance = mix(seed);
        let durable = how == 0 && (chance >> 8) & 3 == 0;
        let flags = how | (u8::from(durable) * DURABLE);
        let (first, len, id) = loop {
            let mut len = 1 + mix(seed) % self.story.longest;
            let mut first = mix(seed) % (self.story.span - len + 1);
            if chance % 4 == 0 {
                // Whole blocks of the usual size.
                len = len.next_multiple_of(8).min(self.story.longest);
                first = first / 8 * 8;
            }
            let len = len.min(self.story.span - first);
            if let Some(id) = self.lock()?.shared.begin(first, len, flags) {
                break (first, len, id);
            }
        };
        let bytes = &mut buffer[..len as usize * SECTOR];
        for (n, sector) in (first..).zip(bytes.chunks_exact_mut(SECTOR)) {
            fill(sector, n, id);
        }
        self.pair.note(BEGIN_WRITE, id, first, len as u32, flags)?;
        let result = match how {
            ZEROS => device.zero(first, len),
            DISCARDS => device.discard(first, len),
            _ => device.write(bytes, first, durable),
        };
        self.pair
            .note(END, id, 0, 0, u8::from(result.is_ok()) * OK)?;
        let mut state = self.lock()?;
        state.errors += u64::from(result.is_err());
        state.shared.end(first, len, id, flags, result.is_ok());
        Ok(())
    }

    fn flush(&self, device: &Device) -> Result<()> {
        let id = self.lock()?.shared.number();
        self.pair.note(BEGIN_FLUSH, id, 0, 0, 0)?;
        let result = device.flush();
        self.pair
            .note(END, id, 0, 0, u8::from(result.is_ok()) * OK)?;
        self.lock()?.errors += u64::from(result.is_err());
        Ok(())
    }

    /// Reads, and compares with what may be there now.
    fn read(&self, device: &Device, buffer: &mut Buffer, seed: &mut u64) -> Result<()> {
        let len = 1 + mix(seed) % self.story.longest;
        let first = mix(seed) % (self.story.span - len + 1);
        let range = first as usize..(first + len) as usize;
        let owed: Vec<u32> = self.lock()?.shared.sectors[range.clone()]
            .iter()
            .map(|sector| sector.acked)
            .collect();
        let bytes = &mut buffer[..len as usize * SECTOR];
        if let Err(error) = device.read(bytes, first) {
            let expected = self.story.has(Act::BadRead) || self.story.has(Act::BadSpare);
            ensure!(expected, "cannot read: {error}");
            return Ok(());
        }
        let state = self.lock()?;
        let sectors = state.shared.sectors[range].iter().zip(owed);
        for ((n, bytes), (sector, owed)) in (first..).zip(bytes.chunks_exact(SECTOR)).zip(sectors) {
            if let Err(Wrong::Loss(text) | Wrong::Garbage(text)) = sector.judge(bytes, n, owed) {
                bail!("before any cut: {text}");
            }
        }
        Ok(())
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        self.state
            .lock()
            .map_err(|_| anyhow!("another writer panicked"))
    }
}
