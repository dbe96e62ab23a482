// SPDX-License-Identifier: GPL-2.0-only

//! A pointer that is read without a lock and replaced now and then: the hot path's snapshot.

use super::srcu::{Srcu, Token};
use core::{
    mem::ManuallyDrop,
    ops::Deref,
    sync::atomic::{AtomicPtr, Ordering}, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex}, //
};

/// Values that were replaced and may still be read.
type Retired<T> = [Option<Arc<T>>; RETIRED_MAX];

/// How many replaced values may wait for their readers before [`Published::publish`] waits itself.
const RETIRED_MAX: usize = 8;

/// The published value: one atomic load to read, under a reader of its own SRCU domain.
///
/// # Invariants
///
/// `current` came from [`Arc::into_raw`] and carries one reference. A value that was current is
/// kept in `retired` until a wait that began after it was replaced has ended.
#[pin_data(PinnedDrop)]
pub(crate) struct Published<T: Send + Sync + 'static> {
    #[pin]
    srcu: Srcu,
    // The kernel's own atomics are calls when helpers are not inlined, and this load is in every
    // `map`. An acquire load is the same instruction in both memory models.
    current: AtomicPtr<T>,
    #[pin]
    retired: Mutex<Retired<T>>,
}

/// A reader of a [`Published`]: leaves when it drops, unless it is turned into a [`Token`].
pub(crate) struct Reader<'a, T: Send + Sync + 'static> {
    published: &'a Published<T>,
    token: ManuallyDrop<Token>,
    value: &'a T,
}

impl<T: Send + Sync + 'static> Published<T> {
    /// Publishes `first`.
    pub(crate) fn new(first: Arc<T>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            srcu <- Srcu::new(),
            // INVARIANT: the reference of `first` moves here.
            current: AtomicPtr::new(Arc::into_raw(first).cast_mut()),
            retired <- new_mutex!([const { None }; RETIRED_MAX], "Published::retired"),
        }? Error)
    }

    /// Enters as a reader and loads the value, which stays as it is and where it is until the
    /// reader leaves.
    ///
    /// # Context
    ///
    /// Any but NMI.
    #[inline]
    pub(crate) fn read(&self) -> Reader<'_, T> {
        let token = self.srcu.down();
        let value = self.current.load(Ordering::Acquire);
        Reader {
            published: self,
            token: ManuallyDrop::new(token),
            // SAFETY: by the type invariant the value is alive until a wait that begins after it
            // is replaced has ended, and such a wait ends after this reader left.
            value: unsafe { &*value },
        }
    }

    /// Ends a reader that became a token.
    ///
    /// # Context
    ///
    /// Any but NMI.
    #[inline]
    pub(crate) fn leave(&self, token: Token) {
        self.srcu.up(token);
    }

    /// Makes `new` what readers load from now on. The value before is kept until
    /// [`Published::wait`]; when too many are kept, this waits.
    ///
    /// # Context
    ///
    /// Process context, not inside a reader of this value.
    pub(crate) fn publish(&self, new: Arc<T>) {
        let mut retired = self.retired.lock();
        if retired.iter().all(Option::is_some) {
            self.srcu.synchronize_expedited();
            *retired = [const { None }; RETIRED_MAX];
        }
        let old = self
            .current
            .swap(Arc::into_raw(new).cast_mut(), Ordering::AcqRel);
        // INVARIANT: the reference of `new` moved in; that of the old value moves to `retired`.
        // SAFETY: by the type invariant it came from `into_raw` and carries a reference.
        let old = unsafe { Arc::from_raw(old) };
        if let Some(slot) = retired.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(old);
        }
    }

    /// Waits until every reader that entered before now has left, and drops what was replaced.
    ///
    /// # Context
    ///
    /// Process context, not inside a reader of this value.
    pub(crate) fn wait(&self) {
        // Under the lock: what is retired meanwhile belongs to the next wait.
        let mut retired = self.retired.lock();
        self.srcu.synchronize_expedited();
        *retired = [const { None }; RETIRED_MAX];
    }
}

#[pinned_drop]
impl<T: Send + Sync + 'static> PinnedDrop for Published<T> {
    fn drop(self: Pin<&mut Self>) {
        // Tokens do not borrow, so there may be readers yet.
        self.srcu.synchronize_expedited();
        let current = self.current.load(Ordering::Acquire);
        // SAFETY: by the type invariant it carries a reference, which nobody uses any more.
        drop(unsafe { Arc::from_raw(current) });
    }
}

impl<T: Send + Sync + 'static> Reader<'_, T> {
    /// Stays inside without borrowing: the token ends the reader, by [`Published::leave`].
    #[inline]
    pub(crate) fn into_token(self) -> Token {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped and not used again, so the token is taken once.
        unsafe { ManuallyDrop::take(&mut this.token) }
    }
}

impl<T: Send + Sync + 'static> Deref for Reader<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value
    }
}

impl<T: Send + Sync + 'static> Drop for Reader<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `into_token` keeps this from running, so the token is taken once.
        let token = unsafe { ManuallyDrop::take(&mut self.token) };
        self.published.srcu.up(token);
    }
}
