// SPDX-License-Identifier: GPL-2.0-only

//! The hooks that lead from C to [`Target`].

use super::{Holder, Registration, Visitor};
use crate::{
    bindings,
    dm::{
        bio::{EndBio, MapBio, PerBio},
        context::{Common, Ctr, TargetInfo},
        limits::QueueLimits,
        status::Status,
        target::{Forward, StatusKind, Target},
        text::{Args, TextWriter}, //
    },
    kernel_ext::noio::NoIo, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    container_of,
    error::from_result,
    ffi,
    prelude::*,
    types::Opaque, //
};

/// The hooks of a target type. Device-mapper calls each for a target of that type: `ctr` first,
/// then any of the others, `dtr` last and alone.
pub(super) struct Hooks<T: Target>(PhantomData<T>);

impl<T: Target> Hooks<T> {
    pub(super) fn target_type(module: *mut bindings::module) -> bindings::target_type {
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
            //
            // What is submitted later is accounted then, not after `map`: by then it may be gone.
            unsafe { bindings::target_flags(ti) };
            // SAFETY: as above, and nothing else uses it while this reference lives.
            let target = unsafe { &mut *ti };
            target.per_io_data_size = PerBio::<T>::SIZE as ffi::c_uint;
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
        let bio = unsafe { MapBio::from_raw(target, info.common(), bio) };
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
        let bio = unsafe { EndBio::<T>::from_raw(bio) };
        // SAFETY: as above.
        let status = Status::from_code(unsafe { *error });
        if bio.was_completed() {
            return bio.done(status).code();
        }
        // SAFETY: as above.
        let (data, info) = unsafe { Self::borrow(ti) };
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
