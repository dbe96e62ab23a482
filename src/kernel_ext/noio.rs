// SPDX-License-Identifier: GPL-2.0-only

//! Scopes for allocations: those inside never wait for I/O, or never wait for memory at all.
//!
//! C header: [`include/linux/sched/mm.h`](srctree/include/linux/sched/mm.h)

use crate::bindings;
use kernel::types::NotThreadSafe;

/// While it lives, what this thread allocates does not wait for I/O, whatever flags it uses.
/// Scopes nest, and end in reverse order.
///
/// # Invariants
///
/// `flags` is what `memalloc_noio_save` returned in this thread.
#[must_use = "the scope ends when the guard drops"]
pub(crate) struct NoIo {
    flags: u32,
    _thread: NotThreadSafe,
}

impl NoIo {
    /// Enters the scope.
    ///
    /// # Context
    ///
    /// Process context.
    #[inline]
    pub(crate) fn enter() -> NoIo {
        // INVARIANT: it comes from `memalloc_noio_save`, and the guard stays in this thread.
        NoIo {
            // SAFETY: it changes flags of the current task only.
            flags: unsafe { bindings::noio_save() },
            _thread: NotThreadSafe,
        }
    }
}

impl Drop for NoIo {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: by the type invariant, in the thread that saved the flags.
        unsafe { bindings::noio_restore(self.flags) };
    }
}

/// While it lives, what this thread allocates never waits until others free memory: it is taken from what
/// the kernel keeps for those that write so that memory can be freed, and if that is used up as well, it
/// is refused. Without it a small allocation that may not do I/O is tried for ever.
///
/// For a few allocations at a time, with nothing else in between.
///
/// # Invariants
///
/// `flags` is what `memalloc_noreclaim_save` returned in this thread.
#[must_use = "the scope ends when the guard drops"]
pub(crate) struct NoReclaim {
    flags: u32,
    _thread: NotThreadSafe,
}

impl NoReclaim {
    /// Enters the scope.
    ///
    /// # Context
    ///
    /// Process context.
    #[inline]
    pub(crate) fn enter() -> NoReclaim {
        // INVARIANT: it comes from `memalloc_noreclaim_save`, and the guard stays in this thread.
        NoReclaim {
            // SAFETY: it changes flags of the current task only.
            flags: unsafe { bindings::noreclaim_save() },
            _thread: NotThreadSafe,
        }
    }
}

impl Drop for NoReclaim {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: by the type invariant, in the thread that saved the flags.
        unsafe { bindings::noreclaim_restore(self.flags) };
    }
}
