// SPDX-License-Identifier: GPL-2.0-only

//! Rate limits for log lines.
//!
//! C header: [`include/linux/ratelimit.h`](srctree/include/linux/ratelimit.h)

use crate::bindings;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// Allows a burst of lines in an interval; says itself how many it suppressed.
///
/// # Invariants
///
/// `state` is initialised and pinned.
#[pin_data]
pub(crate) struct RateLimit {
    #[pin]
    state: Opaque<bindings::ratelimit_state>,
}

// SAFETY: `___ratelimit` takes the state's own lock.
unsafe impl Send for RateLimit {}
// SAFETY: as above.
unsafe impl Sync for RateLimit {}

impl RateLimit {
    /// The kernel's default: 10 lines in 5 seconds.
    pub(crate) fn new() -> impl PinInit<Self> {
        Self::with(5, 10)
    }

    /// `burst` lines in `seconds`.
    pub(crate) fn with(seconds: u16, burst: u16) -> impl PinInit<Self> {
        let jiffies = i32::from(seconds).saturating_mul(bindings::HZ as i32);
        pin_init!(Self {
            // INVARIANT: initialised here; the field is structurally pinned.
            state <- Opaque::ffi_init(move |state| {
                // SAFETY: `state` is valid for writes.
                unsafe {
                    bindings::ratelimit_init(state, jiffies, i32::from(burst))
                }
            }),
        })
    }

    /// Whether a line may be printed now.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn allow(&self) -> bool {
        // SAFETY: by the type invariant the state is initialised; the name is a C string.
        unsafe { bindings::___ratelimit(self.state.get(), c"dm-remap".as_ptr().cast()) != 0 }
    }
}
