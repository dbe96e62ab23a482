// SPDX-License-Identifier: GPL-2.0-only

//! Queues of owned bios, linked through the bios themselves: they never allocate.

use super::{bio::Bio, status::Status, target::Target};
use crate::{
    bindings,
    kernel_ext::spinlock::{new_spinlock_irqsave, SpinLockIrq}, //
};
use core::{
    marker::PhantomData,
    mem,
    ptr::{self, NonNull}, //
};
use kernel::prelude::*;

/// Bios in the order in which they came. Dropping it completes them with an error.
///
/// # Invariants
///
/// From `head`, null if there is none, through `bi_next` to null, the last being `tail`: bios that
/// this list owns, each from [`Bio::into_raw`].
pub(crate) struct BioList<T: Target> {
    head: *mut bindings::bio,
    tail: *mut bindings::bio,
    _bios: PhantomData<Bio<T>>,
}

// SAFETY: the list owns its bios, which may be sent.
unsafe impl<T: Target> Send for BioList<T> {}

impl<T: Target> BioList<T> {
    /// An empty list.
    #[inline]
    pub(crate) const fn new() -> Self {
        // INVARIANT: it is empty.
        Self {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
            _bios: PhantomData,
        }
    }

    /// Whether there is no bio.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Adds a bio at the end.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn push(&mut self, bio: Bio<T>) {
        let bio = bio.into_raw().as_ptr();
        // SAFETY: the bio was owned by the caller, and so is its link.
        unsafe { (*bio).bi_next = ptr::null_mut() };
        // INVARIANT: the chain is made longer by one bio that was given up to it.
        if self.tail.is_null() {
            self.head = bio;
        } else {
            // SAFETY: by the type invariant the list owns its last bio.
            unsafe { (*self.tail).bi_next = bio };
        }
        self.tail = bio;
    }

    /// Takes the first bio.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn pop(&mut self) -> Option<Bio<T>> {
        let bio = NonNull::new(self.head)?;
        // SAFETY: by the type invariant the list owns it.
        let next = unsafe { mem::replace(&mut (*bio.as_ptr()).bi_next, ptr::null_mut()) };
        // INVARIANT: the chain begins with the next one now, and the first one is given away.
        self.head = next;
        if next.is_null() {
            self.tail = ptr::null_mut();
        }
        // SAFETY: it came from `into_raw`, and the list does not own it any more.
        Some(unsafe { Bio::from_raw(bio) })
    }
}

impl<T: Target> Drop for BioList<T> {
    fn drop(&mut self) {
        while let Some(bio) = self.pop() {
            bio.complete(Status::IOERR);
        }
    }
}

/// A list that any context may add to: what `map` and `end_io` hand to a worker.
#[pin_data]
pub(crate) struct BioQueue<T: Target> {
    #[pin]
    list: SpinLockIrq<BioList<T>>,
}

impl<T: Target> BioQueue<T> {
    /// An empty queue.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            list <- new_spinlock_irqsave!(BioList::new(), "BioQueue"),
        })
    }

    /// Adds a bio at the end.
    ///
    /// # Context
    ///
    /// Any but NMI.
    pub(crate) fn push(&self, bio: Bio<T>) {
        self.list.lock().push(bio);
    }

    /// Takes the first bio.
    ///
    /// # Context
    ///
    /// Any but NMI.
    pub(crate) fn pop(&self) -> Option<Bio<T>> {
        self.list.lock().pop()
    }

    /// Takes all bios.
    ///
    /// # Context
    ///
    /// Any but NMI.
    pub(crate) fn take_all(&self) -> BioList<T> {
        mem::replace(&mut *self.list.lock(), BioList::new())
    }

    /// Whether there is no bio at this moment.
    ///
    /// # Context
    ///
    /// Any but NMI.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.lock().is_empty()
    }
}
