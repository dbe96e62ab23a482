// SPDX-License-Identifier: GPL-2.0-only

//! Events: a device-mapper event, and a line in the log that says what to do.
//!
//! No uevent: to send one waits for a lock under which others may wait for this very device.

use kernel::prelude::*;

use dm_remap_core::engine::{Notice, State};

use crate::target::volume::Volume;

/// Tells of `notice`.
///
/// # Context
///
/// Process context.
pub(crate) fn tell(volume: &Volume, notice: Notice) {
    volume.events.raise();
    if !volume.log_limit.allow() {
        return;
    }
    let name = volume.name();
    let counters = volume.summary().counters;
    let copy_name = match notice {
        Notice::Degraded(0) => "A",
        _ => "B",
    };
    match notice {
        Notice::FirstPending => pr_warn!(
            "{}: a first block cannot be read: back up, and see 'list pending'\n",
            name
        ),
        Notice::RemappedDoubled => pr_warn!(
            "{}: {} blocks are remapped: the disk is getting worse, plan its replacement\n",
            name,
            counters.remapped
        ),
        Notice::LowWater => pr_warn!(
            "{}: {} of {} spare blocks are left: replace the disk soon\n",
            name,
            counters.spare_free,
            counters.spare_total
        ),
        Notice::Exhausted => pr_err!(
            "{}: no spare block is left: writes to bad sectors fail from now on, replace the disk\n",
            name
        ),
        Notice::State(State::Rw) => pr_notice!("{}: the map may change again\n", name),
        Notice::State(State::Ro) => pr_err!(
            "{}: the map cannot change any more: its metadata could not be written, check the spare device\n",
            name
        ),
        Notice::State(State::Fail) => pr_err!(
            "{}: the map is not known to be right: I/O to remapped blocks fails, check the spare device\n",
            name
        ),
        Notice::Degraded(_) => pr_err!(
            "{}: copy {} of the metadata cannot be written: the other one serves alone, check the spare device\n",
            name,
            copy_name
        ),
    }
}
