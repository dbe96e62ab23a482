// SPDX-License-Identifier: GPL-2.0-only

//! An object with a thread of its own: an ordered workqueue with a rescuer, and one work item that
//! lives inside the object. Or with the work item alone, which a thread of the system's runs.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::bindings;
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    container_of,
    ffi,
    prelude::*,
    types::Opaque, //
};

/// What a [`Worker`] runs.
pub(crate) trait Work: Send + Sync + Sized + 'static {
    /// One run. Runs of one worker never overlap; a kick during a run makes another one follow.
    ///
    /// # Context
    ///
    /// Process context. Unless the worker was made [aside](Worker::aside), in a thread that memory
    /// reclaim may depend on.
    fn run(this: &Worker<Self>);
}

/// An ordered workqueue with a rescuer, for work that memory reclaim may wait for.
///
/// # Invariants
///
/// The pointer is a live workqueue that this value owns.
struct OwnedQueue(NonNull<bindings::workqueue_struct>);

impl OwnedQueue {
    fn new(name: &CStr) -> Result<Self> {
        // SAFETY: the name is a C string; it is copied.
        let queue = unsafe { bindings::alloc_ordered(name.as_ptr().cast()) };
        // INVARIANT: it was just made, and nobody else has it.
        NonNull::new(queue).map(Self).ok_or(ENOMEM)
    }
}

impl Drop for OwnedQueue {
    fn drop(&mut self) {
        // SAFETY: by the type invariant it is alive and owned; it drains what is queued.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}

// SAFETY: workqueue functions may be called from any thread.
unsafe impl Send for OwnedQueue {}
// SAFETY: as above.
unsafe impl Sync for OwnedQueue {}

/// A `T` and the thread that works for it. Kicks may come from any context.
///
/// The work item holds no reference: dropping the worker cancels what is pending and waits for
/// what runs, before `T` drops. So it must not be dropped by its own [`Work::run`], which would
/// wait for itself.
///
/// # Invariants
///
/// `work` is initialised with [`Worker::callback`] of this type, is pinned, and is only ever queued
/// on `queue`, or on the system's unbound one if there is none.
#[pin_data(PinnedDrop)]
pub(crate) struct Worker<T> {
    // Drops before what the work uses: nothing is queued any more then, see `PinnedDrop`.
    queue: Option<OwnedQueue>,
    #[pin]
    work: Opaque<bindings::delayed_work>,
    #[pin]
    inner: T,
}

// SAFETY: the work item is handled by workqueue functions alone, which may run anywhere.
unsafe impl<T: Send> Send for Worker<T> {}
// SAFETY: as above; `T` is shared as it is.
unsafe impl<T: Sync> Sync for Worker<T> {}

impl<T: Work> Worker<T> {
    /// Makes a worker around `inner`. The name is the thread's: it starts with the module's name
    /// and ends with what tells devices apart.
    pub(crate) fn new<'a, E>(
        name: &'a CStr,
        inner: impl PinInit<T, E> + 'a,
    ) -> impl PinInit<Self, Error> + 'a
    where
        E: 'a,
        Error: From<E>,
    {
        Self::with(move || OwnedQueue::new(name).map(Some), inner)
    }

    /// Makes a worker around `inner` that has no thread of its own, for work that no I/O and no
    /// reclaim waits for.
    pub(crate) fn aside<E>(inner: impl PinInit<T, E>) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        Self::with(|| Ok(None), inner)
    }

    fn with<E>(
        queue: impl FnOnce() -> Result<Option<OwnedQueue>>,
        inner: impl PinInit<T, E>,
    ) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        try_pin_init!(Self {
            queue: queue()?,
            // INVARIANT: initialised here with this type's callback; structurally pinned.
            work <- Opaque::ffi_init(|work| {
                // SAFETY: `work` is valid for writes and stays where it is.
                unsafe {
                    bindings::init_delayed_work(work, Some(Self::callback))
                }
            }),
            inner <- inner,
        }? Error)
    }

    /// Makes a run follow, at once.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn kick(&self) {
        self.kick_in(0);
    }

    /// Makes a run follow in `ms` milliseconds, instead of what was pending.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn kick_after(&self, ms: u32) {
        // SAFETY: it only computes.
        self.kick_in(unsafe { bindings::__msecs_to_jiffies(ms) });
    }

    /// Makes a run follow in `ms` milliseconds, unless one is pending that may come later: so no kick is lost.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn kick_within(&self, ms: u32) {
        // SAFETY: as in `kick_in`; `__msecs_to_jiffies` only computes.
        unsafe {
            bindings::queue_delayed_work_on(
                bindings::wq_misc_consts_WORK_CPU_UNBOUND as ffi::c_int,
                self.queue(),
                self.work.get(),
                bindings::__msecs_to_jiffies(ms),
            )
        };
    }

    fn queue(&self) -> *mut bindings::workqueue_struct {
        match &self.queue {
            Some(queue) => queue.0.as_ptr(),
            // SAFETY: it is set before there are modules, and stays.
            None => unsafe { bindings::system_dfl_wq },
        }
    }

    #[inline(never)]
    fn kick_in(&self, jiffies: ffi::c_ulong) {
        let queue = self.queue();
        // SAFETY: queue and work are alive and initialised by the type invariant, and stay so
        // until the drop has cancelled the work.
        unsafe {
            bindings::mod_delayed_work_on(
                bindings::wq_misc_consts_WORK_CPU_UNBOUND as ffi::c_int,
                queue,
                self.work.get(),
                jiffies,
            )
        };
    }

    /// Runs what is pending now, a delayed run too, and waits for it and for what runs.
    ///
    /// # Context
    ///
    /// Process context, not in this worker's run or another's.
    pub(crate) fn flush(&self) {
        // SAFETY: the work is initialised by the type invariant.
        unsafe { bindings::flush_delayed_work(self.work.get()) };
    }

    /// Takes back what is pending and waits for what runs.
    ///
    /// # Context
    ///
    /// Process context, not in this worker's run or another's.
    pub(crate) fn cancel_sync(&self) {
        // SAFETY: the work is initialised by the type invariant.
        unsafe { bindings::cancel_delayed_work_sync(self.work.get()) };
    }

    /// # Safety
    ///
    /// Called by the workqueue for the work item of a live `Worker<T>`.
    unsafe extern "C" fn callback(work: *mut bindings::work_struct) {
        // SAFETY: the work item is the `work` field of a delayed work.
        let work = unsafe { container_of!(work, bindings::delayed_work, work) };
        let work = Opaque::cast_from(work);
        // SAFETY: by the safety requirements of this function it is the field of a worker.
        let this = unsafe { container_of!(work, Self, work) };
        // SAFETY: the worker is alive: its drop waits for this function.
        T::run(unsafe { &*this });
    }
}

#[pinned_drop]
impl<T> PinnedDrop for Worker<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: the work is initialised by the type invariant. Nobody can queue it again: a
        // kick needs a reference to what is being dropped.
        unsafe { bindings::cancel_delayed_work_sync(self.work.get()) };
    }
}

impl<T> Deref for Worker<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}
