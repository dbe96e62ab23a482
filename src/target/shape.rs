// SPDX-License-Identifier: GPL-2.0-only

//! Which sectors of which disks a volume uses: a reload may make its ranges longer, and nothing else of it.

use dm_remap_core::units::{BlockSize, Sector, SectorCount};

use crate::dm::device::Extent;

/// A range of sectors of a whole disk, so that ranges on partitions can be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct DiskRange {
    disk: u32,
    first: u64,
    len: u64,
}

impl DiskRange {
    /// The range of `len` sectors at `start` of the device that `extent` describes.
    pub(crate) fn new(extent: &Extent, start: Sector, len: SectorCount) -> DiskRange {
        DiskRange {
            disk: extent.disk,
            first: extent.start.0.saturating_add(start.0),
            len: len.0,
        }
    }

    fn with_len_of(self, other: &DiskRange) -> DiskRange {
        DiskRange {
            len: other.len,
            ..self
        }
    }

    fn cover(&mut self, other: &DiskRange) {
        self.len = self.len.max(other.len);
    }

    /// Whether a sector lies in both.
    #[inline(never)]
    pub(crate) fn overlaps(&self, other: &DiskRange) -> bool {
        self.disk == other.disk
            && self.first < other.first.saturating_add(other.len)
            && other.first < self.first.saturating_add(self.len)
    }
}

/// The ranges of a volume and the unit it remaps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The target's range on main.
    pub(crate) main: DiskRange,
    /// The spare area.
    pub(crate) spare: DiskRange,
    /// Where the target's first sector lies on the main device of the table line.
    pub(crate) main_start: Sector,
    /// The target's length.
    pub(crate) len: SectorCount,
    /// Where the spare area begins on the spare device of the table line.
    pub(crate) spare_start: Sector,
    /// The length of the spare area.
    pub(crate) spare_len: SectorCount,
    /// The devices may be written to.
    pub(crate) writable: bool,
    /// The block that is remapped.
    pub(crate) block: BlockSize,
}

/// Which of a new table's ranges is in use.
#[derive(Clone, Copy)]
pub(crate) enum Conflict {
    /// Its main range.
    Main,
    /// Its spare area.
    Spare,
}

impl Shape {
    /// Whether a volume of shape `old` may take this one: the same but for longer ranges.
    pub(crate) fn extends(&self, old: &Shape) -> bool {
        let cut = Shape {
            main: self.main.with_len_of(&old.main),
            spare: self.spare.with_len_of(&old.spare),
            len: old.len,
            spare_len: old.spare_len,
            ..*self
        };
        cut == *old && self.len >= old.len && self.spare_len >= old.spare_len
    }

    /// Makes each range as long as that of `other`, which begins where this one does.
    pub(crate) fn cover(&mut self, other: &Shape) {
        self.main.cover(&other.main);
        self.spare.cover(&other.spare);
    }

    /// Which range of `new` overlaps one of this shape's, if any does.
    pub(crate) fn conflict(&self, new: &Shape) -> Option<Conflict> {
        if self.main.overlaps(&new.main) || self.spare.overlaps(&new.main) {
            Some(Conflict::Main)
        } else if self.main.overlaps(&new.spare) || self.spare.overlaps(&new.spare) {
            Some(Conflict::Spare)
        } else {
            None
        }
    }
}
