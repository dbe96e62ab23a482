// SPDX-License-Identifier: GPL-2.0-only

//! A spare area on a block device or in an image file. What is in use is refused.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Seek, SeekFrom},
    os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{bail, ensure, Context, Result};
use dm_remap_core::{
    open::{Area, IoFailed, MAX_TRANSFER},
    units::Sector,
};
use rustix::{
    fs::{flock, ioctl_blksszget, major, minor, FlockOperation, OFlags},
    io::Errno,
};

const SECTOR: u64 = 512;

/// What buffers for a device are aligned to.
const ALIGN: usize = 4096;

/// What is done with an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// A spare area, open.
#[derive(Debug)]
pub(crate) struct AreaFile {
    file: File,
    path: PathBuf,
    start: u64,
    len: u64,
    /// Sectors of the smallest read that is possible.
    grain: u64,
    /// Of a device, whose I/O goes past the page cache.
    buffer: Option<Vec<u8>>,
    /// What was written so far, as sectors of the area.
    written: Vec<(u64, u64)>,
    /// Why the last write failed.
    error: Option<io::Error>,
}

impl AreaFile {
    /// Opens an area that nobody else uses.
    pub(crate) fn open(
        path: &Path,
        start: u64,
        len: Option<u64>,
        access: Access,
    ) -> Result<AreaFile> {
        let name = path.display();
        let meta = fs::metadata(path).with_context(|| format!("cannot open {name}"))?;
        let kind = meta.file_type();
        let is_device = kind.is_block_device();
        ensure!(
            is_device || kind.is_file(),
            "{name} is neither a block device nor an image file"
        );
        let mut options = OpenOptions::new();
        options.read(true).write(access == Access::Write);
        if is_device {
            // The page cache of the device may be older than what the kernel module wrote.
            let flags = OFlags::EXCL | OFlags::DIRECT;
            options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
        } else if let Some(device) = loop_of(path) {
            bail!("{name} is in use: /dev/{device} stands on it");
        }
        let file = options.open(path);
        if let Err(e) = &file {
            if e.kind() == ErrorKind::ResourceBusy {
                bail!("{name} is in use{}", holders(&meta));
            }
        }
        let mut file = file.with_context(|| format!("cannot open {name}"))?;
        // A device is opened by one alone; of a file, that has to be asked for. Not each file system can say.
        if !is_device && access == Access::Write {
            let lock = flock(&file, FlockOperation::NonBlockingLockExclusive);
            ensure!(
                lock != Err(Errno::WOULDBLOCK),
                "{name} is in use: another program writes it"
            );
        }
        let size = file.seek(SeekFrom::End(0));
        let size = size.with_context(|| format!("cannot tell the size of {name}"))? / SECTOR;
        ensure!(
            start < size,
            "the area begins past the end of {name}, which has {size} sectors"
        );
        let room = size - start;
        let len = len.unwrap_or(room);
        ensure!(len > 0, "an area of no sectors");
        ensure!(
            access == Access::Read || len <= room,
            "{name} ends {} sectors before the area does",
            len - room.min(len)
        );
        let mut grain = 1;
        if is_device {
            let block = u64::from(ioctl_blksszget(&file)?);
            ensure!(
                (start * SECTOR) % block == 0,
                "the area does not begin at a multiple of {block} bytes, {name}'s logical block"
            );
            grain = (block / SECTOR).max(1);
        }
        Ok(AreaFile {
            file,
            path: path.to_owned(),
            start,
            len: len.min(room),
            grain,
            buffer: is_device.then(|| vec![0; MAX_TRANSFER + ALIGN]),
            written: Vec::new(),
            error: None,
        })
    }

    /// An area of `len` sectors from sector `start` on of a new file that nobody else knows.
    pub(crate) fn of_new(file: File, path: &Path, start: u64, len: u64) -> Result<AreaFile> {
        let bytes = start.checked_add(len).and_then(|n| n.checked_mul(SECTOR));
        let bytes = bytes.context("an area past the end of the number space")?;
        file.set_len(bytes)
            .with_context(|| format!("cannot make {} so large", path.display()))?;
        Ok(AreaFile {
            file,
            path: path.to_owned(),
            start,
            len,
            grain: 1,
            buffer: None,
            written: Vec::new(),
            error: None,
        })
    }

    /// The sectors that are there: what the area has beyond them cannot be read.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Sectors of the smallest read that is possible.
    pub(crate) fn grain(&self) -> u64 {
        self.grain
    }

    /// Nothing was written so far.
    pub(crate) fn is_untouched(&self) -> bool {
        self.written.is_empty()
    }

    /// A write failed.
    pub(crate) fn failed(&self) -> bool {
        self.error.is_some()
    }

    /// Why the last write failed, in words.
    pub(crate) fn why(&self) -> String {
        let why = self.error.as_ref().map(|e| format!(": {e}"));
        format!(
            "cannot write {}{}",
            self.path.display(),
            why.unwrap_or_default()
        )
    }

    /// Nothing of what was written stays: an area that is half done must not be taken for one.
    pub(crate) fn undo(&mut self) -> io::Result<()> {
        let zeros = vec![0; MAX_TRANSFER];
        // The superblocks, which were written last, go first.
        for (at, sectors) in std::mem::take(&mut self.written).into_iter().rev() {
            let bytes = usize::try_from(sectors * SECTOR).unwrap_or(MAX_TRANSFER);
            self.put(at, zeros.get(..bytes).unwrap_or(&zeros))?;
        }
        self.file.sync_all()
    }

    /// Both lie on one file or device, and share sectors.
    pub(crate) fn overlaps(&self, other: &AreaFile) -> Result<bool> {
        let (one, two) = (self.file.metadata()?, other.file.metadata()?);
        let same = match (self.buffer.is_some(), other.buffer.is_some()) {
            (true, true) => one.rdev() == two.rdev(),
            (false, false) => (one.dev(), one.ino()) == (two.dev(), two.ino()),
            _ => false,
        };
        let apart = self.start + self.len <= other.start || other.start + other.len <= self.start;
        Ok(same && !apart)
    }

    fn position(&self, at: u64, bytes: usize) -> io::Result<u64> {
        let sectors = bytes as u64 / SECTOR;
        let end = at.checked_add(sectors);
        match end.filter(|&end| end <= self.len) {
            Some(_) => Ok((self.start + at) * SECTOR),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn get(&mut self, at: u64, buf: &mut [u8]) -> io::Result<()> {
        let at = self.position(at, buf.len())?;
        match &mut self.buffer {
            Some(buffer) => {
                let part = aligned(buffer, buf.len())?;
                self.file.read_exact_at(part, at)?;
                buf.copy_from_slice(part);
                Ok(())
            }
            None => self.file.read_exact_at(buf, at),
        }
    }

    fn put(&mut self, at: u64, buf: &[u8]) -> io::Result<()> {
        let at = self.position(at, buf.len())?;
        match &mut self.buffer {
            Some(buffer) => {
                let part = aligned(buffer, buf.len())?;
                part.copy_from_slice(buf);
                self.file.write_all_at(part, at)
            }
            None => self.file.write_all_at(buf, at),
        }
    }

    fn noted(&mut self, result: io::Result<()>) -> Result<(), IoFailed> {
        result.map_err(|e| {
            self.error = Some(e);
            IoFailed
        })
    }
}

impl Area for AreaFile {
    fn read(&mut self, at: Sector, buf: &mut [u8]) -> Result<(), IoFailed> {
        self.get(at.0, buf).map_err(|_| IoFailed)
    }

    /// What is durable is what was flushed: see [`build`](super::build).
    fn write(&mut self, at: Sector, buf: &[u8], _fua: bool) -> Result<(), IoFailed> {
        self.written.push((at.0, buf.len() as u64 / SECTOR));
        let result = self.put(at.0, buf);
        self.noted(result)
    }

    fn flush(&mut self) -> Result<(), IoFailed> {
        let result = self.file.sync_data();
        self.noted(result)
    }
}

/// The first `len` bytes of a buffer that are aligned as a device wants it.
fn aligned(buffer: &mut [u8], len: usize) -> io::Result<&mut [u8]> {
    let skip = buffer.as_ptr().align_offset(ALIGN);
    let end = skip.checked_add(len);
    let part = end.and_then(|end| buffer.get_mut(skip..end));
    part.ok_or_else(|| ErrorKind::InvalidInput.into())
}

/// Who holds a device, as far as the kernel says.
fn holders(meta: &fs::Metadata) -> String {
    let device = format!("{}:{}", major(meta.rdev()), minor(meta.rdev()));
    let folder = fs::read_dir(format!("/sys/dev/block/{device}/holders"));
    let names = folder.into_iter().flatten().flatten().map(|entry| {
        let holder = entry.file_name().to_string_lossy().into_owned();
        let name = fs::read_to_string(format!("/sys/block/{holder}/dm/name"));
        match name {
            Ok(name) => format!("{holder} ({})", name.trim()),
            Err(_) => holder,
        }
    });
    let names: Vec<String> = names.collect();
    match names.is_empty() {
        true => ": it is mounted, or another device or program has it".to_owned(),
        false => format!(": {} has it", names.join(", ")),
    }
}

/// The loop device that stands on an image file.
fn loop_of(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    let devices = fs::read_dir("/sys/block").ok()?.flatten();
    devices
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("loop"))
        .find(|entry| {
            let file = fs::read_to_string(entry.path().join("loop/backing_file"));
            // By whatever name: a file may have several.
            let backing = file.and_then(|file| fs::metadata(file.trim_end_matches('\n')));
            backing.is_ok_and(|backing| (backing.dev(), backing.ino()) == (meta.dev(), meta.ino()))
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
}
