// SPDX-License-Identifier: GPL-2.0-only

//! Whether a table line fits the devices that it names.

use core::ffi::CStr;
use core::fmt;

use crate::units::{BlockSize, Sector, SectorCount, SECTOR_BYTES};

/// The most that a device's logical block can have, in bytes: a block of metadata.
const MAX_LOGICAL_BYTES: u32 = 4096;

/// The least that a block has by default, in bytes.
const DEFAULT_BLOCK_BYTES: u32 = 4096;

/// What the kernel knows of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its size.
    pub size: SectorCount,
    /// Its logical block: what an I/O must be a multiple of.
    pub logical_bytes: u32,
    /// Its physical block: what it can write without reading first.
    pub physical_bytes: u32,
    /// It has zones that must be written in order.
    pub zoned: bool,
}

/// What a table line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The main device.
    pub main: Device,
    /// The spare device.
    pub spare: Device,
    /// Both are the same device.
    pub same_device: bool,
    /// Where the target's first sector is on main.
    pub main_start: Sector,
    /// Where the spare area starts on the spare device.
    pub spare_start: Sector,
    /// How long the spare area is.
    pub spare_len: SectorCount,
    /// Where the target starts in the mapped device.
    pub begin: Sector,
    /// How long the target is.
    pub len: SectorCount,
    /// The block size asked for.
    pub block_size: Option<BlockSize>,
}

/// Why a table line does not fit its devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeometryError(&'static CStr);

impl GeometryError {
    /// One line: what is wrong, or what would be right. C's strings are what device-mapper takes.
    #[inline(never)]
    pub const fn text(self) -> &'static CStr {
        self.0
    }
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// An error with `text` unless `good`.
fn require(good: bool, text: &'static CStr) -> Result<(), GeometryError> {
    if good {
        Ok(())
    } else {
        Err(GeometryError(text))
    }
}

/// A block of so many bytes, in sectors.
fn in_sectors(bytes: u32) -> u64 {
    u64::from(bytes).wrapping_shr(crate::units::SECTOR_SHIFT)
}

/// The first sector after a range; `None` past the end of the number space.
fn end(start: Sector, len: SectorCount) -> Option<u64> {
    start.0.checked_add(len.0)
}

impl Request {
    /// Checks everything, and gives the block size to format with.
    pub fn check(&self) -> Result<BlockSize, GeometryError> {
        self.check_devices()?;
        self.check_ranges()?;
        self.block_size()
    }

    fn check_devices(&self) -> Result<(), GeometryError> {
        let sector = u32::try_from(SECTOR_BYTES).unwrap_or(u32::MAX);
        let is_size = |bytes: u32| bytes.is_power_of_two() && bytes >= sector;
        require(
            !self.main.zoned,
            c"main is a zoned device, which is not supported",
        )?;
        require(
            !self.spare.zoned,
            c"the spare is a zoned device, which is not supported",
        )?;
        require(
            is_size(self.main.logical_bytes),
            c"main's logical block size is not a power of two of sectors",
        )?;
        require(
            is_size(self.spare.logical_bytes),
            c"the spare's logical block size is not a power of two of sectors",
        )?;
        require(
            self.main.logical_bytes <= MAX_LOGICAL_BYTES,
            c"main's logical block size is above 4096 bytes, which is not supported",
        )?;
        require(
            self.spare.logical_bytes <= MAX_LOGICAL_BYTES,
            c"the spare's logical block size is above 4096 bytes, which is not supported",
        )?;
        require(
            self.spare.logical_bytes <= self.main.logical_bytes,
            c"the spare's logical block size is larger than main's",
        )
    }

    fn check_ranges(&self) -> Result<(), GeometryError> {
        // The larger logical block is main's: checked before.
        let mask = in_sectors(self.main.logical_bytes).wrapping_sub(1);
        let aligned = |sectors: u64| sectors & mask == 0;
        require(
            self.begin.0 == 0,
            c"the target does not start at sector 0 of the mapped device",
        )?;
        require(self.len.0 != 0, c"the target's length is zero")?;
        require(
            aligned(self.len.0),
            c"the target's length is not a multiple of the logical block size",
        )?;
        require(
            aligned(self.main_start.0),
            c"main_start is not a multiple of the logical block size",
        )?;
        require(
            aligned(self.spare_start.0),
            c"spare_start is not a multiple of the logical block size",
        )?;
        require(
            self.spare_len.0 != 0,
            c"the length of the spare area is zero",
        )?;
        require(
            aligned(self.spare_len.0),
            c"spare_len is not a multiple of the logical block size",
        )?;
        require(
            self.main_start.0 < self.main.size.0,
            c"main_start is past the end of the main device",
        )?;
        let main_end = end(self.main_start, self.len).filter(|&e| e <= self.main.size.0);
        let main_end = main_end.ok_or(GeometryError(
            c"the main device ends before main_start and the target's length",
        ))?;
        require(
            self.spare_start.0 < self.spare.size.0,
            c"spare_start is past the end of the spare device",
        )?;
        let spare_end = end(self.spare_start, self.spare_len).filter(|&e| e <= self.spare.size.0);
        let spare_end = spare_end.ok_or(GeometryError(
            c"the spare device ends before spare_start and spare_len",
        ))?;
        let apart = main_end <= self.spare_start.0 || spare_end <= self.main_start.0;
        require(
            !self.same_device || apart,
            c"the spare area overlaps the target's range of the same device",
        )
    }

    /// The block size asked for, or else the larger of 4 KiB and the physical block sizes, up to 1 MiB.
    fn block_size(&self) -> Result<BlockSize, GeometryError> {
        let Some(asked) = self.block_size else {
            let physical = self.main.physical_bytes.max(self.spare.physical_bytes);
            let bytes = physical.max(DEFAULT_BLOCK_BYTES);
            let most = 1u64.wrapping_shl(BlockSize::MAX_SHIFT);
            let sectors = in_sectors(bytes).min(most).checked_next_power_of_two();
            return sectors.and_then(BlockSize::new).ok_or(GeometryError(
                c"the physical block size gives no block size",
            ));
        };
        require(
            u64::from(asked.sectors()) >= in_sectors(self.main.logical_bytes),
            c"block_sectors is less than the logical block size",
        )?;
        Ok(asked)
    }
}
