// SPDX-License-Identifier: GPL-2.0-only

//! Memory that I/O goes to and comes from.

use crate::bindings;
use core::{
    ops::Range,
    ptr::NonNull,
    slice, //
};
use dm_remap_core::units::SECTOR_BYTES;
use kernel::prelude::*;

/// The largest transfer: 1 MiB.
pub(crate) const TRANSFER_SECTORS_MAX: u32 = 2048;

/// The largest buffer: two of the largest transfers.
const BUFFER_SECTORS_MAX: u32 = 2 * TRANSFER_SECTORS_MAX;

/// Memory for I/O, addressed by sectors.
///
/// # Invariants
///
/// `start` is an own allocation of at least `sectors` sectors, initialised, that begins at a page.
pub(crate) struct IoBuffer {
    start: NonNull<u8>,
    sectors: u32,
}

// SAFETY: it is memory that this value owns.
unsafe impl Send for IoBuffer {}
// SAFETY: as above; it is written through mutable borrows only.
unsafe impl Sync for IoBuffer {}

impl IoBuffer {
    /// A buffer of zeros, of 1 to [`BUFFER_SECTORS_MAX`] sectors.
    ///
    /// # Context
    ///
    /// Process context, while nothing waits for I/O of the caller.
    pub(crate) fn new(sectors: u32) -> Result<Self> {
        Self::make(sectors, true)
    }

    /// The same, or an error at once where there is no memory to spare: it waits for nothing.
    ///
    /// # Context
    ///
    /// Process context.
    pub(crate) fn new_nowait(sectors: u32) -> Result<Self> {
        Self::make(sectors, false)
    }

    #[inline(never)]
    fn make(sectors: u32, may_wait: bool) -> Result<Self> {
        if sectors == 0 || sectors > BUFFER_SECTORS_MAX {
            return Err(EINVAL);
        }
        let bytes = byte_range(0, sectors).ok_or(EINVAL)?.end;
        // SAFETY: it only allocates: whole pages, of zeros.
        let start = unsafe { bindings::buf_alloc(bytes, may_wait) };
        // INVARIANT: just allocated.
        Ok(Self {
            start: NonNull::new(start.cast()).ok_or(ENOMEM)?,
            sectors,
        })
    }

    /// The length in sectors.
    pub(crate) fn len_sectors(&self) -> u32 {
        self.sectors
    }

    /// The whole memory.
    pub(crate) fn bytes(&self) -> &[u8] {
        let len = byte_range(0, self.sectors).map_or(0, |range| range.end);
        // SAFETY: by the type invariant.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), len) }
    }

    /// The whole memory.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let len = byte_range(0, self.sectors).map_or(0, |range| range.end);
        // SAFETY: by the type invariant, and nobody else has it while it is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), len) }
    }

    /// `len` sectors from sector `offset` on.
    pub(crate) fn sectors(&self, offset: u32, len: u32) -> Option<&[u8]> {
        self.bytes().get(byte_range(offset, len)?)
    }

    /// `len` sectors from sector `offset` on.
    pub(crate) fn sectors_mut(&mut self, offset: u32, len: u32) -> Option<&mut [u8]> {
        self.bytes_mut().get_mut(byte_range(offset, len)?)
    }
}

impl Drop for IoBuffer {
    fn drop(&mut self) {
        // SAFETY: by the type invariant it is ours.
        unsafe { bindings::kvfree(self.start.as_ptr().cast()) };
    }
}

fn byte_range(offset: u32, len: u32) -> Option<Range<usize>> {
    let start = (offset as usize).checked_mul(SECTOR_BYTES)?;
    let len = (len as usize).checked_mul(SECTOR_BYTES)?;
    Some(start..start.checked_add(len)?)
}
