// SPDX-License-Identifier: GPL-2.0-only

//! A disk in memory: with a volatile cache, with sectors that fail, and with a power switch.

use std::collections::BTreeSet;

use dm_remap_core::{
    open::{Area, IoFailed},
    units::Sector,
};

pub const SECTOR: usize = 512;

#[derive(Clone, Default)]
pub struct Disk {
    /// What is on the medium.
    pub medium: Vec<u8>,
    /// What was written and not flushed, oldest first, a sector each.
    pub cache: Vec<(usize, Vec<u8>)>,
    /// Sectors whose reads fail.
    pub bad_read: BTreeSet<u64>,
    /// Sectors whose writes fail, and leave what was there.
    pub bad_write: BTreeSet<u64>,
    /// Writes so far.
    pub writes: u64,
    /// The power fails in the write with this number, which destroys what it was to replace.
    pub fuse: Option<u64>,
}

impl Disk {
    pub fn new(sectors: u64) -> Disk {
        Disk {
            medium: vec![0; sectors as usize * SECTOR],
            ..Disk::default()
        }
    }

    pub fn sectors(&self) -> u64 {
        (self.medium.len() / SECTOR) as u64
    }

    pub fn bytes(&self, at: Sector, len: usize) -> &[u8] {
        let at = at.0 as usize * SECTOR;
        &self.medium[at..at + len]
    }

    pub fn bytes_mut(&mut self, at: Sector, len: usize) -> &mut [u8] {
        let at = at.0 as usize * SECTOR;
        &mut self.medium[at..at + len]
    }

    /// The power fails: of what was not flushed, only what `keep` says stays.
    pub fn lose_power(&mut self, mut keep: impl FnMut() -> bool) {
        for (at, data) in std::mem::take(&mut self.cache) {
            if keep() {
                self.medium[at * SECTOR..][..SECTOR].copy_from_slice(&data);
            }
        }
    }

    /// A write that the power cut: of its sectors, only those that `keep` names reach the medium.
    pub fn tear(&mut self, at: Sector, buf: &[u8], mut keep: impl FnMut(usize) -> bool) {
        for (i, piece) in buf.chunks(SECTOR).enumerate() {
            if keep(i) {
                let at = (at.0 as usize + i) * SECTOR;
                self.medium[at..at + SECTOR].copy_from_slice(piece);
            }
        }
    }
}

impl Disk {
    /// Leaves nothing there that makes sense.
    pub fn destroy(&mut self, at: Sector, len: usize) {
        for (i, byte) in self.bytes_mut(at, len).iter_mut().enumerate() {
            *byte = (i * 31 + 7) as u8;
        }
    }
}

impl Area for Disk {
    fn read(&mut self, at: Sector, buf: &mut [u8]) -> Result<(), IoFailed> {
        assert!(buf.len() <= 1 << 20, "a transfer that is too large");
        let end = at.0 + (buf.len() / SECTOR) as u64;
        assert!(end <= self.sectors(), "a read past the end: {at:?}");
        if self.bad_read.range(at.0..end).next().is_some() {
            // What a failed read has put into the buffer is not to be used.
            buf.fill(0xa5);
            return Err(IoFailed);
        }
        let len = buf.len();
        buf.copy_from_slice(self.bytes(at, len));
        let first = at.0 as usize;
        for (sector, data) in &self.cache {
            if (first..end as usize).contains(sector) {
                buf[(sector - first) * SECTOR..][..SECTOR].copy_from_slice(data);
            }
        }
        Ok(())
    }

    fn write(&mut self, at: Sector, buf: &[u8], fua: bool) -> Result<(), IoFailed> {
        assert!(buf.len() <= 1 << 20, "a transfer that is too large");
        let end = at.0 + (buf.len() / SECTOR) as u64;
        assert!(end <= self.sectors(), "a write past the end: {at:?}");
        self.writes += 1;
        if let Some(last) = self.fuse {
            if self.writes == last {
                self.destroy(at, buf.len());
            }
            if self.writes >= last {
                return Err(IoFailed);
            }
        }
        if self.bad_write.range(at.0..end).next().is_some() {
            return Err(IoFailed);
        }
        for (i, piece) in buf.chunks(SECTOR).enumerate() {
            let sector = at.0 as usize + i;
            if fua {
                self.cache.retain(|(s, _)| *s != sector);
                self.medium[sector * SECTOR..][..SECTOR].copy_from_slice(piece);
            } else {
                self.cache.push((sector, piece.to_vec()));
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), IoFailed> {
        self.lose_power(|| true);
        Ok(())
    }
}
