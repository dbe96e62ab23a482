// SPDX-License-Identifier: GPL-2.0-only

//! From a spare area to a volume that serves: whose it is, what it says, and a new one where nothing is.

use kernel::prelude::*;

use dm_remap_core::{
    engine::{Config, Engine, State},
    format::{self, FormatError, Params},
    identity::{Identities, Identity},
    layout::{Layout, LayoutError},
    open::{self, Examined, Expect, Formatted, OpenError, Opened},
    units::{BlockSize, SectorCount, SECTOR_BYTES},
};

use crate::{
    dm::{
        device::{DeviceInfo, UniqueIdKind},
        status::Status,
    },
    kernel_ext::{clock, workqueue::Worker},
    target::{area::SpareArea, shape::Shape, table::Wishes, volume::Volume},
};

/// How long one request may be tried, unless said otherwise.
const TIME_LIMIT_MS: u64 = 60_000;

/// Low water: fewer free spare blocks than one in this many.
const LOW_WATER_SHARE: u32 = 10;

/// What tells a device from others.
pub(crate) fn identities(info: &DeviceInfo) -> Identities {
    let mut all = Identities::default();
    all.add(Identity::size(info.sectors()));
    for (kind, detail) in [
        (UniqueIdKind::T10, 1),
        (UniqueIdKind::Eui64, 2),
        (UniqueIdKind::Naa, 3),
    ] {
        if let Some(id) = info.unique_id(kind) {
            all.add(Identity::disk(detail, id.as_bytes()));
        }
    }
    if let Some(uuid) = info.part_uuid() {
        all.add(Identity::partition(uuid.as_bytes()));
    }
    all
}

/// What the table line and the devices say of the area.
pub(crate) fn expectation(
    main: &DeviceInfo,
    spare: &DeviceInfo,
    shape: &Shape,
    block: Option<BlockSize>,
) -> Expect {
    Expect {
        main: identities(main),
        spare: identities(spare),
        main_start: shape.main_start,
        main_len: shape.len,
        spare_start: shape.spare_start,
        spare_len: shape.spare_len,
        block,
        writable: shape.writable,
    }
}

/// How an area would be divided if it were formatted now.
pub(crate) fn plan(shape: &Shape, main: &DeviceInfo) -> Result<Layout, LayoutError> {
    let logical = u64::from(main.logical_block()) / SECTOR_BYTES as u64;
    Layout::plan(shape.spare_len, shape.block, SectorCount(logical))
}

/// What the engine is told.
fn config(
    shape: &Shape,
    wishes: &Wishes,
    main: &DeviceInfo,
    spare: &DeviceInfo,
    spares: u32,
) -> Config {
    let physical = |info: &DeviceInfo| info.physical_block() / SECTOR_BYTES as u32;
    let main_physical = physical(main).max(1);
    Config {
        policy: wishes.policy,
        auto_remap: wishes.auto_remap,
        main_physical,
        // A power of two, so its edges are told by a mask.
        main_phase: (shape.main_start.0 as u32) & main_physical.wrapping_sub(1),
        spare_physical: physical(spare).max(1),
        target_len: shape.len,
        time_limit_ms: TIME_LIMIT_MS,
        low_water: spares.div_ceil(LOW_WATER_SHARE),
        medium_code: Status::MEDIUM.code(),
        io_code: Status::IOERR.code(),
    }
}

/// Brings a volume up for a table: loads its area, formats one that is blank, or, if the volume is live,
/// only takes over the table's features.
///
/// # Context
///
/// Process context, in a no-IO scope, before the first I/O of this table.
pub(crate) fn bring_up(volume: &Worker<Volume>, wishes: &Wishes) -> Result<(), Failure> {
    let (main, spare) = (volume.main.info(), volume.spare.info());
    let shape = volume.shape();
    let mut core = volume.core.lock();
    if let Some(layout) = volume.layout() {
        let config = config(shape, wishes, &main, &spare, layout.spare_count());
        core.reconfigure(config)?;
        return Ok(());
    }
    let mut area = SpareArea::new(&volume.spare, shape.spare_start)?;
    let expect = expectation(&main, &spare, shape, Some(shape.block));
    let plan = plan(shape, &main).ok();
    let formatted = match open::examine(&mut area, shape.spare_len, plan.as_ref())? {
        Examined::Formatted(formatted) => formatted,
        Examined::Blank => format_area(volume, &mut area, &expect, plan)?,
    };
    let uuid = formatted.superblock.uuid;
    let opened = open::load(&mut area, &formatted, &expect)?;
    let report = opened.report;
    let state = if report.read_only || report.needs_check {
        State::Ro
    } else {
        State::Rw
    };
    let layout = opened.writer.layout().clone();
    let config = config(shape, wishes, &main, &spare, layout.spare_count());
    let engine = boxed_engine(opened, config, state)?;
    let snapshot = engine.snapshot().map_err(|_| ENOMEM)?;
    core.start(engine, uuid)?;
    volume.map.publish(snapshot.into());
    volume.set_layout(layout);
    core.report(volume);
    let counters = volume.summary().counters;
    pr_info!(
        "{}: {} of {} spare blocks in use, generation {}{}{}\n",
        volume.name(),
        counters.remapped,
        counters.spare_total,
        report.generation,
        if report.clean {
            ""
        } else {
            ", not closed in order"
        },
        if report.moved {
            ", the spare has moved"
        } else {
            ""
        }
    );
    if report.repaired > 0 {
        pr_warn!(
            "{}: {} blocks of the log were written again from their other copy\n",
            volume.name(),
            report.repaired
        );
    }
    Ok(())
}

/// Formats a blank area, and reads what was written.
#[inline(never)]
fn format_area(
    volume: &Volume,
    area: &mut SpareArea<'_>,
    expect: &Expect,
    plan: Option<Layout>,
) -> Result<Formatted, Failure> {
    let layout = plan.ok_or(Failure::Errno(EINVAL))?;
    if !expect.writable {
        return Err(Failure::Open(OpenError::Unwritable));
    }
    let shape = volume.shape();
    pr_info!("{}: formatting the spare area\n", volume.name());
    let params = Params {
        uuid: clock::new_uuid(),
        main: expect.main,
        spare: expect.spare,
        main_start: shape.main_start,
        main_len: shape.len,
        spare_start: shape.spare_start,
        created: clock::real_seconds(),
        layout,
    };
    format::format(area, params)?;
    match open::examine(area, shape.spare_len, None)? {
        Examined::Formatted(formatted) => Ok(formatted),
        Examined::Blank => Err(Failure::Open(OpenError::Unreadable)),
    }
}

/// The engine for an area that was opened. Alone, so that what it takes of the stack is given back.
#[inline(never)]
fn boxed_engine(opened: Opened, config: Config, state: State) -> Result<KBox<Engine>> {
    let engine = Engine::new(opened.map, opened.writer, config, state).map_err(|_| ENOMEM)?;
    Ok(KBox::new(engine, GFP_KERNEL)?)
}

/// Why a volume does not come up.
pub(crate) enum Failure {
    /// The area is not what it should be.
    Open(OpenError),
    /// There is no room for what an area holds.
    Layout(LayoutError),
    /// The new area could not be written.
    Format(FormatError),
    /// Something of the kernel's.
    Errno(Error),
}

impl Failure {
    /// One line for the table.
    pub(crate) fn text(&self) -> &'static CStr {
        match self {
            Failure::Open(why) => why.text(),
            Failure::Layout(why) => why.text(),
            Failure::Format(why) => why.text(),
            Failure::Errno(_) => c"not enough memory for the volume",
        }
    }

    /// The number for the caller.
    pub(crate) fn errno(&self) -> Error {
        match self {
            Failure::Open(OpenError::NoMemory) => ENOMEM,
            Failure::Open(OpenError::Unreadable | OpenError::LogUnreadable { .. }) => EIO,
            Failure::Format(FormatError::NoMemory) => ENOMEM,
            Failure::Format(FormatError::Write(_)) => EIO,
            Failure::Open(_) | Failure::Layout(_) => EINVAL,
            Failure::Errno(errno) => *errno,
        }
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Failure::Open(why) => write!(f, "{why}"),
            Failure::Layout(why) => write!(f, "{why}"),
            Failure::Format(why) => write!(f, "{why}"),
            Failure::Errno(_) => f.write_str("not enough memory for the volume"),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(why: OpenError) -> Failure {
        Failure::Open(why)
    }
}

impl From<LayoutError> for Failure {
    fn from(why: LayoutError) -> Failure {
        Failure::Layout(why)
    }
}

impl From<FormatError> for Failure {
    fn from(why: FormatError) -> Failure {
        Failure::Format(why)
    }
}

impl From<Error> for Failure {
    fn from(errno: Error) -> Failure {
        Failure::Errno(errno)
    }
}
