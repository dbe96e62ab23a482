// SPDX-License-Identifier: GPL-2.0-only

//! The queue limits of a mapped device, as a target may change them in `io_hints`.
//!
//! C header: [`include/linux/blkdev.h`](srctree/include/linux/blkdev.h)

use super::device::BlockDevice;
use crate::bindings;
use dm_remap_core::units::Sector;

/// The limits that device-mapper stacked from the devices of the table.
pub(crate) struct QueueLimits<'a>(&'a mut bindings::queue_limits);

impl<'a> QueueLimits<'a> {
    pub(super) fn new(limits: &'a mut bindings::queue_limits) -> Self {
        Self(limits)
    }

    /// The smallest unit of I/O in bytes.
    pub(crate) fn logical_block_size(&self) -> u32 {
        self.0.logical_block_size
    }

    /// Makes the smallest unit of I/O at least `bytes`.
    pub(crate) fn raise_logical_block_size(&mut self, bytes: u32) {
        let limits = &mut *self.0;
        limits.logical_block_size = limits.logical_block_size.max(bytes);
        limits.physical_block_size = limits.physical_block_size.max(limits.logical_block_size);
        limits.io_min = limits.io_min.max(limits.physical_block_size);
    }

    /// The unit that a device writes without reading, in bytes.
    pub(crate) fn physical_block_size(&self) -> u32 {
        self.0.physical_block_size
    }

    /// No I/O is polled for: its completion would be looked for where it was not sent.
    pub(crate) fn disable_poll(&mut self) {
        self.0.features &= !bindings::FEAT_POLL;
    }

    /// At most `sectors` to a write-zeroes request.
    pub(crate) fn cap_write_zeroes(&mut self, sectors: u32) {
        let limits = &mut *self.0;
        limits.max_write_zeroes_sectors = limits.max_write_zeroes_sectors.min(sectors);
        limits.max_hw_wzeroes_unmap_sectors = limits.max_hw_wzeroes_unmap_sectors.min(sectors);
    }

    /// Discards as `device` has them from sector `at` on, whatever other devices want.
    pub(crate) fn discards_as(&mut self, device: &BlockDevice, at: Sector) {
        // SAFETY: the limits are valid for writes, and the device is open.
        unsafe { bindings::limits_discard(self.0, device.as_ptr(), at.0) };
    }

    /// No secure erase.
    pub(crate) fn disable_secure_erase(&mut self) {
        self.0.max_secure_erase_sectors = 0;
    }
}
