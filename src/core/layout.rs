// SPDX-License-Identifier: GPL-2.0-only

//! Where everything lies in a spare area.
//!
//! All positions are sectors relative to the start of the area. A layout is a table of typed regions,
//! which is kept in every superblock: a log half is the concatenation of its regions in the order of
//! the table, so both it and the spare can grow by adding a region, and neither ever covers a place of a
//! superblock.

mod plan;

pub use plan::LayoutError;

use crate::{
    mem::{Buf, NoMemory},
    units::{BlockSize, Sector, SectorCount, SpareBlock},
    wire::IntoBytes,
};

/// Bytes in a metadata block, whatever the device.
pub const META_BYTES: usize = 4096;

/// Sectors in a metadata block.
pub const META_SECTORS: u64 = 8;

/// One metadata block.
pub type MetaBlock = [u8; META_BYTES];

/// How many regions a superblock has room for.
pub const MAX_REGIONS: usize = 64;

/// How many spare blocks an area uses at most; what lies beyond is left alone. Sixteen million want 4 GiB of
/// log, all of which is read before an area is formatted.
pub const MAX_SPARE_BLOCKS: u32 = 1 << 24;

/// How few spare blocks an area may have.
pub const MIN_SPARE_BLOCKS: u32 = 16;

/// Up to eight sectors of the spare area that all get the same metadata block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    at: [Sector; Places::MAX],
    len: u8,
}

impl Places {
    /// How many places there can be.
    pub const MAX: usize = 8;

    /// The first [`Places::MAX`] of `sectors`.
    pub fn new(sectors: &[Sector]) -> Places {
        let mut places = Places::default();
        for &sector in sectors {
            places.push(sector);
        }
        places
    }

    /// The places of superblocks in an area of `len` sectors: 0, 1 MiB, and each 16 times further.
    pub fn of_superblocks(len: SectorCount) -> Places {
        let mut places = Places::default();
        let mut at = 0u64;
        while places.as_slice().len() < Places::MAX
            && at.checked_add(META_SECTORS).is_some_and(|end| end <= len.0)
        {
            places.push(Sector(at));
            at = if at == 0 { 2048 } else { at.saturating_mul(16) };
        }
        places
    }

    /// Adds a place, if there is room for it.
    pub fn push(&mut self, sector: Sector) {
        if let Some(to) = self.at.get_mut(usize::from(self.len)) {
            *to = sector;
            self.len = self.len.saturating_add(1);
        }
    }

    /// The places; the first is the lowest bit where results are told as bits.
    pub fn as_slice(&self) -> &[Sector] {
        self.at.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// One of the two copies of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyId {
    /// The copy near the start of the area.
    A,
    /// The copy at its end.
    B,
}

impl CopyId {
    /// Both, in the order of everything that is told by copy.
    pub const BOTH: [CopyId; 2] = [CopyId::A, CopyId::B];

    /// The other one.
    pub const fn other(self) -> CopyId {
        match self {
            CopyId::A => CopyId::B,
            CopyId::B => CopyId::A,
        }
    }

    /// Of two values, one for each copy, this copy's.
    pub fn of<T: Copy>(self, pair: [T; 2]) -> T {
        let [a, b] = pair;
        match self {
            CopyId::A => a,
            CopyId::B => b,
        }
    }

    /// Of two values, one for each copy, this copy's, to be changed.
    pub fn of_mut<T>(self, pair: &mut [T; 2]) -> &mut T {
        let [a, b] = pair;
        match self {
            CopyId::A => a,
            CopyId::B => b,
        }
    }

    /// 0 for A, 1 for B.
    pub const fn number(self) -> u8 {
        match self {
            CopyId::A => 0,
            CopyId::B => 1,
        }
    }
}

/// One of the two halves of a log: one is active, the next checkpoint goes to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The one that a fresh area begins in.
    First,
    /// The other.
    Second,
}

impl Half {
    /// Both.
    pub const BOTH: [Half; 2] = [Half::First, Half::Second];

    /// The other one.
    pub const fn other(self) -> Half {
        match self {
            Half::First => Half::Second,
            Half::Second => Half::First,
        }
    }

    /// 0 for the first, 1 for the second.
    pub const fn number(self) -> u8 {
        match self {
            Half::First => 0,
            Half::Second => 1,
        }
    }
}

/// What a region is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A piece of one half of one copy of the log.
    Log {
        /// Which copy.
        copy: CopyId,
        /// Which half.
        half: Half,
    },
    /// Spare blocks.
    Spare,
    /// Kept for health, scan position and history.
    Health,
    /// Something newer than this code: left alone, and kept in the table as it is.
    Unknown {
        /// Its type.
        kind: u16,
        /// What the type's own two bytes say.
        detail: [u8; 2],
    },
}

/// What code that does not know a region's type may do with the area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Everything.
    Compatible,
    /// Read it.
    ReadOnly,
    /// Nothing.
    Incompatible,
}

/// A range of the spare area, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// What it is for.
    pub r#use: Use,
    /// Its compatibility class.
    pub class: Class,
    /// Its first sector.
    pub start: Sector,
    /// Its length.
    pub len: SectorCount,
}

/// The regions of one area, checked.
///
/// # Invariants
///
/// Regions lie inside the area and overlap neither each other nor a place of a superblock. Each half of
/// each copy has exactly `half_blocks` metadata blocks. Spare regions are whole blocks.
#[derive(Debug)]
pub struct Layout {
    len: SectorCount,
    block: BlockSize,
    pending_quota: u32,
    half_blocks: u32,
    spare_count: u32,
    read_only: bool,
    regions: Buf<Region>,
}

impl Layout {
    /// Plans a new area of `len` sectors for blocks of `block`. Spare blocks are aligned, relative to the
    /// area's start, to the block, to 4 KiB, and to `align` (a power of two). No region lies within
    /// [`room`](Self::room) of a superblock.
    pub fn plan(
        len: SectorCount,
        block: BlockSize,
        align: SectorCount,
        room: SectorCount,
    ) -> Result<Layout, LayoutError> {
        plan::plan(len, block, align, room)
    }

    /// How far all else has to be from a superblock to share no physical block with it, where one is
    /// `physical` sectors long and the area begins `phase` sectors behind the start of one: a power cut
    /// while one sector of a physical block is written can take all of it.
    pub fn room(physical: u32, phase: u32) -> SectorCount {
        let physical = u64::from(physical);
        if phase == 0 && physical <= META_SECTORS {
            return SectorCount(0);
        }
        let low = META_SECTORS.wrapping_sub(1);
        SectorCount(physical.wrapping_add(low) & !low)
    }

    /// Checks a table of regions, as it was read or planned.
    pub fn new(
        len: SectorCount,
        block: BlockSize,
        pending_quota: u32,
        regions: Buf<Region>,
    ) -> Result<Layout, LayoutError> {
        let mut layout = Layout {
            len,
            block,
            pending_quota,
            half_blocks: 0,
            spare_count: 0,
            read_only: false,
            regions,
        };
        plan::check_ranges(&layout)?;
        // INVARIANT: the ranges were checked just above, the sums are below.
        let sum = |which: Use| {
            let parts = layout.regions.as_slice().iter();
            parts
                .filter(|r| r.r#use == which)
                .fold(0u64, |sum, r| sum.saturating_add(r.len.0))
        };
        let half = |copy, half| sum(Use::Log { copy, half });
        let first = half(CopyId::A, Half::First);
        let same = [
            half(CopyId::A, Half::Second),
            half(CopyId::B, Half::First),
            half(CopyId::B, Half::Second),
        ];
        if same != [first; 3] {
            return Err(LayoutError::Malformed("the halves of the log differ"));
        }
        let half_blocks = u32::try_from(first.wrapping_div(META_SECTORS));
        let spare_count = u32::try_from(sum(Use::Spare).wrapping_shr(block.shift()));
        let (Ok(half_blocks), Ok(spare_count)) = (half_blocks, spare_count) else {
            return Err(LayoutError::Malformed("a region is too large"));
        };
        if !(MIN_SPARE_BLOCKS..=MAX_SPARE_BLOCKS).contains(&spare_count) {
            return Err(LayoutError::Malformed("too few or too many spare blocks"));
        }
        // With this the whole map and one commit always fit.
        let least = plan::checkpoint_blocks(spare_count, block, pending_quota).saturating_add(1);
        if u64::from(half_blocks) < least {
            return Err(LayoutError::Malformed("the log is too small for the spare"));
        }
        let unknown = |r: &Region| matches!(r.r#use, Use::Unknown { .. });
        let mut regions = layout.regions.as_slice().iter();
        layout.read_only = regions.any(|r| unknown(r) && r.class == Class::ReadOnly);
        layout.half_blocks = half_blocks;
        layout.spare_count = spare_count;
        Ok(layout)
    }

    /// The area's length.
    pub const fn len(&self) -> SectorCount {
        self.len
    }

    /// No area is empty.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The size of a block.
    pub const fn block_size(&self) -> BlockSize {
        self.block
    }

    /// How many chunks of blocks that are not remapped may be pending at a time.
    pub const fn pending_quota(&self) -> u32 {
        self.pending_quota
    }

    /// How many metadata blocks a half of the log has.
    pub const fn half_blocks(&self) -> u32 {
        self.half_blocks
    }

    /// How many spare blocks there are.
    pub const fn spare_count(&self) -> u32 {
        self.spare_count
    }

    /// A region of a newer type forbids to write.
    pub const fn read_only(&self) -> bool {
        self.read_only
    }

    /// The table of regions.
    pub fn regions(&self) -> &[Region] {
        self.regions.as_slice()
    }

    /// The places of superblocks.
    pub fn places(&self) -> Places {
        Places::of_superblocks(self.len)
    }

    /// Where a spare block lies; `None` if there is no such block.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub fn spare_sector(&self, spare: SpareBlock) -> Option<Sector> {
        let shift = self.block.shift();
        let want = u64::from(spare.0).wrapping_shl(shift);
        let (start, _) = Self::locate(self.regions.as_slice(), Use::Spare, want)?;
        Some(start)
    }

    /// Where block `index` of a half of the log lies, and how many of the half's blocks follow one another
    /// from there.
    pub fn log_sector(&self, copy: CopyId, half: Half, index: u32) -> Option<(Sector, u32)> {
        let want = u64::from(index).wrapping_mul(META_SECTORS);
        let (start, left) = Self::locate(self.regions.as_slice(), Use::Log { copy, half }, want)?;
        let blocks = u32::try_from(left.wrapping_div(META_SECTORS)).ok()?;
        Some((start, blocks))
    }

    /// How many blocks the region for health has.
    pub fn health_blocks(&self) -> u32 {
        let of_health = self.regions().iter().filter(|r| r.r#use == Use::Health);
        let sectors = of_health.fold(0u64, |n, r| n.saturating_add(r.len.0));
        u32::try_from(sectors.wrapping_div(META_SECTORS)).unwrap_or(u32::MAX)
    }

    /// Where block `index` of the region for health lies.
    pub fn health_sector(&self, index: u32) -> Option<Sector> {
        let want = u64::from(index).wrapping_mul(META_SECTORS);
        let (start, left) = Self::locate(self.regions.as_slice(), Use::Health, want)?;
        (left >= META_SECTORS).then_some(start)
    }

    /// The sector `offset` sectors into the concatenation of the regions of one use, and the sectors
    /// from there to the end of its region.
    #[inline]
    fn locate(regions: &[Region], which: Use, mut offset: u64) -> Option<(Sector, u64)> {
        for region in regions.iter().filter(|r| r.r#use == which) {
            match region.len.0.checked_sub(offset) {
                Some(left) if left > 0 => {
                    return Some((region.start.checked_add(SectorCount(offset))?, left));
                }
                _ => offset = offset.checked_sub(region.len.0)?,
            }
        }
        None
    }
}

/// Memory for one metadata block: it never lies on a kernel stack.
#[derive(Debug, Default)]
pub struct MetaBuf(Buf<[u64; 64]>);

impl MetaBuf {
    /// A block of zeros.
    pub fn try_new() -> Result<MetaBuf, NoMemory> {
        Ok(MetaBuf(zeroed(1)?))
    }

    /// The block; `None` never happens, but the compiler cannot know it.
    pub fn get(&self) -> Option<&MetaBlock> {
        IntoBytes::as_bytes(self.0.as_slice()).try_into().ok()
    }

    /// The block, to be written; `None` never happens, but the compiler cannot know it.
    pub fn get_mut(&mut self) -> Option<&mut MetaBlock> {
        IntoBytes::as_mut_bytes(self.0.as_mut_slice())
            .try_into()
            .ok()
    }
}

/// Memory for `blocks` metadata blocks, all zeros.
pub(crate) fn zeroed(blocks: usize) -> Result<Buf<[u64; 64]>, NoMemory> {
    let pieces = blocks.saturating_mul(META_BYTES / 512);
    let mut buf = Buf::new();
    buf.try_reserve(pieces)?;
    for _ in 0..pieces {
        buf.push([0; 64])?;
    }
    Ok(buf)
}
