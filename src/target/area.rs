// SPDX-License-Identifier: GPL-2.0-only

//! The spare area on its device, for opening and formatting it.

use kernel::prelude::*;

use dm_remap_core::{
    open::{Area, IoFailed, MAX_TRANSFER},
    units::{Sector, SECTOR_BYTES},
};

use crate::dm::{
    device::BlockDevice,
    io::{IoBuffer, IoContext, IoFlags},
    status::Status,
};

/// Sectors of the largest transfer.
const TRANSFER_SECTORS: u32 = (MAX_TRANSFER / SECTOR_BYTES) as u32;

/// A spare area. Its I/O waits.
///
/// # Context
///
/// Process context, in a no-IO scope.
pub(crate) struct SpareArea<'a> {
    device: &'a BlockDevice,
    start: Sector,
    io: IoContext,
    buffer: IoBuffer,
}

impl<'a> SpareArea<'a> {
    /// The area that begins at sector `start` of `device`.
    pub(crate) fn new(device: &'a BlockDevice, start: Sector) -> Result<SpareArea<'a>> {
        Ok(SpareArea {
            device,
            start,
            io: IoContext::new()?,
            buffer: IoBuffer::new(TRANSFER_SECTORS)?,
        })
    }

    /// Where `at` lies on the device, and how many sectors `bytes` bytes are.
    fn range(&self, at: Sector, bytes: usize) -> Result<(Sector, u32), IoFailed> {
        let sectors = bytes.checked_div(SECTOR_BYTES).unwrap_or(0);
        let sectors = u32::try_from(sectors).map_err(|_| IoFailed)?;
        let at = at.0.checked_add(self.start.0).ok_or(IoFailed)?;
        Ok((Sector(at), sectors))
    }
}

fn result(status: Status) -> Result<(), IoFailed> {
    if status.is_ok() {
        Ok(())
    } else {
        Err(IoFailed)
    }
}

impl Area for SpareArea<'_> {
    fn read(&mut self, at: Sector, buf: &mut [u8]) -> Result<(), IoFailed> {
        let (at, sectors) = self.range(at, buf.len())?;
        let flags = IoFlags::META.or(IoFlags::SYNC);
        result(
            self.io
                .read(self.device, at, &mut self.buffer, 0, sectors, flags),
        )?;
        let data = self.buffer.bytes().get(..buf.len()).ok_or(IoFailed)?;
        buf.copy_from_slice(data);
        Ok(())
    }

    fn write(&mut self, at: Sector, buf: &[u8], fua: bool) -> Result<(), IoFailed> {
        let (at, sectors) = self.range(at, buf.len())?;
        let mut flags = IoFlags::META.or(IoFlags::SYNC);
        if fua {
            flags = flags.or(IoFlags::FUA);
        }
        let room = self.buffer.bytes_mut().get_mut(..buf.len());
        room.ok_or(IoFailed)?.copy_from_slice(buf);
        result(
            self.io
                .write(self.device, at, &self.buffer, 0, sectors, flags),
        )
    }

    fn flush(&mut self) -> Result<(), IoFailed> {
        result(self.io.flush(self.device))
    }
}
