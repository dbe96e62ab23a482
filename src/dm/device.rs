// SPDX-License-Identifier: GPL-2.0-only

//! Block devices: what they say of themselves, and references of our own to them.
//!
//! C header: [`include/linux/blkdev.h`](srctree/include/linux/blkdev.h)

use crate::bindings;
use core::ptr::NonNull;
use dm_remap_core::units::{Sector, SectorCount};
use kernel::{
    error::from_err_ptr,
    prelude::*, //
};

/// The kind of a disk's own identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UniqueIdKind {
    /// A T10 vendor identity.
    T10,
    /// An IEEE EUI-64.
    Eui64,
    /// An IEEE NAA identity, a WWN.
    Naa,
}

/// A disk's own identity: the first `len` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UniqueId {
    bytes: [u8; 16],
    len: usize,
}

impl UniqueId {
    /// The bytes as the disk gives them.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

/// Where a device lies on a whole disk: two devices overlap where the disk and the sectors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The device number of the whole disk.
    pub(crate) disk: u32,
    /// The first sector, on the whole disk.
    pub(crate) start: Sector,
    /// The length.
    pub(crate) sectors: SectorCount,
}

/// What a block device says of itself, at the time it was asked.
#[derive(Clone, Copy)]
pub(crate) struct DeviceInfo {
    facts: bindings::dm_remap_bdev_facts,
    ids: [Option<UniqueId>; 3],
}

impl DeviceInfo {
    /// # Safety
    ///
    /// `bdev` is open during the call.
    pub(super) unsafe fn of(bdev: NonNull<bindings::block_device>) -> Self {
        let mut facts = pin_init::zeroed();
        // SAFETY: the device is open, and `facts` is a valid place to write to.
        unsafe { bindings::bdev_facts(bdev.as_ptr(), &mut facts) };
        let id = |kind: bindings::blk_unique_id| {
            let mut bytes = [0; 16];
            // SAFETY: the device is open, and the function writes at most 16 bytes.
            let len =
                unsafe { bindings::bdev_unique_id(bdev.as_ptr(), bytes.as_mut_ptr(), kind as i32) };
            match usize::try_from(len) {
                Ok(len @ 1..=16) => Some(UniqueId { bytes, len }),
                _ => None,
            }
        };
        Self {
            facts,
            ids: [
                id(bindings::blk_unique_id_BLK_UID_T10),
                id(bindings::blk_unique_id_BLK_UID_EUI64),
                id(bindings::blk_unique_id_BLK_UID_NAA),
            ],
        }
    }

    /// The size.
    pub(crate) fn sectors(&self) -> SectorCount {
        SectorCount(self.facts.nr_sectors)
    }

    /// The smallest unit of I/O in bytes.
    pub(crate) fn logical_block(&self) -> u32 {
        self.facts.logical_block_size
    }

    /// The unit that the device writes without reading, in bytes.
    pub(crate) fn physical_block(&self) -> u32 {
        self.facts.physical_block_size
    }

    /// A sector at which a physical block begins, modulo 2^32.
    pub(crate) fn physical_edge(&self) -> u32 {
        self.facts.physical_edge
    }

    /// The largest discard; 0 if it has none.
    pub(crate) fn max_discard(&self) -> SectorCount {
        SectorCount(self.facts.max_discard_sectors.into())
    }

    /// The largest write-zeroes request; 0 if it has none.
    pub(crate) fn max_write_zeroes(&self) -> SectorCount {
        SectorCount(self.facts.max_write_zeroes_sectors.into())
    }

    /// Whether it is a zoned device.
    pub(crate) fn zoned(&self) -> bool {
        self.facts.zoned
    }

    /// Whether it cannot be written.
    pub(crate) fn read_only(&self) -> bool {
        self.facts.read_only
    }

    /// Whether it has a volatile write cache.
    pub(crate) fn write_cache(&self) -> bool {
        self.facts.write_cache
    }

    /// Whether it rotates.
    pub(crate) fn rotational(&self) -> bool {
        self.facts.rotational
    }

    /// The device number.
    pub(crate) fn dev(&self) -> u32 {
        self.facts.dev
    }

    /// Where it lies on its whole disk.
    pub(crate) fn extent(&self) -> Extent {
        Extent {
            disk: self.facts.whole_dev,
            start: Sector(self.facts.start_sector),
            sectors: self.sectors(),
        }
    }

    /// The kernel's name of it, like `sda1`.
    pub(crate) fn name(&self) -> &str {
        text(&self.facts.name)
    }

    /// Whether it is one of device-mapper's.
    pub(crate) fn is_mapped(&self) -> bool {
        self.facts.mapped
    }

    /// As text, the UUID in the partition table, or for one of device-mapper's the one that it was
    /// given there. Whole disks have none.
    pub(crate) fn uuid(&self) -> Option<&[u8]> {
        Some(before_nul(&self.facts.uuid)).filter(|uuid| !uuid.is_empty())
    }

    /// An identity that the whole disk has of itself. A device of device-mapper's with one target
    /// hands through what its disk has, as all others on that disk do.
    pub(crate) fn unique_id(&self, kind: UniqueIdKind) -> Option<UniqueId> {
        let [t10, eui64, naa] = self.ids;
        match kind {
            UniqueIdKind::T10 => t10,
            UniqueIdKind::Eui64 => eui64,
            UniqueIdKind::Naa => naa,
        }
    }
}

/// The text before the first NUL.
fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(before_nul(bytes)).unwrap_or("?")
}

fn before_nul(bytes: &[u8]) -> &[u8] {
    // Counted by hand, for `position` counts in a way that the compiler may make a panic of.
    let before = bytes.iter().take_while(|&&byte| byte != 0);
    let end = before.fold(0usize, |n, _| n.wrapping_add(1));
    bytes.get(..end).unwrap_or(bytes)
}

/// A block device that is open on our own account.
///
/// A table's reference ends with the table, so what outlives tables needs its own. It is opened
/// while a table holds the device, with the mode of that table and without a holder: the claim that
/// keeps mounts and others away is device-mapper's, and one more exclusive open with another holder
/// would be refused. It counts as a writer, so nobody can forbid writes in the meantime.
///
/// # Invariants
///
/// `file` is an open file of the block device `bdev`, and this value owns one reference to it.
pub(crate) struct BlockDevice {
    file: NonNull<bindings::file>,
    bdev: NonNull<bindings::block_device>,
}

// SAFETY: block devices are made for being shared, and a file may be put from any thread.
unsafe impl Send for BlockDevice {}
// SAFETY: as above.
unsafe impl Sync for BlockDevice {}

impl BlockDevice {
    pub(super) fn open(dev: bindings::dev_t, mode: bindings::blk_mode_t) -> Result<Self> {
        // SAFETY: it only looks the number up, and checks what it finds.
        let file = from_err_ptr(unsafe { bindings::bdev_open(dev, mode) })?;
        let file = NonNull::new(file).ok_or(ENODEV)?;
        // SAFETY: it is the file of a block device, just opened.
        let bdev = unsafe { bindings::file_bdev(file.as_ptr()) };
        // INVARIANT: opened just now. The block device of an open file is not null.
        Ok(Self {
            file,
            bdev: NonNull::new(bdev).ok_or(ENODEV)?,
        })
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::block_device {
        self.bdev.as_ptr()
    }

    /// The sectors that its whole disk has read, written and discarded, and how many requests are under way there;
    /// `u32::MAX` if it does not count. One that has just ended may be among them for a moment.
    ///
    /// # Context
    ///
    /// Any: it adds up counters of all processors.
    pub(crate) fn traffic(&self) -> (u64, u32) {
        let mut under_way = u32::MAX;
        // SAFETY: open by the type invariant, and `under_way` is a valid place to write to.
        let sectors = unsafe { bindings::bdev_traffic(self.as_ptr(), &mut under_way) };
        (sectors, under_way)
    }

    /// What there is to know of it.
    ///
    /// # Context
    ///
    /// Process context.
    pub(crate) fn info(&self) -> DeviceInfo {
        // SAFETY: open by the type invariant.
        unsafe { DeviceInfo::of(self.bdev) }
    }
}

impl Drop for BlockDevice {
    fn drop(&mut self) {
        // SAFETY: by the type invariant this value owns the reference.
        unsafe { bindings::bdev_fput(self.file.as_ptr()) };
    }
}
