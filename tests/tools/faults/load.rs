// SPDX-License-Identifier: GPL-2.0-only
//! Who reads and writes while everything fails, and what they are owed.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use anyhow::{anyhow, bail, Result};

use crate::crash::book::{Shared, Wrong, DISCARDS, DURABLE, ZEROS};
use crate::failing;
use crate::pattern::{fill, mix, Buffer, Device, SECTOR};

/// The longest request, in sectors.
pub const LONGEST: u64 = 40;

/// The figures of all lives.
#[derive(Default)]
pub struct Figures {
    /// Those of users, while things fail.
    pub ios: AtomicU64,
    /// Sectors that were looked at when nothing failed any more.
    pub checked: AtomicU64,
    pub errors: AtomicU64,
    pub losses: AtomicU64,
    pub garbage: AtomicU64,
}

/// What the sectors of one life are owed.
pub struct Ledger<'f> {
    pub figures: &'f Figures,
    pub stop: AtomicBool,
    state: Mutex<Shared>,
}

/// One of a device's users.
pub struct User<'l> {
    ledger: &'l Ledger<'l>,
    device: Device,
    buffer: Buffer,
    owed: Vec<u32>,
    seed: u64,
}

impl<'f> Ledger<'f> {
    /// All is zeros.
    pub fn new(figures: &'f Figures, span: u64) -> Self {
        Ledger {
            figures,
            stop: AtomicBool::new(false),
            state: Mutex::new(Shared::new(span)),
        }
    }

    fn lock(&self) -> Result<MutexGuard<'_, Shared>> {
        self.state
            .lock()
            .map_err(|_| anyhow!("another user panicked"))
    }

    pub fn user(&self, node: &str, seed: u64) -> Result<User<'_>> {
        Ok(User {
            ledger: self,
            device: Device::open(node)?,
            buffer: Buffer::new(LONGEST as usize)?,
            owed: vec![0; LONGEST as usize],
            seed,
        })
    }

    /// An I/O has ended; true if it did so well. An error that nothing here can be the reason of is one of
    /// the module.
    fn ended(&self, what: &str, result: &io::Result<()>) -> Result<bool> {
        self.figures.ios.fetch_add(1, Ordering::Relaxed);
        let Err(error) = result else {
            return Ok(true);
        };
        self.figures.errors.fetch_add(1, Ordering::Relaxed);
        match error.raw_os_error() {
            Some(libc::EIO | libc::ENODATA | libc::ENOMEM | libc::EAGAIN) => Ok(false),
            // A short transfer: its rest has failed.
            None => Ok(false),
            _ => bail!("{what} ended with {error}"),
        }
    }

    /// Something that was read is wrong.
    fn wrong(&self, wrong: Wrong) -> anyhow::Error {
        let (count, text) = match wrong {
            Wrong::Loss(text) => (&self.figures.losses, text),
            Wrong::Garbage(text) => (&self.figures.garbage, text),
        };
        count.fetch_add(1, Ordering::Relaxed);
        anyhow!(text)
    }
}

impl User<'_> {
    /// Does this and that until it is told to stop. One that only reads does so.
    pub fn work(&mut self, writes: bool) -> Result<()> {
        failing::enter()?;
        while !self.ledger.stop.load(Ordering::Relaxed) {
            let done = match mix(&mut self.seed) % 40 {
                _ if !writes => self.read(),
                0..=4 => self.flush(),
                5..=6 => self.write(ZEROS),
                7 => self.write(DISCARDS),
                8..=13 => self.read(),
                14..=20 => self.write(DURABLE),
                _ => self.write(0),
            };
            if done.is_err() {
                self.ledger.stop.store(true, Ordering::Relaxed);
                return done;
            }
        }
        failing::leave();
        Ok(())
    }

    fn place(&mut self, span: u64) -> (u64, u64) {
        let chance = mix(&mut self.seed);
        let len = 1 + mix(&mut self.seed) % LONGEST;
        let first = mix(&mut self.seed) % (span - len + 1);
        match chance % 4 {
            // Whole blocks of the usual size.
            0 => (first / 8 * 8, len.next_multiple_of(8).min(LONGEST)),
            1 => (first, 1),
            _ => (first, len),
        }
    }

    /// Writes to sectors that nobody else writes to.
    fn write(&mut self, flags: u8) -> Result<()> {
        let (first, len, id) = loop {
            let span = self.ledger.lock()?.sectors.len() as u64;
            let (first, len) = self.place(span);
            let len = len.min(span - first);
            if let Some(id) = self.ledger.lock()?.begin(first, len, flags) {
                break (first, len, id);
            }
        };
        let bytes = &mut self.buffer[..len as usize * SECTOR];
        for (n, sector) in (first..).zip(bytes.chunks_exact_mut(SECTOR)) {
            fill(sector, n, id);
        }
        let device = &self.device;
        let (what, result) = match flags {
            ZEROS => ("write zeroes", failing::call(|| device.zero(first, len))),
            DISCARDS => ("discard", failing::call(|| device.discard(first, len))),
            _ => {
                let durable = flags & DURABLE != 0;
                let write = || device.write(bytes, first, durable);
                ("write", failing::call(write))
            }
        };
        let good = self.ledger.ended(what, &result)?;
        self.ledger.lock()?.end(first, len, id, flags, good);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let result = failing::call(|| self.device.flush());
        self.ledger.ended("flush", &result).map(drop)
    }

    /// Reads, and compares with what may be there now.
    fn read(&mut self) -> Result<()> {
        let span = self.ledger.lock()?.sectors.len() as u64;
        let (first, len) = self.place(span);
        let range = first as usize..(first + len.min(span - first)) as usize;
        let state = self.ledger.lock()?;
        for (owed, sector) in self.owed.iter_mut().zip(&state.sectors[range.clone()]) {
            *owed = sector.acked;
        }
        drop(state);
        let bytes = &mut self.buffer[..range.len() * SECTOR];
        let device = &self.device;
        let result = failing::call(|| device.read(bytes, first));
        if !self.ledger.ended("read", &result)? {
            return Ok(());
        }
        let state = self.ledger.lock()?;
        let sectors = state.sectors[range].iter().zip(&self.owed);
        for ((n, bytes), (sector, owed)) in (first..).zip(bytes.chunks_exact(SECTOR)).zip(sectors) {
            sector
                .judge(bytes, n, *owed)
                .map_err(|wrong| self.ledger.wrong(wrong))?;
        }
        Ok(())
    }

    /// Nothing fails any more, and nobody writes: reads all of it. What can be read from now on stays so;
    /// the sectors that cannot be read are told.
    pub fn read_back(&mut self) -> Result<Vec<u64>> {
        let mut state = self.ledger.lock()?;
        let checked = &self.ledger.figures.checked;
        checked.fetch_add(state.sectors.len() as u64, Ordering::Relaxed);
        let mut unread = Vec::new();
        let step = LONGEST as usize;
        let first_of = (0u64..).step_by(step);
        for (first, sectors) in first_of.zip(state.sectors.chunks_mut(step)) {
            let bytes = &mut self.buffer[..sectors.len() * SECTOR];
            let whole = self.device.read(bytes, first).is_ok();
            let each = bytes.chunks_exact_mut(SECTOR).zip(sectors);
            for (n, (bytes, sector)) in (first..).zip(each) {
                if !whole && self.device.read(bytes, n).is_err() {
                    unread.push(n);
                    continue;
                }
                let seen = sector.judge(bytes, n, sector.acked);
                sector.acked = seen.map_err(|wrong| self.ledger.wrong(wrong))?;
            }
        }
        Ok(unread)
    }

    /// Nothing fails any more: writes all of it.
    pub fn write_all(&mut self) -> Result<()> {
        let mut state = self.ledger.lock()?;
        let id = state.number();
        let step = LONGEST as usize;
        for (first, sectors) in (0u64..).step_by(step).zip(state.sectors.chunks_mut(step)) {
            let bytes = &mut self.buffer[..sectors.len() * SECTOR];
            for (n, sector) in (first..).zip(bytes.chunks_exact_mut(SECTOR)) {
                fill(sector, n, id);
            }
            let result = self.device.write(bytes, first, false);
            result.map_err(|error| {
                anyhow!("nothing fails, and a write of {first} ends with {error}")
            })?;
            for sector in sectors {
                sector.begin(id, 0);
                sector.end(id, 0);
            }
        }
        Ok(())
    }

    /// The error of an earlier flush is told once more; after that it has to work.
    pub fn flush_at_last(&self) -> Result<()> {
        let _ = self.device.flush();
        Ok(self.device.flush()?)
    }
}
