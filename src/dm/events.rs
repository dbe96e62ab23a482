// SPDX-License-Identifier: GPL-2.0-only

//! Events of a mapped device, raised by an object that outlives its tables.

use crate::{
    bindings,
    kernel_ext::noio::NoIo, //
};
use core::ptr;
use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex}, //
};

/// Raises events through whichever table is attached; through none, nothing happens.
///
/// # Invariants
///
/// `table` is null, or a table that is valid while the lock is held: the [`Attached`] that put it
/// there takes it out under the lock before the table goes.
#[pin_data]
pub(crate) struct EventSink {
    #[pin]
    table: Mutex<TablePtr>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct TablePtr(*mut bindings::dm_table);

// SAFETY: it is used under the lock alone, by functions that may be called from any thread.
unsafe impl Send for TablePtr {}

impl EventSink {
    /// A sink without a table.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_mutex!(TablePtr(ptr::null_mut()), "EventSink::table"),
        })
    }

    /// Wakes those who wait for an event of the mapped device.
    ///
    /// # Context
    ///
    /// Process context.
    pub(crate) fn raise(&self) {
        let table = self.table.lock();
        if !table.0.is_null() {
            // SAFETY: valid by the type invariant, as the lock is held.
            unsafe { bindings::dm_table_event(table.0) };
        }
    }

    /// As [`EventSink::raise`], and sends a change uevent of the disk with `env`, which is
    /// `KEY=value`.
    ///
    /// # Context
    ///
    /// Process context, from the first resume on.
    pub(crate) fn raise_with(&self, env: &CStr) {
        let table = self.table.lock();
        if table.0.is_null() {
            return;
        }
        // SAFETY: valid by the type invariant, as the lock is held.
        unsafe { bindings::dm_table_event(table.0) };
        // SAFETY: as above.
        let md = unsafe { bindings::dm_table_get_md(table.0) };
        // SAFETY: the mapped device outlives its tables.
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
    /// `table` and its mapped device are valid until the result has dropped.
    pub(super) unsafe fn new(sink: Arc<EventSink>, table: *mut bindings::dm_table) -> Self {
        let table = TablePtr(table);
        // INVARIANT: by the safety requirements of this function; `drop` takes it out.
        *sink.table.lock() = table;
        Self { sink, table }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let mut table = self.sink.table.lock();
        // A newer table may have taken the place.
        if *table == self.table {
            *table = TablePtr(ptr::null_mut());
        }
    }
}
