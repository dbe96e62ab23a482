// SPDX-License-Identifier: GPL-2.0-only

//! Events of a mapped device, raised by an object that outlives its tables.

use crate::bindings;
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
