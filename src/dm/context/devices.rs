// SPDX-License-Identifier: GPL-2.0-only

//! The devices that a table opened, and what else the glue keeps for a target.

use crate::{
    bindings,
    dm::events::Attached, //
};
use core::ptr::{self, NonNull};
use kernel::{
    error::to_result,
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

/// How many devices a table line may open. A power of two: a handle is masked, never checked.
const DEVICES_MAX: usize = 4;

/// A device that a target opened through its table: a handle, of use with this table alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device(u8);

/// The devices of a target, each put back exactly once, when this drops.
///
/// # Invariants
///
/// `target` is valid at least until this drops. A slot of `opened` is null or what `dm_get_device`
/// gave for `target`, and the slot of `bdevs` with its index is null or its block device.
pub(in super::super) struct Devices {
    target: *mut bindings::dm_target,
    opened: [*mut bindings::dm_dev; DEVICES_MAX],
    bdevs: [*mut bindings::block_device; DEVICES_MAX],
}

impl Devices {
    /// # Safety
    ///
    /// `target` is valid until the result has dropped.
    pub(in super::super) unsafe fn new(target: *mut bindings::dm_target) -> Self {
        // INVARIANT: by the safety requirements of this function; no device is open.
        Self {
            target,
            opened: [ptr::null_mut(); DEVICES_MAX],
            bdevs: [ptr::null_mut(); DEVICES_MAX],
        }
    }

    /// Opens a device by path or `major:minor`.
    pub(super) fn open(&mut self, path: &CStr, mode: bindings::blk_mode_t) -> Result<Device> {
        let mut slots = self.opened.iter_mut().zip(&mut self.bdevs).enumerate();
        let (index, (slot, bdev)) = slots.find(|(_, (slot, _))| slot.is_null()).ok_or(ENOSPC)?;
        let mut opened = ptr::null_mut();
        // SAFETY: the target is valid by the type invariant, `path` is a C string.
        to_result(unsafe {
            bindings::dm_get_device(self.target, path.as_ptr().cast(), mode, &mut opened)
        })?;
        // INVARIANT: the device was just got for this target.
        *slot = opened;
        // SAFETY: a device that was got is valid, and so is its block device.
        *bdev = unsafe { (*opened).bdev };
        // The index is below DEVICES_MAX: nothing is cut.
        Ok(Device(index as u8))
    }

    /// The device's block device; null if this table has no such device.
    #[inline]
    pub(in super::super) fn bdev(&self, device: Device) -> *mut bindings::block_device {
        self.bdevs[usize::from(device.0) % DEVICES_MAX]
    }

    /// The device as device-mapper knows it.
    pub(in super::super) fn opened(&self, device: Device) -> Option<NonNull<bindings::dm_dev>> {
        NonNull::new(self.opened[usize::from(device.0) % DEVICES_MAX])
    }
}

impl Drop for Devices {
    fn drop(&mut self) {
        for device in self.opened {
            if !device.is_null() {
                // SAFETY: by the type invariant; this is the one place that puts it.
                unsafe { bindings::dm_put_device(self.target, device) };
            }
        }
    }
}

/// What the glue keeps for each target beside its data.
#[pin_data]
pub(in super::super) struct Common {
    // First: events stop before the devices go.
    #[pin]
    pub(in super::super) events: Mutex<Option<Attached>>,
    pub(in super::super) devices: Devices,
}

impl Common {
    pub(in super::super) fn new(devices: Devices) -> impl PinInit<Self> {
        pin_init!(Self {
            events <- new_mutex!(None, "dm::Common::events"),
            devices,
        })
    }
}
