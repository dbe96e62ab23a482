// SPDX-License-Identifier: GPL-2.0-only

//! Clocks as plain numbers, and fresh UUIDs.

use crate::bindings;

const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;

/// Milliseconds on the monotonic clock.
///
/// # Context
///
/// Any.
pub(crate) fn monotonic_ms() -> u64 {
    // SAFETY: `ktime_get` may be called from any context but NMI.
    let ns = unsafe { bindings::ktime_get() };
    (ns / NANOSECONDS_PER_MILLISECOND).unsigned_abs()
}

/// Microseconds on the monotonic clock.
///
/// # Context
///
/// Any.
pub(crate) fn monotonic_us() -> u64 {
    // SAFETY: `ktime_get` may be called from any context but NMI.
    let ns = unsafe { bindings::ktime_get() };
    (ns / 1000).unsigned_abs()
}

/// Seconds since the epoch by the wall clock.
///
/// # Context
///
/// Any.
pub(crate) fn real_seconds() -> u64 {
    // SAFETY: `ktime_get_real_seconds` has no precondition.
    unsafe { bindings::ktime_get_real_seconds() }.unsigned_abs()
}

/// A fresh random UUID.
///
/// # Context
///
/// Process context.
pub(crate) fn new_uuid() -> [u8; 16] {
    let mut uuid = bindings::uuid_t { b: [0; 16] };
    // SAFETY: `uuid` is a valid place to write to.
    unsafe { bindings::uuid_gen(&mut uuid) };
    uuid.b
}
