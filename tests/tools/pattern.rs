// SPDX-License-Identifier: GPL-2.0-only
//! Sectors that say who they are: each holds its own number and a generation, and the rest of it
//! follows from these, so that a torn, misplaced or stale sector is told from a right one.

use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error, Layout};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::ops::{Deref, DerefMut};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use anyhow::{bail, Context, Result};

pub const SECTOR: usize = 512;
/// How a sector begins.
pub const MAGIC: u64 = 0x726f_7463_6573_6d64;

/// Bytes as direct I/O wants them.
pub struct Buffer {
    at: *mut u8,
    layout: Layout,
}

impl Buffer {
    pub fn new(sectors: usize) -> Result<Self> {
        let layout = Layout::from_size_align(sectors.max(1) * SECTOR, 4096)?;
        // SAFETY: the layout is not empty.
        let at = unsafe { alloc_zeroed(layout) };
        if at.is_null() {
            handle_alloc_error(layout);
        }
        Ok(Buffer { at, layout })
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.at, self.layout) }
    }
}

impl Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: `at` points to so many initialised bytes of our own.
        unsafe { std::slice::from_raw_parts(self.at, self.layout.size()) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and we are borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.layout.size()) }
    }
}

/// A device for direct I/O in sectors.
pub struct Device(File);

impl Device {
    pub fn open(path: &str) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_DIRECT)
            .open(path);
        Ok(Device(file.with_context(|| path.to_owned())?))
    }

    /// How long it is.
    pub fn sectors(&self) -> std::io::Result<u64> {
        Ok((&self.0).seek(SeekFrom::End(0))? / SECTOR as u64)
    }

    pub fn descriptor(&self) -> libc::c_int {
        self.0.as_raw_fd()
    }

    pub fn read(&self, buffer: &mut [u8], sector: u64) -> std::io::Result<()> {
        self.0.read_exact_at(buffer, sector * SECTOR as u64)
    }

    /// As [`Device::read`], or an error if it would have to wait.
    pub fn read_now(&self, buffer: &mut [u8], sector: u64) -> std::io::Result<()> {
        let part = part(buffer.as_mut_ptr(), buffer.len());
        let at = (sector * SECTOR as u64) as libc::off_t;
        // SAFETY: one part, which is valid for the call, and borrowed for it alone.
        let n = unsafe { libc::preadv2(self.0.as_raw_fd(), &part, 1, at, libc::RWF_NOWAIT) };
        whole(n, buffer.len())
    }

    /// With `durable`, the write carries FUA.
    pub fn write(&self, buffer: &[u8], sector: u64, durable: bool) -> std::io::Result<()> {
        if !durable {
            return self.0.write_all_at(buffer, sector * SECTOR as u64);
        }
        self.write_with(buffer, sector, libc::RWF_DSYNC)
    }

    /// As [`Device::write`], or an error if it would have to wait.
    pub fn write_now(&self, buffer: &[u8], sector: u64) -> std::io::Result<()> {
        self.write_with(buffer, sector, libc::RWF_NOWAIT)
    }

    fn write_with(&self, buffer: &[u8], sector: u64, flags: libc::c_int) -> std::io::Result<()> {
        let part = part(buffer.as_ptr().cast_mut(), buffer.len());
        let at = (sector * SECTOR as u64) as libc::off_t;
        // SAFETY: one part, which is valid for the call, and only read from.
        let n = unsafe { libc::pwritev2(self.0.as_raw_fd(), &part, 1, at, flags) };
        whole(n, buffer.len())
    }

    pub fn flush(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }

    /// Writes zeros, by the request that says so if the device has it.
    pub fn zero(&self, sector: u64, sectors: u64) -> std::io::Result<()> {
        let mode = libc::FALLOC_FL_ZERO_RANGE | libc::FALLOC_FL_KEEP_SIZE;
        let (at, len) = (sector * SECTOR as u64, sectors * SECTOR as u64);
        // SAFETY: no memory is passed.
        let result = unsafe { libc::fallocate64(self.0.as_raw_fd(), mode, at as i64, len as i64) };
        ended(result)
    }

    /// Says that nobody needs the sectors any more.
    pub fn discard(&self, sector: u64, sectors: u64) -> std::io::Result<()> {
        const BLKDISCARD: libc::Ioctl = 0x1277;
        let range = [sector * SECTOR as u64, sectors * SECTOR as u64];
        // SAFETY: two numbers are read.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), BLKDISCARD, &range) };
        ended(result)
    }
}

fn ended(result: libc::c_int) -> std::io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Generation 0 is a sector that was never written: zeros.
pub fn fill(sector: &mut [u8], number: u64, generation: u32) {
    if generation == 0 {
        sector.fill(0);
        return;
    }
    let mut state = (number << 32) | u64::from(generation);
    for (n, word) in sector.chunks_exact_mut(8).enumerate() {
        let value = match n {
            0 => MAGIC,
            1 => number,
            2 => generation.into(),
            _ => mix(&mut state),
        };
        word.copy_from_slice(&value.to_le_bytes());
    }
}

/// The generation of a sector, or what is wrong with it.
pub fn generation(sector: &[u8], number: u64) -> Result<u32> {
    let word =
        |n: usize| u64::from_le_bytes(sector[n * 8..n * 8 + 8].try_into().unwrap_or_default());
    if sector.iter().all(|byte| *byte == 0) {
        return Ok(0);
    }
    if word(0) != MAGIC {
        bail!(
            "sector {number} holds what was never written: {:02x?}...",
            &sector[..16]
        );
    }
    if word(1) != number {
        bail!(
            "sector {number} holds sector {} of generation {}",
            word(1),
            word(2)
        );
    }
    let generation = u32::try_from(word(2)).unwrap_or(0);
    let mut right = [0; SECTOR];
    fill(&mut right, number, generation);
    if generation == 0 || right != *sector {
        bail!(
            "sector {number} is torn (generation {} at its beginning)",
            word(2)
        );
    }
    Ok(generation)
}

/// Whether each byte is that of one of these generations, as in a sector that is being written.
pub fn is_mixture(sector: &[u8], number: u64, generations: std::ops::RangeInclusive<u32>) -> bool {
    let whole = |generation| {
        let mut whole = [0; SECTOR];
        if generation > 0 {
            fill(&mut whole, number, generation);
        }
        whole
    };
    let all: Vec<[u8; SECTOR]> = generations.map(whole).collect();
    sector
        .iter()
        .enumerate()
        .all(|(n, byte)| all.iter().any(|one| one[n] == *byte))
}

/// splitmix64
pub fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn part(start: *mut u8, len: usize) -> libc::iovec {
    libc::iovec {
        iov_base: start.cast(),
        iov_len: len,
    }
}

/// What a call that moved `n` bytes means for one that should have moved `len`.
fn whole(n: libc::ssize_t, len: usize) -> std::io::Result<()> {
    match usize::try_from(n) {
        Ok(n) if n == len => Ok(()),
        Ok(n) => Err(std::io::Error::other(format!("only {n} bytes were moved"))),
        Err(_) => Err(std::io::Error::last_os_error()),
    }
}
