// SPDX-License-Identifier: GPL-2.0-only

//! A spinlock that disables interrupts: for what process context shares with end_io.
//!
//! The kernel crate has one since 7.3; this one serves both supported kernels.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use crate::bindings;
use kernel::{
    ffi,
    sync::lock::{Backend, Lock}, //
};

/// A spinlock held with local interrupts disabled.
///
/// # Context
///
/// May be taken in any context but NMI. Nothing may sleep while it is held.
pub(crate) type SpinLockIrq<T> = Lock<T, IrqSave>;

/// The backend of [`SpinLockIrq`]: `spin_lock_irqsave`.
pub(crate) struct IrqSave;

/// Makes an initialiser of a [`SpinLockIrq`] with a lock class of its own.
macro_rules! new_spinlock_irqsave {
    ($inner:expr, $name:literal) => {
        $crate::kernel_ext::spinlock::SpinLockIrq::new(
            $inner,
            ::kernel::c_str!($name),
            ::kernel::static_lock_class!(),
        )
    };
}
pub(crate) use new_spinlock_irqsave;

// SAFETY: a spinlock excludes, and it is held from `lock` (or a successful `try_lock`) to `unlock`.
unsafe impl Backend for IrqSave {
    type State = bindings::spinlock_t;
    type GuardState = ffi::c_ulong;

    unsafe fn init(
        ptr: *mut Self::State,
        name: *const ffi::c_char,
        key: *mut bindings::lock_class_key,
    ) {
        // SAFETY: by the safety requirements of this function, `ptr` is valid for writes, and
        // `name` and `key` live for ever.
        unsafe { bindings::spin_lock_init(ptr, name, key) }
    }

    #[inline]
    unsafe fn lock(ptr: *mut Self::State) -> Self::GuardState {
        // SAFETY: by the safety requirements of this function, the lock is initialised.
        unsafe { bindings::spin_lock_irqsave(ptr) }
    }

    #[inline]
    unsafe fn try_lock(ptr: *mut Self::State) -> Option<Self::GuardState> {
        let mut flags: ffi::c_ulong = 0;
        // SAFETY: by the safety requirements of this function, the lock is initialised.
        if unsafe { bindings::spin_trylock_irqsave(ptr, &mut flags) } {
            Some(flags)
        } else {
            None
        }
    }

    #[inline]
    unsafe fn unlock(ptr: *mut Self::State, guard_state: &Self::GuardState) {
        // SAFETY: by the safety requirements of this function, the caller holds the lock, and
        // `guard_state` is what taking it returned.
        unsafe { bindings::spin_unlock_irqrestore(ptr, *guard_state) }
    }

    #[inline]
    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // SAFETY: by the safety requirements of this function, the lock is initialised.
        unsafe { bindings::spin_assert_held(ptr) }
    }
}
