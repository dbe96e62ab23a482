// SPDX-License-Identifier: GPL-2.0-only

//! A target type made known to device-mapper, and the hooks that lead from C to [`Target`].

use super::{
    bio::{EndBio, MapBio, PerBio},
    context::{Common, Ctr, Device, TargetInfo},
    limits::QueueLimits,
    status::Status,
    target::{Forward, StatusKind, Target},
    text::{Args, TextWriter}, //
};
use crate::{
    bindings,
    kernel_ext::noio::NoIo, //
};
use core::ptr::NonNull;
use dm_remap_core::units::{Sector, SectorCount};
use kernel::{
    container_of,
    error::{from_result, to_result},
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

/// The hooks of a target type. Device-mapper calls each for a target of that type: `ctr` first,
/// then any of the others, `dtr` last and alone.
struct Hooks<T: Target>(core::marker::PhantomData<T>);

impl<T: Target> Hooks<T> {
    fn target_type(module: *mut bindings::module) -> bindings::target_type {
        bindings::target_type {
            features: T::FEATURES.bits(),
            name: T::NAME.as_ptr().cast(),
            module,
            version: T::VERSION,
            ctr: Some(Self::ctr),
            dtr: Some(Self::dtr),
            map: Some(Self::map),
            end_io: if T::HAS_END_IO {
                Some(Self::end_io)
            } else {
                None
            },
            presuspend: if T::HAS_PRESUSPEND {
                Some(Self::presuspend)
            } else {
                None
            },
            presuspend_undo: if T::HAS_PRESUSPEND_UNDO {
                Some(Self::presuspend_undo)
            } else {
                None
            },
            postsuspend: if T::HAS_POSTSUSPEND {
                Some(Self::postsuspend)
            } else {
                None
            },
            preresume: if T::HAS_PRERESUME {
                Some(Self::preresume)
            } else {
                None
            },
            resume: if T::HAS_RESUME {
                Some(Self::resume)
            } else {
                None
            },
            status: if T::HAS_STATUS {
                Some(Self::status)
            } else {
                None
            },
            message: if T::HAS_MESSAGE {
                Some(Self::message)
            } else {
                None
            },
            iterate_devices: if T::HAS_ITERATE_DEVICES {
                Some(Self::iterate_devices)
            } else {
                None
            },
            io_hints: if T::HAS_IO_HINTS {
                Some(Self::io_hints)
            } else {
                None
            },
            prepare_ioctl: if T::HAS_PREPARE_IOCTL {
                Some(Self::prepare_ioctl)
            } else {
                None
            },
            ..pin_init::zeroed()
        }
    }

    /// # Safety
    ///
    /// `ti` is a constructed target of this type, and stays so for `'a`.
    #[inline]
    unsafe fn borrow<'a>(ti: *mut bindings::dm_target) -> (&'a T::Data, TargetInfo<'a>) {
        // SAFETY: by the safety requirements of this function.
        let holder = unsafe { &*(*ti).private.cast::<Holder<T>>() };
        // SAFETY: a constructed target is not null.
        let target = unsafe { NonNull::new_unchecked(ti) };
        // SAFETY: by the safety requirements of this function; the holder is the target's own.
        let info = unsafe { TargetInfo::from_raw(target, &holder.common) };
        (&holder.data, info)
    }

    /// # Safety
    ///
    /// Called by device-mapper to construct `ti`, with `argc` C strings in `argv`.
    unsafe extern "C" fn ctr(
        ti: *mut bindings::dm_target,
        argc: ffi::c_uint,
        argv: *mut *mut ffi::c_char,
    ) -> ffi::c_int {
        let _noio = NoIo::enter();
        from_result(|| {
            // SAFETY: by the safety requirements of this function.
            let target = unsafe { NonNull::new_unchecked(ti) };
            // SAFETY: as above; the type of the target was filled in.
            let raw = Opaque::cast_from(unsafe { (*ti).type_ }.cast_const());
            // SAFETY: this hook is in the target type of a registration of `T`.
            let registration = unsafe { container_of!(raw, Registration<T>, raw) };
            // SAFETY: the registration outlives its targets, and its shared part is initialised.
            let shared = unsafe { &(*registration).shared };
            // SAFETY: as above.
            let mut ctr = unsafe { Ctr::<T>::from_raw(target, shared) };
            // SAFETY: as above.
            let args = unsafe { Args::from_raw(argc, argv) };

            let data = T::ctr(&mut ctr, args)?;
            let devices = ctr.into_devices();
            let holder = KBox::pin_init(
                pin_init!(Holder::<T> {
                    data,
                    common <- Common::new(devices),
                }),
                GFP_KERNEL,
            )?;
            // SAFETY: the target is ours to fill in, as its constructor runs.
            let target = unsafe { &mut *ti };
            target.per_io_data_size = PerBio::<T>::SIZE as ffi::c_uint;
            // What is submitted later is accounted then, not after `map`: by then it may be gone.
            target.set_accounts_remapped_io(true);
            target.set_flush_bypasses_map(false);
            // SAFETY: the holder is not moved out of its box again; `dtr` drops it.
            target.private = KBox::into_raw(unsafe { Pin::into_inner_unchecked(holder) }).cast();
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called by device-mapper, once, for a constructed target of this type.
    unsafe extern "C" fn dtr(ti: *mut bindings::dm_target) {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let holder = unsafe { (*ti).private }.cast::<Holder<T>>();
        // SAFETY: `ctr` put it there, and no other hook runs any more.
        drop(unsafe { KBox::from_raw(holder) });
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type, with a clone for it.
    unsafe extern "C" fn map(ti: *mut bindings::dm_target, bio: *mut bindings::bio) -> ffi::c_int {
        // SAFETY: by the safety requirements of this function.
        let (data, info) = unsafe { Self::borrow(ti) };
        // SAFETY: as above.
        let target = unsafe { NonNull::new_unchecked(ti) };
        // SAFETY: as above.
        let bio = unsafe { NonNull::new_unchecked(bio) };
        // SAFETY: as above; what is made of the bio is returned here.
        let bio = unsafe { MapBio::from_raw(target, bio) };
        T::map(data, info, bio).code()
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type, with a clone that went
    /// through its `map`, and the place of its status.
    unsafe extern "C" fn end_io(
        ti: *mut bindings::dm_target,
        bio: *mut bindings::bio,
        error: *mut bindings::blk_status_t,
    ) -> ffi::c_int {
        // SAFETY: by the safety requirements of this function.
        let bio = unsafe { NonNull::new_unchecked(bio) };
        // SAFETY: as above; what is made of the bio is returned here.
        let Some(bio) = (unsafe { EndBio::<T>::from_raw(bio) }) else {
            return bindings::DM_ENDIO_DONE as ffi::c_int;
        };
        // SAFETY: as above.
        let (data, info) = unsafe { Self::borrow(ti) };
        // SAFETY: as above.
        let status = Status::from_code(unsafe { *error });
        let verdict = T::end_io(data, info, bio, status);
        // SAFETY: as above. Where the bio was deferred it is not looked at.
        unsafe { *error = verdict.status().code() };
        verdict.code()
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type.
    unsafe extern "C" fn presuspend(ti: *mut bindings::dm_target) {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let (data, info) = unsafe { Self::borrow(ti) };
        T::presuspend(data, info);
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type.
    unsafe extern "C" fn presuspend_undo(ti: *mut bindings::dm_target) {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let (data, info) = unsafe { Self::borrow(ti) };
        T::presuspend_undo(data, info);
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type.
    unsafe extern "C" fn postsuspend(ti: *mut bindings::dm_target) {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let (data, info) = unsafe { Self::borrow(ti) };
        T::postsuspend(data, info);
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type.
    unsafe extern "C" fn preresume(ti: *mut bindings::dm_target) -> ffi::c_int {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let (data, info) = unsafe { Self::borrow(ti) };
        from_result(|| T::preresume(data, info).map(|()| 0))
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type.
    unsafe extern "C" fn resume(ti: *mut bindings::dm_target) {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let (data, info) = unsafe { Self::borrow(ti) };
        T::resume(data, info);
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type, with a buffer of `size`.
    unsafe extern "C" fn status(
        ti: *mut bindings::dm_target,
        kind: bindings::status_type_t,
        _flags: ffi::c_uint,
        buf: *mut ffi::c_char,
        size: ffi::c_uint,
    ) {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let (data, info) = unsafe { Self::borrow(ti) };
        // SAFETY: as above.
        let mut out = unsafe { TextWriter::from_raw(buf, size) };
        let kind = match kind {
            bindings::status_type_t_STATUSTYPE_INFO => StatusKind::Info,
            bindings::status_type_t_STATUSTYPE_TABLE => StatusKind::Table,
            _ => StatusKind::Ima,
        };
        T::status(data, info, kind, &mut out);
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type, with `argc` C strings in
    /// `argv`, and a buffer of `size`.
    unsafe extern "C" fn message(
        ti: *mut bindings::dm_target,
        argc: ffi::c_uint,
        argv: *mut *mut ffi::c_char,
        buf: *mut ffi::c_char,
        size: ffi::c_uint,
    ) -> ffi::c_int {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let (data, info) = unsafe { Self::borrow(ti) };
        // SAFETY: as above.
        let args = unsafe { Args::from_raw(argc, argv) };
        // SAFETY: as above.
        let mut reply = unsafe { TextWriter::from_raw(buf, size) };
        match T::message(data, info, args, &mut reply) {
            // 1: there is a reply in the buffer.
            Ok(()) => ffi::c_int::from(!reply.is_empty()),
            Err(error) => error.to_errno(),
        }
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type; the cookie is the callout's.
    unsafe extern "C" fn iterate_devices(
        ti: *mut bindings::dm_target,
        callout: bindings::iterate_devices_callout_fn,
        cookie: *mut ffi::c_void,
    ) -> ffi::c_int {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let (data, info) = unsafe { Self::borrow(ti) };
        let mut visitor = Visitor {
            ti: info,
            callout,
            cookie,
            stopped: 0,
        };
        T::iterate_devices(data, info, &mut visitor);
        visitor.stopped
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type, with limits to be changed.
    unsafe extern "C" fn io_hints(
        ti: *mut bindings::dm_target,
        limits: *mut bindings::queue_limits,
    ) {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let (data, info) = unsafe { Self::borrow(ti) };
        // SAFETY: as above.
        let limits = unsafe { &mut *limits };
        T::io_hints(data, info, &mut QueueLimits::new(limits));
    }

    /// # Safety
    ///
    /// Called by device-mapper for a constructed target of this type, with a place for a device.
    unsafe extern "C" fn prepare_ioctl(
        ti: *mut bindings::dm_target,
        bdev: *mut *mut bindings::block_device,
        _cmd: ffi::c_uint,
        _arg: ffi::c_ulong,
        _forward: *mut bool,
    ) -> ffi::c_int {
        // SAFETY: by the safety requirements of this function.
        let (data, info) = unsafe { Self::borrow(ti) };
        let (device, privileged) = match T::prepare_ioctl(data, info) {
            Forward::Whole(device) => (device, 0),
            Forward::Part(device) => (device, 1),
            Forward::Refuse(error) => return error.to_errno(),
        };
        let found = info.common().devices.bdev(device);
        if found.is_null() {
            return ENODEV.to_errno();
        }
        // SAFETY: by the safety requirements of this function.
        unsafe { *bdev = found };
        privileged
    }
}
