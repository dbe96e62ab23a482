// SPDX-License-Identifier: GPL-2.0-only

//! Events of a mapped device, raised by an object that outlives its tables.
//!
//! To send an event waits: device-mapper's own mutex is held by who sends another device's uevents, and
//! the mutex for uevents by who may wait for memory, and so for I/O to this very device. So a work item
//! sends them, on a workqueue of the system's, and nobody waits for that but the destructor of the last
//! table, when there is no I/O any more.

use crate::{
    bindings,
    kernel_ext::{
        noio::NoIo,
        workqueue::{Work, Worker}, //
    },
};
use core::{
    ptr,
    sync::atomic::{AtomicU32, Ordering}, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex}, //
};

/// Raises events through whichever table is attached; through none, nothing happens.
pub(crate) type EventSink = Worker<Events>;

/// What an [`EventSink`] sends.
///
/// # Invariants
///
/// `table` is null, or a table that is valid while the lock is held: the [`Attached`] that put it
/// there takes it out under the lock before the table goes. The mapped device of that table is
/// valid until the end of a run that began before then.
#[pin_data]
pub(crate) struct Events {
    #[pin]
    table: Mutex<TablePtr>,
    /// A bit for each kind that was raised and is not sent yet.
    raised: AtomicU32,
    kinds: &'static [&'static CStr],
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct TablePtr(*mut bindings::dm_table);

// SAFETY: it is used under the lock alone, by functions that may be called from any thread.
unsafe impl Send for TablePtr {}

impl EventSink {
    /// A sink without a table. What the uevent of each kind of event, at most 32, says besides is
    /// `KEY=value`.
    pub(crate) fn of(kinds: &'static [&'static CStr]) -> impl PinInit<Self, Error> {
        Worker::aside(pin_init!(Events {
            table <- new_mutex!(TablePtr(ptr::null_mut()), "EventSink::table"),
            raised: AtomicU32::new(0),
            kinds,
        }))
    }

    /// Wakes those who wait for an event of the mapped device, and sends a uevent of its disk, both
    /// soon. Events of one kind that come closer together than they can be sent are one.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn raise(&self, kind: usize) {
        self.raised
            .fetch_or(1u32.wrapping_shl(kind as u32), Ordering::Relaxed);
        self.kick();
    }
}

impl Work for Events {
    fn run(this: &Worker<Self>) {
        let raised = this.raised.swap(0, Ordering::Relaxed);
        for (kind, env) in this.kinds.iter().enumerate() {
            if raised & 1u32.wrapping_shl(kind as u32) != 0 {
                this.send(env);
            }
        }
    }
}

impl Events {
    fn send(&self, env: &CStr) {
        let table = self.table.lock();
        if table.0.is_null() {
            return;
        }
        // SAFETY: valid by the type invariant, as the lock is held.
        unsafe { bindings::dm_table_event(table.0) };
        // SAFETY: as above.
        let md = unsafe { bindings::dm_table_get_md(table.0) };
        // A resume takes the lock while I/O waits for it.
        drop(table);
        // SAFETY: by the type invariant the mapped device outlives this run.
        let kobj = unsafe { bindings::disk_kobj(md) };
        let _noio = NoIo::enter();
        let mut envp = [env.as_ptr().cast_mut().cast(), ptr::null_mut()];
        // A listener that misses the uevent still has the status line.
        //
        // SAFETY: the disk's kobject is alive as its mapped device is; `envp` ends with a null.
        let _ = unsafe {
            bindings::kobject_uevent_env(
                kobj,
                bindings::kobject_action_KOBJ_CHANGE,
                envp.as_mut_ptr(),
            )
        };
    }
}

/// A sink that is attached to a table, until this drops.
pub(super) struct Attached {
    sink: Arc<EventSink>,
    table: TablePtr,
}

impl Attached {
    /// # Safety
    ///
    /// `table` and its mapped device are valid until the result has dropped, which happens in the
    /// destructor of a target.
    pub(super) unsafe fn new(sink: Arc<EventSink>, table: *mut bindings::dm_table) -> Self {
        let table = TablePtr(table);
        // INVARIANT: by the safety requirements of this function; `drop` takes it out.
        *sink.table.lock() = table;
        Self { sink, table }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        {
            let mut table = self.sink.table.lock();
            if *table != self.table {
                // A newer table of the same mapped device has taken the place.
                return;
            }
            *table = TablePtr(ptr::null_mut());
        }
        // INVARIANT: nothing is sent any more when the mapped device goes.
        self.sink.cancel_sync();
    }
}
