// SPDX-License-Identifier: GPL-2.0-only

//! The trace point `dm_remap_commit_tp`.
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)

use crate::bindings;
use kernel::prelude::*;

/// A record of a block of `device`'s log, which was written to a copy for each bit of `written`:
/// `what` it is, the sector of the target and the spare block that it is about.
///
/// # Context
///
/// Any.
pub(crate) fn commit(
    device: &CStr,
    generation: u64,
    written: u32,
    what: &'static CStr,
    sector: u64,
    spare: u32,
) {
    // SAFETY: both texts are C strings, and valid during the call.
    unsafe {
        bindings::trace_commit(
            device.as_ptr().cast(),
            generation,
            written,
            what.as_ptr().cast(),
            sector,
            spare,
        )
    };
}
