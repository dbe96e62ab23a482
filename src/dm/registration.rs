// SPDX-License-Identifier: GPL-2.0-only

//! A target type made known to device-mapper.

mod hooks;

use super::{
    context::{Common, Device, TargetInfo},
    target::Target, //
};
use crate::bindings;
use dm_remap_core::units::{Sector, SectorCount};
use hooks::Hooks;
use kernel::{
    error::to_result,
    ffi,
    prelude::*,
    types::Opaque, //
};

/// A registered target type; dropping it takes the type back. The module's reference count, which
/// device-mapper raises for each target, keeps it from dropping while there is a target.
///
/// # Invariants
///
/// `raw` is registered, and its hooks are those of [`Hooks<T>`].
#[pin_data(PinnedDrop)]
pub(crate) struct Registration<T: Target> {
    #[pin]
    raw: Opaque<bindings::target_type>,
    shared: T::Shared,
}

// SAFETY: device-mapper has its own lock for its types, and `Shared` may be sent.
unsafe impl<T: Target> Send for Registration<T> {}
// SAFETY: nothing changes after the registration, and `Shared` may be shared.
unsafe impl<T: Target> Sync for Registration<T> {}

impl<T: Target> Registration<T> {
    /// Registers the type for `module`.
    pub(crate) fn new(module: &'static ThisModule, shared: T::Shared) -> impl PinInit<Self, Error> {
        let module = module.as_ptr();
        try_pin_init!(Self {
            // Before `raw`: a constructor may run as soon as that is registered.
            shared,
            raw <- Opaque::try_ffi_init(move |raw: *mut bindings::target_type| {
                // SAFETY: `raw` is valid for writes.
                unsafe { raw.write(Hooks::<T>::target_type(module)) };
                // INVARIANT: registered here, with the hooks of `T`.
                // SAFETY: the type is filled in and stays where it is until it is taken back.
                to_result(unsafe { bindings::dm_register_target(raw) })
            }),
        })
    }
}

#[pinned_drop]
impl<T: Target> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: registered by the type invariant.
        unsafe { bindings::dm_unregister_target(self.raw.get()) };
    }
}

/// What `ti->private` owns. The data drops first: nothing of the target runs any more when its
/// events are detached and its devices put.
#[pin_data]
pub(super) struct Holder<T: Target> {
    data: Pin<KBox<T::Data>>,
    #[pin]
    pub(super) common: Common,
}

/// Shows the devices of a target to whoever wants to see them.
pub(crate) struct Visitor<'a> {
    ti: TargetInfo<'a>,
    callout: bindings::iterate_devices_callout_fn,
    cookie: *mut ffi::c_void,
    stopped: ffi::c_int,
}

impl Visitor<'_> {
    /// Shows `len` sectors at `start` of a device. Nothing is shown any more once one was enough.
    pub(crate) fn device(&mut self, device: Device, start: Sector, len: SectorCount) {
        if self.stopped != 0 {
            return;
        }
        let opened = self.ti.common().devices.opened(device);
        let (Some(opened), Some(callout)) = (opened, self.callout) else {
            return;
        };
        // SAFETY: target and device are valid during the call, the cookie belongs to the callout.
        self.stopped = unsafe {
            callout(
                self.ti.as_ptr(),
                opened.as_ptr(),
                start.0,
                len.0,
                self.cookie,
            )
        };
    }
}
