// SPDX-License-Identifier: GPL-2.0-only

//! Events: a device-mapper event, a uevent, and a line in the log that says what to do.

use kernel::prelude::*;

use dm_remap_core::engine::{Notice, State};

use crate::target::volume::Volume;

/// What the uevents say, at the index that [`kind`] gives.
pub(crate) const EVENTS: [&CStr; 7] = [
    c"DM_REMAP_EVENT=first_pending",
    c"DM_REMAP_EVENT=remapped_doubled",
    c"DM_REMAP_EVENT=low_water",
    c"DM_REMAP_EVENT=exhausted",
    c"DM_REMAP_EVENT=state",
    c"DM_REMAP_EVENT=degraded",
    c"DM_REMAP_EVENT=storm",
];

fn kind(notice: Notice) -> usize {
    match notice {
        Notice::FirstPending => 0,
        Notice::RemappedDoubled => 1,
        Notice::LowWater => 2,
        Notice::Exhausted => 3,
        Notice::State(_) => 4,
        Notice::Degraded(_) => 5,
        Notice::Storm(_) => 6,
    }
}

/// Tells of `notice`.
///
/// # Context
///
/// Process context.
pub(crate) fn tell(volume: &Volume, notice: Notice) {
    volume.events.raise(kind(notice));
    // What failing I/O may repeat does not use up the lines of what is rare.
    let limit = match notice {
        Notice::FirstPending | Notice::Exhausted => &volume.often_limit,
        _ => &volume.rare_limit,
    };
    if !limit.allow() {
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
        Notice::Storm(true) => pr_err!(
            "{}: errors come from everywhere, or nothing works: nothing is remapped until that is over, check cable and controller\n",
            name
        ),
        Notice::Storm(false) => pr_notice!("{}: I/O works again, and blocks are remapped again\n", name),
        Notice::Degraded(_) => pr_err!(
            "{}: copy {} of the metadata cannot be written: the other one serves alone, check the spare device\n",
            name,
            copy_name
        ),
    }
}
