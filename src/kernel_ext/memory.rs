// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's `KVmalloc`, called out of line, and arrays that grow out of line.
//!
//! The kernel crate inlines its calls, five arguments each, wherever something is allocated or freed, and
//! makes growing an array anew for each type: in a driver that does so in dozens of places this is a few KB.

use core::{alloc::Layout, mem, ptr, ptr::NonNull};
use kernel::alloc::{allocator::KVmalloc, AllocError, Allocator, Box, Flags, NumaNode, Vec};

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

/// Makes room for `more` elements behind those of `vec`.
#[inline]
pub(crate) fn reserve<T>(
    vec: &mut Vec<T, Memory>,
    more: usize,
    flags: Flags,
) -> Result<(), AllocError> {
    const { assert!(size_of::<T>() > 0) };
    if vec.capacity().wrapping_sub(vec.len()) >= more {
        return Ok(());
    }
    let (at, len, capacity) = mem::replace(vec, Vec::new()).into_raw_parts();
    let mut place = Place {
        // SAFETY: a vector's pointer is not null.
        at: unsafe { NonNull::new_unchecked(at.cast()) },
        capacity,
    };
    // SAFETY: the place is that of the vector, which was allocated by `Memory`.
    let grown = unsafe { grow(&mut place, len, more, Layout::new::<T>(), flags) };
    // SAFETY: the place is still the vector's or the one that its elements were moved to.
    let new = unsafe { Vec::from_raw_parts(place.at.as_ptr().cast(), len, place.capacity) };
    // SAFETY: the pointer is that of a reference; what it overwrites is empty, so nothing is lost.
    unsafe { ptr::write(vec, new) };
    grown
}

/// Where the elements of a vector lie.
struct Place {
    at: NonNull<u8>,
    capacity: usize,
}

/// Moves elements to a larger place; after an error they are where they were.
///
/// # Safety
///
/// `place` has room for `capacity` elements of layout `element`, allocated by [`Memory`] unless that is
/// zero, and the first `len` of them are in use.
#[inline(never)]
unsafe fn grow(
    place: &mut Place,
    len: usize,
    more: usize,
    element: Layout,
    flags: Flags,
) -> Result<(), AllocError> {
    let bytes = |n: usize| n.checked_mul(element.size()).ok_or(AllocError);
    let layout = |bytes| Layout::from_size_align(bytes, element.align()).map_err(|_| AllocError);
    let capacity = len.checked_add(more).ok_or(AllocError)?;
    let capacity = capacity.max(place.capacity.saturating_mul(2));
    let old = layout(bytes(place.capacity)?)?;
    let new = layout(bytes(capacity)?)?;
    // SAFETY: by the safety requirements of this function; an old layout of no bytes says that there is
    // nothing yet.
    let memory = unsafe { Memory::realloc(Some(place.at), new, old, flags, NumaNode::NO_NODE)? };
    *place = Place {
        at: memory.cast(),
        capacity,
    };
    Ok(())
}
