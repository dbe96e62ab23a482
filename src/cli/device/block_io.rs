// SPDX-License-Identifier: GPL-2.0-only

//! Reading and zeroing a part of a block device, past the page cache: that may be older than what the kernel module wrote.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
};

use anyhow::{Context, Result};
use dm_remap_core::{
    open::{Area, IoFailed, MAX_TRANSFER},
    units::Sector,
};
use rustix::fs::OFlags;

use super::disk::BlockDevice;

const SECTOR: u64 = 512;

/// What buffers are aligned to, and so is what is read: the largest logical block there is.
const ALIGN: u64 = 4096;

/// How it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To be read, whoever uses it.
    Look,
    /// To be written, and by nobody else meanwhile.
    Own,
}

/// A part of a block device, open.
pub struct Part {
    file: File,
    start: u64,
    len: u64,
    buffer: Vec<u8>,
}

impl Part {
    /// Opens `len` sectors from `start` on.
    pub fn open(device: &BlockDevice, start: u64, len: u64, access: Access) -> Result<Part> {
        let own = access == Access::Own;
        let flags = match own {
            true => OFlags::DIRECT | OFlags::EXCL,
            false => OFlags::DIRECT,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(own)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
            .open(&device.path)
            .with_context(|| device.path.clone())?;
        device.refuse_another(&file)?;
        let room = MAX_TRANSFER as u64 + 3 * ALIGN;
        Ok(Part {
            file,
            start,
            len,
            buffer: vec![0; usize::try_from(room)?],
        })
    }

    /// Writes zeros over these sectors, which it has; `step` is told of each that is done, and may end it.
    pub fn zero(
        &mut self,
        at: u64,
        len: u64,
        step: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        self.buffer.fill(0);
        let most = MAX_TRANSFER as u64 / SECTOR;
        let mut done = 0;
        while done < len {
            let now = most.min(len - done);
            let position = (self.start + at + done) * SECTOR;
            let bytes = usize::try_from(now * SECTOR)?;
            let zeros = aligned(&mut self.buffer, bytes).context("no room")?;
            self.file
                .write_all_at(zeros, position)
                .context("cannot write zeros")?;
            done += now;
            step(now)?;
        }
        Ok(())
    }

    /// Makes what was written durable.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().context("cannot make it durable")
    }

    fn get(&mut self, at: u64, buf: &mut [u8]) -> io::Result<()> {
        let bytes = buf.len() as u64;
        let end = at.checked_add(bytes / SECTOR);
        if end.is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Whole logical blocks are read.
        let position = (self.start + at) * SECTOR;
        let skip = position % ALIGN;
        let whole = (skip + bytes).next_multiple_of(ALIGN);
        let from = position - skip;
        let size = |n: u64| usize::try_from(n).map_err(|_| io::ErrorKind::InvalidInput);
        let part = aligned(&mut self.buffer, size(whole)?);
        let part = part.ok_or(io::ErrorKind::InvalidInput)?;
        // The end of the device may come before that of the last block.
        let mut have = 0;
        while have < part.len() {
            match self.file.read_at(&mut part[have..], from + have as u64)? {
                0 => break,
                n => have += n,
            }
        }
        let wanted = size(skip)?..size(skip + bytes)?;
        if have < wanted.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buf.copy_from_slice(&part[wanted]);
        Ok(())
    }
}

/// The first `len` bytes of a buffer that are aligned.
fn aligned(buffer: &mut [u8], len: usize) -> Option<&mut [u8]> {
    let skip = buffer.as_ptr().align_offset(usize::try_from(ALIGN).ok()?);
    buffer.get_mut(skip..skip.checked_add(len)?)
}

/// To be examined; it is written by the kernel.
impl Area for Part {
    fn read(&mut self, at: Sector, buf: &mut [u8]) -> Result<(), IoFailed> {
        self.get(at.0, buf).map_err(|_| IoFailed)
    }

    fn write(&mut self, _: Sector, _: &[u8], _: bool) -> Result<(), IoFailed> {
        Err(IoFailed)
    }

    fn flush(&mut self) -> Result<(), IoFailed> {
        Err(IoFailed)
    }
}
