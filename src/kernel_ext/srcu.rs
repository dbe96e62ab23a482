// SPDX-License-Identifier: GPL-2.0-only

//! Sleepable RCU whose readers may end in another context than they began in: a bio enters it in
//! `map` and leaves it in `end_io`.
//!
//! The fast flavour: a reader costs one per-CPU increment at each end and no memory barrier.
//!
//! C header: [`include/linux/srcu.h`](srctree/include/linux/srcu.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// An SRCU domain.
///
/// # Invariants
///
/// `inner` is initialised and pinned, and only the `fast_updown` flavour of readers is used on it.
#[pin_data(PinnedDrop)]
pub(crate) struct Srcu {
    #[pin]
    inner: Opaque<bindings::srcu_struct>,
}

// SAFETY: SRCU is made for being shared.
unsafe impl Send for Srcu {}
// SAFETY: as above.
unsafe impl Sync for Srcu {}

/// A reader that is inside; to be given back to [`Srcu::up`], from wherever. A token that is
/// dropped instead leaves its reader inside for ever: safe, but every wait hangs.
///
/// # Invariants
///
/// `counter` was returned by `srcu_down_read_fast` on `domain` and was not given back yet.
#[must_use = "a reader that never leaves makes every wait hang"]
pub(crate) struct Token {
    domain: NonNull<bindings::srcu_struct>,
    counter: *mut bindings::srcu_ctr,
}

// SAFETY: this flavour's readers may end in any context, on any CPU.
unsafe impl Send for Token {}

impl Srcu {
    /// A new domain.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            // INVARIANT: initialised here for the fast flavour; the field is structurally pinned.
            inner <- Opaque::try_ffi_init(|inner| {
                // SAFETY: `inner` is valid for writes and stays where it is.
                to_result(unsafe { bindings::srcu_init(inner) })
            }),
        })
    }

    /// Enters as a reader.
    ///
    /// # Context
    ///
    /// Any but NMI.
    #[inline]
    pub(crate) fn down(&self) -> Token {
        let domain = self.inner.get();
        // SAFETY: by the type invariant the domain is initialised, for this flavour.
        let counter = unsafe { bindings::srcu_down(domain) };
        // INVARIANT: just returned for this domain.
        Token {
            // SAFETY: an address of a field is not null.
            domain: unsafe { NonNull::new_unchecked(domain) },
            counter,
        }
    }

    /// Leaves. A token of another domain is refused with a warning, and its reader stays inside.
    ///
    /// # Context
    ///
    /// Any but NMI.
    #[inline]
    pub(crate) fn up(&self, token: Token) {
        if kernel::warn_on!(token.domain.as_ptr() != self.inner.get()) {
            return;
        }
        // SAFETY: the domain is initialised; by the token's invariant the counter is of this
        // domain and is given back once, since the token is consumed.
        unsafe { bindings::srcu_up(self.inner.get(), token.counter) };
    }

    /// Waits until every reader that is inside now has left.
    ///
    /// # Context
    ///
    /// Process context, not inside a reader of this domain.
    pub(crate) fn synchronize(&self) {
        // SAFETY: by the type invariant the domain is initialised.
        unsafe { bindings::synchronize_srcu(self.inner.get()) };
    }

    /// As [`Srcu::synchronize`], sooner, at a cost to all CPUs.
    ///
    /// # Context
    ///
    /// Process context, not inside a reader of this domain.
    pub(crate) fn synchronize_expedited(&self) {
        // SAFETY: by the type invariant the domain is initialised.
        unsafe { bindings::synchronize_srcu_expedited(self.inner.get()) };
    }
}

#[pinned_drop]
impl PinnedDrop for Srcu {
    fn drop(self: Pin<&mut Self>) {
        // A reader that never left is a bug: to hang here is better than to free what it reads.
        self.synchronize_expedited();
        // SAFETY: the domain is initialised, and no reader is left, nor can one come.
        unsafe { bindings::cleanup_srcu_struct(self.inner.get()) };
    }
}
