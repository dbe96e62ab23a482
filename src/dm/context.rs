// SPDX-License-Identifier: GPL-2.0-only

//! The `dm_target` as a target may see it: while it is constructed, and afterwards.
//!
//! C header: [`include/linux/device-mapper.h`](srctree/include/linux/device-mapper.h)

mod devices;

pub(crate) use devices::Device;
pub(super) use devices::{Common, Devices};

use super::{
    device::{BlockDevice, DeviceInfo},
    events::{Attached, EventSink},
    target::Target,
    text::c_str, //
};
use crate::{
    bindings,
    kernel_ext::sysfs, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use dm_remap_core::units::{Sector, SectorCount};
use kernel::{
    error::to_result,
    prelude::*,
    sync::Arc, //
};

/// A mapped device, for telling one from another: the same for all its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MdKey(usize);

/// How a table was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode(bindings::blk_mode_t);

impl Mode {
    /// Whether the mapped device can be written.
    pub(crate) const fn writable(self) -> bool {
        self.0 & bindings::OPEN_WRITE != 0
    }
}

/// A target under construction.
///
/// # Invariants
///
/// `target` is the `dm_target` that a constructor was called for, with table, type, begin and len
/// filled in. `shared` belongs to the registration of its type.
pub(crate) struct Ctr<'a, T: Target> {
    target: NonNull<bindings::dm_target>,
    shared: &'a T::Shared,
    devices: Devices,
}

impl<'a, T: Target> Ctr<'a, T> {
    /// # Safety
    ///
    /// `target` is the target of a running constructor, valid until its destructor has run, and
    /// nobody else uses it during the life of the result.
    pub(super) unsafe fn from_raw(
        target: NonNull<bindings::dm_target>,
        shared: &'a T::Shared,
    ) -> Self {
        // INVARIANT: by the safety requirements of this function.
        Self {
            target,
            shared,
            // SAFETY: the target is valid until its destructor has run, which drops the devices.
            devices: unsafe { Devices::new(target.as_ptr()) },
        }
    }

    pub(super) fn into_devices(self) -> Devices {
        self.devices
    }

    fn raw(&self) -> &bindings::dm_target {
        // SAFETY: by the type invariant, and only this value uses it.
        unsafe { self.target.as_ref() }
    }

    fn raw_mut(&mut self) -> &mut bindings::dm_target {
        // SAFETY: by the type invariant, and only this value uses it.
        unsafe { self.target.as_mut() }
    }

    /// What all targets of the type share.
    pub(crate) fn shared(&self) -> &'a T::Shared {
        self.shared
    }

    /// The target's first sector in the mapped device.
    pub(crate) fn begin(&self) -> Sector {
        Sector(self.raw().begin)
    }

    /// The target's length.
    pub(crate) fn len(&self) -> SectorCount {
        SectorCount(self.raw().len)
    }

    /// The mapped device that the table is for.
    pub(crate) fn mapped_device(&self) -> MdKey {
        md_key(self.raw())
    }

    /// The mapped device's name in the kernel's messages, `major:minor`.
    pub(crate) fn device_name(&self) -> &CStr {
        device_name(self.raw())
    }

    /// How the table is loaded.
    pub(crate) fn mode(&self) -> Mode {
        mode(self.raw())
    }

    /// Opens a device by path or `major:minor`, in the mode of the table.
    pub(crate) fn device(&mut self, path: &CStr) -> Result<Device> {
        let mode = self.mode();
        self.devices.open(path, mode.0)
    }

    /// What there is to know of an opened device.
    pub(crate) fn info(&self, device: Device) -> Option<DeviceInfo> {
        let bdev = NonNull::new(self.devices.bdev(device))?;
        // SAFETY: the block device is open as long as `self.devices` lives.
        Some(unsafe { DeviceInfo::of(bdev) })
    }

    /// Opens the device once more, for I/O that does not depend on this table's life.
    pub(crate) fn open(&self, device: Device) -> Result<BlockDevice> {
        let bdev = NonNull::new(self.devices.bdev(device)).ok_or(ENODEV)?;
        // SAFETY: the block device is open as long as `self.devices` lives.
        let dev = unsafe { bdev.as_ref() }.bd_dev;
        BlockDevice::open(dev, self.mode().0)
    }

    /// The reason of a refusal, which `dmsetup` and the kernel log show.
    pub(crate) fn set_error(&mut self, text: &'static CStr) {
        self.raw_mut().error = text.as_ptr().cast_mut().cast();
    }

    /// How many copies of a flush are wanted.
    pub(crate) fn set_num_flush_bios(&mut self, copies: u32) {
        self.raw_mut().num_flush_bios = copies;
    }

    /// Whether discards are wanted, if the devices have them.
    pub(crate) fn set_discards(&mut self, wanted: bool) {
        self.raw_mut().num_discard_bios = wanted.into();
    }

    /// Discards are wanted even where not each device has them.
    pub(crate) fn set_discards_anyway(&mut self) {
        self.set_discards(true);
        // SAFETY: the target is valid by the type invariant.
        unsafe { bindings::discards_supported(self.target.as_ptr()) };
    }

    /// Whether write-zeroes requests are wanted.
    pub(crate) fn set_write_zeroes(&mut self, wanted: bool) {
        self.raw_mut().num_write_zeroes_bios = wanted.into();
    }

    /// Whether secure erases are wanted.
    pub(crate) fn set_secure_erase(&mut self, wanted: bool) {
        self.raw_mut().num_secure_erase_bios = wanted.into();
    }

    /// The largest bio that is wanted.
    pub(crate) fn set_max_io_len(&mut self, len: SectorCount) -> Result {
        // SAFETY: the target is valid by the type invariant.
        to_result(unsafe { bindings::dm_set_target_max_io_len(self.target.as_ptr(), len.0) })
    }

    /// Whether swap I/O in flight is to be limited, for a target that needs memory for its own.
    pub(crate) fn set_limit_swap_bios(&mut self, limit: bool) {
        // SAFETY: the target is valid by the type invariant.
        unsafe { bindings::limit_swap_bios(self.target.as_ptr(), limit) };
    }
}

/// A constructed target, as its callbacks see it.
///
/// # Invariants
///
/// The target and what the glue keeps for it are valid for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct TargetInfo<'a> {
    target: NonNull<bindings::dm_target>,
    common: &'a Common,
    _life: PhantomData<&'a bindings::dm_target>,
}

impl<'a> TargetInfo<'a> {
    /// # Safety
    ///
    /// `target` is valid for `'a`, and `common` belongs to it.
    #[inline]
    pub(super) unsafe fn from_raw(
        target: NonNull<bindings::dm_target>,
        common: &'a Common,
    ) -> Self {
        // INVARIANT: by the safety requirements of this function.
        Self {
            target,
            common,
            _life: PhantomData,
        }
    }

    #[inline]
    fn raw(&self) -> &'a bindings::dm_target {
        // SAFETY: by the type invariant; nothing writes to it after the constructor.
        unsafe { self.target.as_ref() }
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::dm_target {
        self.target.as_ptr()
    }

    pub(super) fn common(&self) -> &'a Common {
        self.common
    }

    /// The target's first sector in the mapped device.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn begin(&self) -> Sector {
        Sector(self.raw().begin)
    }

    /// The target's length.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn len(&self) -> SectorCount {
        SectorCount(self.raw().len)
    }

    /// The mapped device that the table is for.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn mapped_device(&self) -> MdKey {
        md_key(self.raw())
    }

    /// The mapped device's name in the kernel's messages, `major:minor`.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn device_name(&self) -> &'a CStr {
        device_name(self.raw())
    }

    /// How the table was loaded.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn mode(&self) -> Mode {
        mode(self.raw())
    }

    /// Whether the mapped device is suspended.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn suspended(&self) -> bool {
        // SAFETY: the target is valid by the type invariant.
        unsafe { bindings::dm_suspended(self.target.as_ptr()) != 0 }
    }

    /// Whether a suspend that pushes back I/O is under way: only then may a bio be requeued.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn noflush_suspending(&self) -> bool {
        // SAFETY: the target is valid by the type invariant.
        unsafe { bindings::dm_noflush_suspending(self.target.as_ptr()) != 0 }
    }

    /// The name of an opened device as a table line has it, `major:minor`.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn table_device_name(&self, device: Device) -> Option<&'a CStr> {
        let device = self.common.devices.opened(device)?;
        // SAFETY: the device is open as long as the target lives, and its name does not change.
        let name = unsafe { &(*device.as_ptr()).name };
        // SAFETY: device-mapper ends the name with a NUL.
        Some(unsafe { c_str(name.as_ptr()) })
    }

    /// From now on `sink` raises the events of this table, until it is attached to another one of the
    /// same mapped device or the target is destroyed. A target has one sink: the first.
    ///
    /// # Context
    ///
    /// Process context.
    pub(crate) fn attach_events(&self, sink: &Arc<EventSink>) {
        let target = self.raw();
        let mut events = self.common.events.lock();
        if events.is_some() {
            return;
        }
        // SAFETY: a target's table is valid as long as the target, and so is its mapped device.
        // What is attached drops with `common`, in the target's destructor.
        *events = Some(unsafe { Attached::new(sink.clone(), target.table) });
    }

    /// The mapped device's own directory in sysfs.
    ///
    /// # Context
    ///
    /// Process context, from the first resume on: the disk is not in sysfs before.
    pub(crate) fn sysfs_parent(&self) -> sysfs::Parent<'a> {
        // SAFETY: the table is valid by the type invariant.
        let md = unsafe { bindings::dm_table_get_md(self.raw().table) };
        // SAFETY: the mapped device outlives its table, and its disk lives as long.
        let kobj = unsafe { bindings::disk_kobj(md) };
        // SAFETY: the address of a field is not null.
        let kobj = unsafe { NonNull::new_unchecked(kobj) };
        // SAFETY: the disk leaves sysfs after its last table was destroyed.
        unsafe { sysfs::Parent::from_raw(kobj) }
    }
}

fn md_key(target: &bindings::dm_target) -> MdKey {
    // SAFETY: a target's table is valid as long as the target is.
    MdKey(unsafe { bindings::dm_table_get_md(target.table) } as usize)
}

fn device_name(target: &bindings::dm_target) -> &CStr {
    // SAFETY: a target's table is valid as long as the target is.
    let name = unsafe { bindings::dm_table_device_name(target.table) };
    // SAFETY: it is a C string inside the mapped device, which outlives its tables.
    unsafe { c_str(name) }
}

fn mode(target: &bindings::dm_target) -> Mode {
    // SAFETY: a target's table is valid as long as the target is.
    Mode(unsafe { bindings::dm_table_get_mode(target.table) })
}
