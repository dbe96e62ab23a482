// SPDX-License-Identifier: GPL-2.0-only

//! Events: a device-mapper event, a uevent, and a line in the log that says what to do.

use core::fmt;

use kernel::prelude::*;

use dm_remap_core::{
    engine::{Notice, State},
    health::map::Level,
    units::{Sector, SectorCount},
};

use crate::target::volume::Volume;

/// What the uevents say, at the index that [`kind`] gives.
pub(crate) const EVENTS: [&CStr; 9] = [
    c"DM_REMAP_EVENT=first_pending",
    c"DM_REMAP_EVENT=remapped_doubled",
    c"DM_REMAP_EVENT=low_water",
    c"DM_REMAP_EVENT=exhausted",
    c"DM_REMAP_EVENT=state",
    c"DM_REMAP_EVENT=degraded",
    c"DM_REMAP_EVENT=storm",
    c"DM_REMAP_EVENT=health",
    c"DM_REMAP_EVENT=scan_pass",
];

const HEALTH: usize = 7;
const SCAN_PASS: usize = 8;

fn kind(notice: Notice) -> usize {
    match notice {
        Notice::FirstPending => 0,
        Notice::RemappedDoubled => 1,
        Notice::LowWater => 2,
        Notice::Exhausted => 3,
        Notice::State(_) => 4,
        Notice::Degraded(_) | Notice::Unrecorded => 5,
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
    let counters = volume.summary().counters;
    let (severe, text) = match notice {
        Notice::FirstPending => (
            false,
            "a first block is pending, unreadable or marked: back up, see 'list pending'",
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
        Notice::Storm(true) => (
            true,
            "errors come from everywhere, or nothing works: nothing is remapped until that is over, check cable and controller",
        ),
        Notice::Storm(false) => (false, "I/O works again, and blocks are remapped again"),
        Notice::Degraded(_) => (
            true,
            "of the metadata cannot be written: the other one serves alone, check the spare device",
        ),
        Notice::Unrecorded => (
            true,
            "neither copy of the metadata can be written: nothing is remapped, check the spare device",
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

/// Tells of the level of the device, if it is another one than before.
///
/// # Context
///
/// Process context.
#[inline(never)]
pub(crate) fn level(volume: &Volume) {
    let (crossed, score) = {
        let mut keeper = volume.keeper.lock();
        (keeper.crossed(), keeper.health.score())
    };
    let Some(level) = crossed else { return };
    volume.events.raise(HEALTH);
    if volume.rare_limit.allow() {
        let text = match level {
            Level::Good => "it was quiet for long; what is pending stays so",
            Level::Warning => "back up, and watch it",
            Level::Danger => "it is likely to fail: replace the disk",
        };
        say(
            volume.name(),
            level == Level::Danger,
            format_args!("its health is {score} of 1000 now: {text}"),
        );
    }
}

/// Tells that a pass of the scanner is over.
///
/// # Context
///
/// Process context.
pub(crate) fn pass_done(volume: &Volume) {
    volume.events.raise(SCAN_PASS);
}

/// Tells that what the scanner wanted to read from `from` on is no part of this pass.
///
/// # Context
///
/// Process context.
#[inline(never)]
pub(crate) fn left_out(volume: &Volume, from: Sector, len: SectorCount) {
    if volume.often_limit.allow() {
        say(
            volume.name(),
            false,
            format_args!(
                "the scan leaves out {} sectors from {} on, for errors that are not the medium's",
                len.0, from.0
            ),
        );
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
