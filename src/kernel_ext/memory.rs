// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's `KVmalloc`, called out of line.
//!
//! The kernel crate inlines its calls, five arguments each, wherever something is allocated or freed: in
//! a driver that allocates in dozens of places this is a few KB.

use core::{alloc::Layout, ptr::NonNull};
use kernel::alloc::{allocator::KVmalloc, AllocError, Allocator, Box, Flags, NumaNode};

/// A value in memory of its own.
pub(crate) type Boxed<T> = Box<T, Memory>;

/// Memory from [`KVmalloc`].
pub(crate) struct Memory;

// SAFETY: both functions are those of `KVmalloc`, and so are their guarantees.
unsafe impl Allocator for Memory {
    const MIN_ALIGN: usize = KVmalloc::MIN_ALIGN;

    #[inline(never)]
    unsafe fn realloc(
        ptr: Option<NonNull<u8>>,
        layout: Layout,
        old_layout: Layout,
        flags: Flags,
        nid: NumaNode,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: by the safety requirements of this function; what this gives out is `KVmalloc`'s.
        unsafe { KVmalloc::realloc(ptr, layout, old_layout, flags, nid) }
    }

    #[inline(never)]
    unsafe fn free(ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: as above.
        unsafe { KVmalloc::free(ptr, layout) }
    }
}
