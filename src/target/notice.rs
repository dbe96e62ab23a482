// SPDX-License-Identifier: GPL-2.0-only

//! Events: a device-mapper event, and a line in the log that says what to do.
//!
//! No uevent: to send one waits for a lock under which others may wait for this very device.

use core::fmt;

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
    let counters = volume.summary().counters;
    let (severe, text) = match notice {
        Notice::FirstPending => (
            false,
            "a first block cannot be read: back up, and see 'list pending'",
        ),
        Notice::RemappedDoubled => (
            false,
            "blocks are remapped: the disk is getting worse, plan its replacement",
        ),
        Notice::LowWater => (false, "spare blocks are left: replace the disk soon"),
        Notice::Exhausted => (
            true,
            "no spare block is left: writes to bad sectors fail from now on, replace the disk",
        ),
        Notice::State(State::Rw) => (false, "the map may change again"),
        Notice::State(State::Ro) => (
            true,
            "the map cannot change any more: its metadata could not be written, check the spare device",
        ),
        Notice::State(State::Fail) => (
            true,
            "the map is not known to be right: I/O to remapped blocks fails, check the spare device",
        ),
        Notice::Degraded(_) => (
            true,
            "of the metadata cannot be written: the other one serves alone, check the spare device",
        ),
    };
    let say = |what: fmt::Arguments<'_>| say(volume.name(), severe, what);
    match notice {
        Notice::RemappedDoubled => say(format_args!("{} {text}", counters.remapped)),
        Notice::LowWater => say(format_args!(
            "{} of {} {text}",
            counters.spare_free, counters.spare_total
        )),
        Notice::Degraded(0) => say(format_args!("copy A {text}")),
        Notice::Degraded(_) => say(format_args!("copy B {text}")),
        _ => say(format_args!("{text}")),
    }
}

/// A line in the log that names the device.
#[inline(never)]
pub(crate) fn say(name: &CStr, severe: bool, what: fmt::Arguments<'_>) {
    if severe {
        pr_err!("{}: {}\n", name, what);
    } else {
        pr_warn!("{}: {}\n", name, what);
    }
}
