// SPDX-License-Identifier: GPL-2.0-only

//! Units as types: what is counted cannot be mixed up.

/// Bytes in a sector, everywhere: the kernel's unit of address, whatever the device's own.
pub const SECTOR_BYTES: usize = 512;

/// log2 of [`SECTOR_BYTES`].
pub const SECTOR_SHIFT: u32 = 9;

/// The address of a 512-byte sector. What it is relative to is said where it is used:
/// the target, a device, or the spare area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Sector(pub u64);

/// A number of 512-byte sectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct SectorCount(pub u64);

/// A block of the target: the unit that is remapped, counted from the target's first sector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Block(pub u64);

/// A spare block: one block's room in the spare area, counted over its spare regions in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct SpareBlock(pub u32);

impl Sector {
    /// The sector `n` further on; `None` past the end of the number space.
    #[inline]
    pub const fn checked_add(self, n: SectorCount) -> Option<Sector> {
        match self.0.checked_add(n.0) {
            Some(s) => Some(Sector(s)),
            None => None,
        }
    }

    /// The distance from `from` up to this sector; zero if `from` is not below it.
    #[inline]
    pub const fn since(self, from: Sector) -> SectorCount {
        SectorCount(self.0.saturating_sub(from.0))
    }
}

/// The size of a block: a power of two of sectors, from one to 2,048 (1 MiB).
///
/// # Invariants
///
/// The shift is at most [`BlockSize::MAX_SHIFT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSize(u32);

impl BlockSize {
    /// log2 of the largest block in sectors: 1 MiB.
    pub const MAX_SHIFT: u32 = 11;

    /// The block size of `sectors` sectors; `None` unless that is a power of two up to 2,048.
    pub const fn new(sectors: u64) -> Option<BlockSize> {
        if sectors.is_power_of_two() && sectors.trailing_zeros() <= Self::MAX_SHIFT {
            // INVARIANT: checked just above.
            Some(BlockSize(sectors.trailing_zeros()))
        } else {
            None
        }
    }

    /// log2 of the number of sectors.
    #[inline]
    pub const fn shift(self) -> u32 {
        self.0
    }

    /// The number of sectors in a block.
    #[inline]
    pub const fn sectors(self) -> u32 {
        1u32.wrapping_shl(self.0)
    }

    /// The block that `sector` of the target lies in.
    #[inline]
    pub const fn block_of(self, sector: Sector) -> Block {
        Block(sector.0.wrapping_shr(self.0))
    }

    /// The first sector of `block` in the target; `None` past the end of the number space.
    #[inline]
    pub const fn start_of(self, block: Block) -> Option<Sector> {
        match block.0.checked_mul(1u64.wrapping_shl(self.0)) {
            Some(s) => Some(Sector(s)),
            None => None,
        }
    }

    /// How far into its block `sector` lies, in sectors.
    #[inline]
    pub const fn offset_in(self, sector: Sector) -> u32 {
        // The mask leaves at most eleven bits: nothing is cut.
        #[allow(clippy::as_conversions)]
        let low = (sector.0 & (self.sectors() as u64).wrapping_sub(1)) as u32;
        low
    }

    /// How many chunks of 64 sectors a block has; a smaller block has one.
    #[inline]
    pub const fn chunks(self) -> u32 {
        self.sectors().div_ceil(crate::record::CHUNK_SECTORS)
    }
}
