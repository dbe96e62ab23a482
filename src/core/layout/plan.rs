// SPDX-License-Identifier: GPL-2.0-only

//! How an area is divided, and the test that a table of regions makes sense.

use core::{ffi::CStr, fmt};

use crate::{
    layout::{
        Class, CopyId, Half, Layout, Places, Region, Use, MAX_REGIONS, MAX_SPARE_BLOCKS,
        META_SECTORS, MIN_SPARE_BLOCKS,
    },
    log,
    mem::{Buf, NoMemory},
    units::{BlockSize, Sector, SectorCount},
};

/// Why there is no such layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// The area cannot hold two superblocks, two logs and 16 spare blocks.
    TooSmall,
    /// The table of regions is not one that this code could have written.
    Malformed(&'static str),
    /// A region of a type that this code does not know forbids to use the area.
    Unsupported,
    /// No memory.
    NoMemory,
}

impl LayoutError {
    /// One line for the administrator.
    #[inline(never)]
    pub const fn text(self) -> &'static CStr {
        match self {
            LayoutError::TooSmall => {
                c"spare area too small for two superblocks, two logs and 16 spare blocks"
            }
            LayoutError::Malformed(_) => c"superblock with a table of regions that makes no sense",
            LayoutError::Unsupported => c"spare area has regions that need a newer dm-remap",
            LayoutError::NoMemory => c"not enough memory",
        }
    }
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().to_str().unwrap_or_default())?;
        match self {
            LayoutError::Malformed(why) => write!(f, ": {why}"),
            _ => Ok(()),
        }
    }
}

impl From<NoMemory> for LayoutError {
    fn from(_: NoMemory) -> Self {
        LayoutError::NoMemory
    }
}

/// How many blocks a checkpoint needs at most: every spare block in use with all its chunks told of, and
/// every pending record that the quota allows. A spare block that failed needs less than one in use.
pub(super) fn checkpoint_blocks(spares: u32, block: BlockSize, pending_quota: u32) -> u64 {
    let each = u64::from(block.chunks())
        .saturating_mul(log::SECTORS_UNITS)
        .saturating_add(1);
    let units = u64::from(spares)
        .saturating_mul(each)
        .saturating_add(u64::from(pending_quota).saturating_mul(log::SECTORS_UNITS));
    // A record does not cross from one block to the next: its last units may stay unused.
    units
        .div_ceil(log::UNITS.saturating_sub(log::SECTORS_UNITS.saturating_sub(1)))
        .max(1)
}

/// How many blocks each half gets: a checkpoint, and room for commits in proportion.
fn half_blocks(spares: u32, block: BlockSize, pending_quota: u32) -> u64 {
    let checkpoint = checkpoint_blocks(spares, block, pending_quota);
    checkpoint.saturating_add(checkpoint.wrapping_div(4).clamp(64, 4096))
}

const fn quota(spares: u32) -> u32 {
    if spares < 256 {
        256
    } else if spares > 65536 {
        65536
    } else {
        spares
    }
}

/// What is left between the places of superblocks. There are at most as many gaps as places.
struct Gaps {
    at: [(u64, u64); Places::MAX],
}

impl Gaps {
    fn new(len: u64, room: u64) -> Gaps {
        let mut gaps = Gaps {
            at: [(0, 0); Places::MAX],
        };
        let places = Places::of_superblocks(SectorCount(len));
        let ends = places.as_slice().iter().skip(1);
        let ends = ends.map(|s| s.0.saturating_sub(room));
        let end = len & !META_SECTORS.wrapping_sub(1);
        for ((gap, place), next) in gaps
            .at
            .iter_mut()
            .zip(places.as_slice())
            .zip(ends.chain([end]))
        {
            let start = place.0.saturating_add(META_SECTORS).saturating_add(room);
            *gap = (start, next);
        }
        gaps
    }
}

/// Puts regions of one use into gaps.
fn put(regions: &mut Buf<Region>, r#use: Use, start: u64, len: u64) -> Option<()> {
    if regions.as_slice().len() >= MAX_REGIONS {
        return None;
    }
    let class = match r#use {
        Use::Health | Use::Unknown { .. } => Class::Compatible,
        Use::Log { .. } | Use::Spare => Class::Incompatible,
    };
    regions
        .push_within(Region {
            r#use,
            class,
            start: Sector(start),
            len: SectorCount(len),
        })
        .ok()
}

fn front(gaps: &mut Gaps, regions: &mut Buf<Region>, r#use: Use, mut want: u64) -> Option<()> {
    for (start, end) in gaps.at.iter_mut() {
        let take = end.saturating_sub(*start).min(want);
        if take > 0 {
            put(regions, r#use, *start, take)?;
            *start = start.saturating_add(take);
            want = want.saturating_sub(take);
        }
    }
    (want == 0).then_some(())
}

fn back(gaps: &mut Gaps, regions: &mut Buf<Region>, r#use: Use, mut want: u64) -> Option<()> {
    for (start, end) in gaps.at.iter_mut().rev() {
        let take = end.saturating_sub(*start).min(want);
        if take > 0 {
            *end = end.saturating_sub(take);
            put(regions, r#use, *end, take)?;
            want = want.saturating_sub(take);
        }
    }
    (want == 0).then_some(())
}

/// Divides an area so that it has `spares` spare blocks, if that is possible.
fn carve(
    regions: &mut Buf<Region>,
    len: u64,
    block: BlockSize,
    align: u64,
    room: u64,
    spares: u32,
) -> Option<()> {
    regions.clear();
    let mut gaps = Gaps::new(len, room);
    let half_len = half_blocks(spares, block, quota(spares)).checked_mul(META_SECTORS)?;
    let log = |copy, half| Use::Log { copy, half };
    for half in Half::BOTH {
        front(&mut gaps, regions, log(CopyId::A, half), half_len)?;
    }
    let health = len.wrapping_div(512).clamp(128, 32768) & !META_SECTORS.wrapping_sub(1);
    front(&mut gaps, regions, Use::Health, health)?;
    for half in Half::BOTH {
        back(&mut gaps, regions, log(CopyId::B, half), half_len)?;
    }
    let size = u64::from(block.sectors());
    let mut want = u64::from(spares);
    for &(start, end) in &gaps.at {
        let start = start.checked_next_multiple_of(align)?;
        let count = end
            .saturating_sub(start)
            .wrapping_shr(block.shift())
            .min(want);
        if count > 0 {
            put(regions, Use::Spare, start, count.checked_mul(size)?)?;
            want = want.saturating_sub(count);
        }
    }
    (want == 0).then_some(())
}

pub(super) fn plan(
    len: SectorCount,
    block: BlockSize,
    align: SectorCount,
    room: SectorCount,
) -> Result<Layout, LayoutError> {
    let align = align
        .0
        .checked_next_power_of_two()
        .ok_or(LayoutError::TooSmall)?
        .max(META_SECTORS)
        .max(u64::from(block.sectors()));
    let mut regions = Buf::new();
    regions.try_reserve(MAX_REGIONS)?;
    let len = SectorCount(len.0 & !META_SECTORS.wrapping_sub(1));
    if Places::of_superblocks(len).as_slice().len() < 2 {
        return Err(LayoutError::TooSmall);
    }
    // The most spare blocks with which it works: more of them only ever need more room.
    let (mut works, mut fails) = (0u32, MAX_SPARE_BLOCKS.saturating_add(1));
    while fails.saturating_sub(works) > 1 {
        let middle = works.midpoint(fails);
        if carve(&mut regions, len.0, block, align, room.0, middle).is_some() {
            works = middle;
        } else {
            fails = middle;
        }
    }
    if works < MIN_SPARE_BLOCKS || carve(&mut regions, len.0, block, align, room.0, works).is_none()
    {
        return Err(LayoutError::TooSmall);
    }
    Layout::new(len, block, quota(works), regions)
}

/// Tests every region alone and against its neighbours.
pub(super) fn check_ranges(layout: &Layout) -> Result<(), LayoutError> {
    let bad = |why| Err(LayoutError::Malformed(why));
    let regions = layout.regions.as_slice();
    let places = layout.places();
    if places.as_slice().len() < 2 || regions.len() > MAX_REGIONS {
        return bad("no room for two superblocks, or too many regions");
    }
    let low = u64::from(layout.block.sectors()).wrapping_sub(1);
    for (i, region) in regions.iter().enumerate() {
        let Some(end) = region.start.checked_add(region.len) else {
            return bad("a region past the end of the number space");
        };
        if region.len.0 == 0 || end.0 > layout.len.0 {
            return bad("a region that is empty or not inside the area");
        }
        let overlaps = |start: Sector, len: u64| {
            start.0 < end.0 && region.start.0 < start.0.saturating_add(len)
        };
        if places.as_slice().iter().any(|&p| overlaps(p, META_SECTORS)) {
            return bad("a region over a place of a superblock");
        }
        let mut others = regions.iter().skip(i.saturating_add(1));
        if others.any(|r| overlaps(r.start, r.len.0)) {
            return bad("two regions that overlap");
        }
        let meta = META_SECTORS.wrapping_sub(1);
        match region.r#use {
            Use::Log { .. } | Use::Health if (region.start.0 | region.len.0) & meta != 0 => {
                return bad("a region of metadata that is not whole metadata blocks");
            }
            Use::Spare if region.len.0 & low != 0 => {
                return bad("a spare region that is not whole blocks");
            }
            Use::Unknown { .. } if region.class == Class::Incompatible => {
                return Err(LayoutError::Unsupported);
            }
            _ => {}
        }
    }
    Ok(())
}
