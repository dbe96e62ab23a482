// SPDX-License-Identifier: GPL-2.0-only

//! From a spare area to a volume that serves: whose it is, what it says, and a new one where nothing is.

use kernel::prelude::*;

use dm_remap_core::{
    engine::{Config, Engine, State, StormLimits},
    format::{self, FormatError, Params},
    identity::{Identities, Identity},
    layout::{Layout, LayoutError},
    open::{self, Examined, Expect, Formatted, OpenError, Opened, Report},
    units::{BlockSize, Sector, SectorCount, SECTOR_BYTES},
};

use crate::{
    dm::{
        device::{DeviceInfo, UniqueIdKind},
        status::Status,
    },
    kernel_ext::{clock, memory::Boxed, workqueue::Worker},
    target::{area::SpareArea, history, notice, shape::Shape, table::Table, volume::Volume},
};

/// How long one request may be tried, unless said otherwise.
const TIME_LIMIT_MS: u64 = 60_000;

/// Low water: fewer free spare blocks than one in this many.
const LOW_WATER_SHARE: u32 = 10;

/// What tells a device from others.
pub(crate) fn identities(info: &DeviceInfo) -> Identities {
    let mut all = Identities::default();
    all.add(Identity::size(info.sectors()));
    if let Some(uuid) = info.uuid() {
        all.add(match info.is_mapped() {
            true => Identity::mapped(uuid),
            false => Identity::partition(uuid),
        });
    }
    if info.is_mapped() {
        // The disk's identity is that of everything on it, and what is mapped may move to another one.
        return all;
    }
    for (kind, detail) in [
        (UniqueIdKind::T10, 1),
        (UniqueIdKind::Eui64, 2),
        (UniqueIdKind::Naa, 3),
    ] {
        if let Some(id) = info.unique_id(kind) {
            all.add(Identity::disk(detail, id.as_bytes()));
        }
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
pub(crate) fn plan(
    shape: &Shape,
    main: &DeviceInfo,
    spare: &DeviceInfo,
) -> Result<Layout, LayoutError> {
    let logical = u64::from(main.logical_block()) / SECTOR_BYTES as u64;
    let (size, past) = physical(spare, shape.spare_start);
    let room = Layout::room(size, past);
    Layout::plan(shape.spare_len, shape.block, SectorCount(logical), room)
}

/// The size of a physical block of a device in sectors, and how far sector `at` lies past an edge of one.
#[inline(never)]
fn physical(info: &DeviceInfo, at: Sector) -> (u32, u32) {
    let size = (info.physical_block() / SECTOR_BYTES as u32).max(1);
    // Edges of physical blocks are the disk's, wherever that or a partition begins.
    let past = (at.0 as u32).wrapping_sub(info.physical_edge());
    // A power of two, so its edges are told by a mask.
    (size, past & size.wrapping_sub(1))
}

/// What the engine is told.
#[inline(never)]
fn config(volume: &Volume, table: &Table, spares: u32) -> Config {
    let (shape, wishes) = (table.shape(), table.wishes());
    let (main_physical, main_phase) = physical(&volume.main.info(), shape.main_start);
    let (spare_physical, spare_phase) = physical(&volume.spare.info(), shape.spare_start);
    Config {
        policy: wishes.policy,
        auto_remap: wishes.auto_remap,
        pending_writes: wishes.pending_writes,
        storm: StormLimits::default(),
        main_physical,
        main_phase,
        spare_physical,
        spare_phase,
        target_len: shape.len,
        time_limit_ms: TIME_LIMIT_MS,
        low_water: spares.div_ceil(LOW_WATER_SHARE),
        medium_code: Status::MEDIUM.code(),
        io_code: Status::IOERR.code(),
    }
}

/// Brings a volume up for a table: loads its area, formats one that is blank, or, if the volume is live,
/// only takes over the table's length and features.
///
/// The steps have frames of their own: a superblock, an open area and an engine by value are more than
/// the kernel's stack should hold at once.
///
/// # Context
///
/// Process context, in a no-IO scope, before the first I/O of this table.
pub(crate) fn bring_up(table: &Table) -> Result<(), Failure> {
    let lease = table.lease();
    let volume: &Worker<Volume> = lease;
    volume.set_wishes(table.wishes());
    if let Some(layout) = volume.layout() {
        let len = table.shape().len;
        let mut core = volume.core.lock();
        if core.is_shorter(len) {
            core.grow(&*expected(volume, table.shape())?)?;
            lease.grew(len);
            history::measure(volume, layout, len);
            pr_info!("{}: it has grown to {} sectors\n", volume.name(), len.0);
        }
        core.reconfigure(config(volume, table, layout.spare_count()))?;
        return Ok(());
    }
    let expect = expected(volume, table.shape())?;
    let mut area = SpareArea::new(&volume.spare, volume.shape().spare_start)?;
    let formatted = survey(volume, &mut area, &expect)?;
    if !lease.claim(formatted.superblock.uuid) {
        return Err(Failure::InUse);
    }
    let opened = load(&mut area, &formatted, &expect)?;
    let (uuid, report) = (formatted.superblock.uuid, opened.report);
    serve(volume, table, opened, uuid)?;
    if let Some(layout) = volume.layout() {
        history::measure(volume, layout, table.shape().len);
        history::load(volume, layout, &mut area, &uuid, &expect.main);
    }
    tell(volume, &report);
    Ok(())
}

/// Reads the metadata of a volume at work anew, repairs what is bad in one copy, and makes durable what it
/// says: the map may change then. `generation` is the last one that was acknowledged.
///
/// # Context
///
/// The worker, between two batches, in a no-IO scope: bios that wait for the worker wait for the memory that
/// this needs, so only because somebody asked for it.
#[inline(never)]
pub(crate) fn resolve(
    volume: &Volume,
    shape: &Shape,
    generation: u64,
) -> Result<Boxed<Option<Opened>>, Failure> {
    let expect = expected(volume, shape)?;
    let mut area = SpareArea::new(&volume.spare, shape.spare_start)?;
    // Once a session has begun, nothing may fail for want of memory.
    let mut opened = Boxed::new(None, GFP_KERNEL).map_err(Error::from)?;
    open::resolve(&mut area, &expect, generation, &mut opened)?;
    Ok(opened)
}

#[inline(never)]
fn expected(volume: &Volume, shape: &Shape) -> Result<Boxed<Expect>> {
    let (main, spare) = (volume.main.info(), volume.spare.info());
    let expect = expectation(&main, &spare, shape, Some(shape.block));
    Ok(Boxed::new(expect, GFP_KERNEL)?)
}

/// Finds the format of an area, or makes one where nothing is.
#[inline(never)]
fn survey(
    volume: &Volume,
    area: &mut SpareArea<'_>,
    expect: &Expect,
) -> Result<Boxed<Formatted>, Failure> {
    let len = volume.shape().spare_len;
    let plan = plan(volume.shape(), &volume.main.info(), &volume.spare.info());
    let formatted = match open::examine(area, len, plan.as_ref().ok())? {
        Examined::Formatted(formatted) => formatted,
        Examined::Blank => {
            format_area(volume, area, expect, plan?)?;
            match open::examine(area, len, None)? {
                Examined::Formatted(formatted) => formatted,
                Examined::Blank => return Err(Failure::Open(OpenError::Unreadable)),
            }
        }
    };
    Ok(Boxed::new(formatted, GFP_KERNEL).map_err(Error::from)?)
}

/// Formats a blank area.
#[inline(never)]
fn format_area(
    volume: &Volume,
    area: &mut SpareArea<'_>,
    expect: &Expect,
    layout: Layout,
) -> Result<(), Failure> {
    if !expect.writable {
        return Err(Failure::Blank);
    }
    pr_info!("{}: formatting the spare area\n", volume.name());
    let params = Params {
        uuid: clock::new_uuid(),
        main: expect.main,
        spare: expect.spare,
        main_start: expect.main_start,
        main_len: expect.main_len,
        spare_start: expect.spare_start,
        created: clock::real_seconds(),
        layout,
    };
    format::format(area, params)?;
    Ok(())
}

#[inline(never)]
fn load(
    area: &mut SpareArea<'_>,
    formatted: &Formatted,
    expect: &Expect,
) -> Result<Boxed<Opened>, Failure> {
    let opened = open::load(area, formatted, expect)?;
    Ok(Boxed::new(opened, GFP_KERNEL).map_err(Error::from)?)
}

/// From here on the engine decides, and every I/O sees the map.
#[inline(never)]
fn serve(
    volume: &Volume,
    table: &Table,
    opened: Boxed<Opened>,
    uuid: [u8; 16],
) -> Result<(), Failure> {
    let state = if opened.report.read_only || opened.report.needs_check {
        State::Ro
    } else {
        State::Rw
    };
    let layout = opened.writer.layout().clone();
    let config = config(volume, table, layout.spare_count());
    let engine = boxed_engine(opened, config, state)?;
    let snapshot = engine.snapshot().map_err(|_| ENOMEM)?;
    if engine.map().counters().remapped > 0 {
        // A session before may have written to the spare without a flush, and the spare may hold that
        // in its cache yet: the first flush has to reach it.
        volume.note_spare_write();
    }
    let mut core = volume.core.lock();
    core.start(engine, uuid)?;
    volume.map.publish(snapshot.into());
    volume.set_layout(layout);
    core.report(volume);
    Ok(())
}

#[inline(never)]
fn boxed_engine(opened: Boxed<Opened>, config: Config, state: State) -> Result<Boxed<Engine>> {
    let opened = Boxed::into_inner(opened);
    let engine = Engine::new(opened.map, opened.writer, config, state);
    let mut engine = Boxed::new(engine, GFP_KERNEL)?;
    engine.reserve().map_err(|_| ENOMEM)?;
    Ok(engine)
}

/// Says in the log what was found.
fn tell(volume: &Volume, report: &Report) {
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
        notice::say(
            volume.name(),
            false,
            format_args!(
                "{} blocks of the log were written again from their other copy: check the spare device",
                report.repaired
            ),
        );
    }
}

/// Why a volume does not come up.
pub(crate) enum Failure {
    /// The area is not what it should be.
    Open(OpenError),
    /// There is no room for what an area holds.
    Layout(LayoutError),
    /// The new area could not be written.
    Format(FormatError),
    /// There is nothing yet, and nothing may be written.
    Blank,
    /// Another volume has the area, reached another way.
    InUse,
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
            Failure::Blank => {
                c"spare area is blank: it is formatted when the device is made writable"
            }
            Failure::InUse => c"spare area is in use by another remap device",
            Failure::Errno(_) => c"not enough memory for the volume",
        }
    }

    /// Says in the log why device `name` is not served, and what can be done about it.
    #[inline(never)]
    pub(crate) fn tell(&self, name: &CStr, spare: &str, shape: &Shape) {
        notice::say(name, true, format_args!("{self}"));
        if let Failure::Open(OpenError::Foreign(_)) = self {
            let bytes = |sectors: u64| sectors.wrapping_mul(SECTOR_BYTES as u64);
            notice::say(
                name,
                true,
                format_args!(
                    "zeroing it destroys the map if there is one; if there never was (a first format that \
                     was cut off leaves this): blkdiscard -z -o {} -l {} /dev/{spare}",
                    bytes(shape.spare_start.0),
                    bytes(shape.spare_len.0),
                ),
            );
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
            Failure::Blank => EROFS,
            Failure::InUse => EBUSY,
            Failure::Errno(errno) => *errno,
        }
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Failure::Open(why) => why.fmt(f),
            Failure::Layout(why) => why.fmt(f),
            Failure::Format(why) => why.fmt(f),
            _ => f.write_str(self.text().to_str().unwrap_or_default()),
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
