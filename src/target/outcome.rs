// SPDX-License-Identifier: GPL-2.0-only

//! What the worker tells the engine of its own I/O.

use dm_remap_core::{
    engine::{Event, Failure, Side},
    units::Sector,
};

use crate::{
    dm::{device::BlockDevice, status::Status},
    target::{path::fault_of, volume::Volume},
};

/// The device, and the sector of it, that the engine means.
pub(super) fn place(volume: &Volume, side: Side, at: Sector) -> (&BlockDevice, Sector) {
    match side {
        Side::Main => (&volume.main, volume.on_main(at)),
        Side::Spare => (&volume.spare, volume.in_area(at)),
    }
}

/// How our own I/O ended.
pub(super) fn outcome(status: Status) -> Event {
    if status.is_ok() {
        Event::Ok
    } else {
        Event::Failed(failure(status))
    }
}

/// What a status says.
fn failure(status: Status) -> Failure {
    Failure {
        fault: fault_of(status),
        code: status.code(),
    }
}

/// A copy that found no data is a bug of ours: the request fails, and nothing is written.
pub(super) fn done(copied: bool) -> Event {
    if copied {
        Event::Ok
    } else {
        Event::Failed(failure(Status::IOERR))
    }
}
