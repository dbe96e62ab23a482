// SPDX-License-Identifier: GPL-2.0-only

//! The path of an I/O: `map` and `end_io`.
//!
//! A bio enters the volume's SRCU domain in `map`, before it looks at the map, and leaves it when its
//! device has completed it, or right after it was queued for the worker. What is queued never holds the
//! worker up; what is on its way to a device always does (docs/locking.md).

use dm_remap_core::{
    fault::{Fault, Op, Verdict},
    snapshot::{Route, Snapshot},
    units::Sector,
};

use crate::{
    dm::{
        bio::{BioOp, EndBio, EndIo, Map, MapBio},
        status::Status,
    },
    kernel_ext::{
        published::Reader,
        srcu::Token,
        workqueue::Worker, //
    },
    target::{
        table::Table,
        volume::{Volume, VolumeWorker},
        Remap,
    },
};

/// What travels with a bio.
#[derive(Default)]
pub(crate) struct PerBio {
    /// Inside the SRCU domain, until the device is done with it.
    reader: Option<Token>,
    /// What its end means besides, or meant.
    kind: Kind,
}

/// What the end of a bio means besides its status.
#[derive(Clone, Copy, Default)]
enum Kind {
    /// Nothing.
    #[default]
    Plain,
    /// The spare was read.
    SpareRead,
    /// Somebody wants to know whether main takes it.
    MainWrite,
    /// The spare holds data that a flush has to cover.
    SpareWrite,
    /// A flush of main.
    FlushMain,
    /// A flush of the spare, which covers the writes counted when it began.
    FlushSpare(u64),
    /// A device refused it.
    Failed,
}

impl PerBio {
    /// The worker sends the bio to a device again, to the spare if `spare`.
    pub(crate) fn reenter(&mut self, reader: Token, op: Op, spare: bool) {
        self.reader = Some(reader);
        self.kind = kind_of(op, spare);
    }

    /// A device refused the bio: it is narrowed, not sent again whole.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.kind, Kind::Failed)
    }
}

fn kind_of(op: Op, spare: bool) -> Kind {
    match (spare, op) {
        (true, Op::Write) => Kind::SpareWrite,
        (true, Op::Read) => Kind::SpareRead,
        (false, _) => Kind::Plain,
    }
}

/// The copy of an empty flush that goes to main; the other one goes to the spare.
const FLUSH_MAIN: u32 = 0;

/// How many copies of an empty flush there are.
pub(crate) const FLUSH_COPIES: u32 = 2;

/// What an error says, as far as errors are told apart.
pub(crate) fn fault_of(status: Status) -> Fault {
    match status {
        Status::MEDIUM => Fault::Medium,
        Status::IOERR => Fault::Io,
        Status::TARGET => Fault::Target,
        Status::NOTSUPP
        | Status::INVAL
        | Status::NOSPC
        | Status::AGAIN
        | Status::TIMEOUT
        | Status::TRANSPORT
        | Status::OFFLINE
        | Status::RESV_CONFLICT
        | Status::RESOURCE
        | Status::DEV_RESOURCE
        | Status::ZONE_OPEN_RESOURCE
        | Status::ZONE_ACTIVE_RESOURCE
        | Status::DURATION_LIMIT => Fault::Never,
        _ => Fault::Other,
    }
}

/// Whether the way to the device failed: a cable, a controller, a drive that does not answer.
fn is_the_ways(status: Status) -> bool {
    matches!(
        status,
        Status::TRANSPORT | Status::TIMEOUT | Status::OFFLINE
    )
}

/// A flush of main failed, a user's or our own: the next one is not to be believed, and why it failed may tell of the way.
///
/// # Context
///
/// Any.
#[inline(never)]
pub(crate) fn main_flush_failed(volume: &Worker<Volume>, status: Status) {
    volume.flush_failed();
    if is_the_ways(status) {
        volume.tell_way_failed();
    }
}

/// Reads and writes are what can be remapped, and zeros are written.
pub(crate) fn direction(op: BioOp) -> Option<Op> {
    match op {
        BioOp::Read => Some(Op::Read),
        BioOp::Write | BioOp::WriteZeroes => Some(Op::Write),
        _ => None,
    }
}

/// The target's `map`.
///
/// # Context
///
/// Any CPU, several at a time; may not sleep for a relocation, since earlier bios may sit on this
/// task's own list.
#[inline]
pub(crate) fn map<'a>(table: &Table, mut bio: MapBio<'a, Remap>) -> Map<'a> {
    let volume: &Worker<Volume> = table.volume();
    if bio.is_flush_or_fua() {
        if bio.is_flush() {
            return map_flush(table, bio);
        }
        if volume.take_fua_failure() {
            return fail(bio, Status::IOERR);
        }
    }
    let start = bio.sector();
    let reader = volume.map.read();
    if reader.misses(start, bio.len()) {
        bio.data_mut().reader = Some(reader.into_token());
        return bio.remap(table.main, volume.on_main(start));
    }
    map_special(table, bio, reader)
}

/// The way of a bio that may touch what is not on main.
///
/// # Context
///
/// As [`map`].
#[inline(never)]
fn map_special<'a>(
    table: &Table,
    mut bio: MapBio<'a, Remap>,
    reader: Reader<'_, Snapshot>,
) -> Map<'a> {
    let volume: &Worker<Volume> = table.volume();
    let start = bio.sector();
    let discard = bio.op() == BioOp::Discard;
    let op = match direction(bio.op()) {
        Some(op) => op,
        // It goes where reads find main's data; a spare block keeps what it holds.
        None if discard => Op::Read,
        None => return fail(bio, Status::NOTSUPP),
    };
    match reader.route(start, bio.len(), op) {
        Route::Main { len } => {
            if len < bio.len() && !bio.accept_partial(len) {
                return to_worker(volume, bio);
            }
            let data = bio.data_mut();
            if op == Op::Write && reader.watches() {
                data.kind = Kind::MainWrite;
            }
            data.reader = Some(reader.into_token());
            bio.remap(table.main, volume.on_main(start))
        }
        Route::Spare { block, offset, len } => {
            let Some(at) = volume.on_spare(block, offset) else {
                return fail(bio, Status::IOERR);
            };
            if volume.map_failed() {
                return fail(bio, Status::IOERR);
            }
            if len < bio.len() && !bio.accept_partial(len) {
                return to_worker(volume, bio);
            }
            if discard {
                return fail(bio, Status::OK);
            }
            bio.data_mut().reenter(reader.into_token(), op, true);
            bio.remap(table.spare, at)
        }
        Route::Lost { len } => {
            bio.accept_partial(len);
            let status = if volume.map_failed() {
                Status::IOERR
            } else if discard {
                Status::OK
            } else {
                Status::MEDIUM
            };
            fail(bio, status)
        }
        Route::Doubt { len } => {
            bio.accept_partial(len);
            fail(bio, Status::IOERR)
        }
        Route::Worker { len } => {
            bio.accept_partial(len);
            if bio.is_nowait() {
                return fail(bio, Status::AGAIN);
            }
            // Nobody waits for a read-ahead: it is never narrowed, nor recorded.
            if bio.is_rahead() && op == Op::Read {
                return fail(bio, Status::IOERR);
            }
            to_worker(volume, bio)
        }
    }
}

/// Completes what no device needs to see.
#[inline(never)]
fn fail(bio: MapBio<'_, Remap>, status: Status) -> Map<'_> {
    let (bio, map) = bio.defer();
    bio.complete(status);
    map
}

/// Queues a bio that the map of the moment has no direct way for. The caller is still inside the SRCU
/// domain, so that a worker that waits for it finds the bio in its queue.
fn to_worker<'a>(volume: &Worker<Volume>, bio: MapBio<'a, Remap>) -> Map<'a> {
    let (bio, map) = bio.defer();
    volume.enqueue(bio);
    map
}

/// A flush reaches main always, and the spare whenever it was written since its last flush.
fn map_flush<'a>(table: &Table, mut bio: MapBio<'a, Remap>) -> Map<'a> {
    let volume: &Worker<Volume> = table.volume();
    if bio.copy_number() == FLUSH_MAIN {
        if volume.take_flush_failure() {
            return fail(bio, Status::IOERR);
        }
        let data = bio.data_mut();
        data.kind = Kind::FlushMain;
        data.reader = Some(volume.map.read().into_token());
        return bio.remap(table.main, Sector(0));
    }
    let Some(covers) = volume.spare_unflushed() else {
        return fail(bio, Status::OK);
    };
    let data = bio.data_mut();
    data.kind = Kind::FlushSpare(covers);
    data.reader = Some(volume.map.read().into_token());
    bio.remap(table.spare, Sector(0))
}

/// The target's `end_io`: passes on what is not the medium's fault, queues the rest.
///
/// # Context
///
/// Any, hard interrupts included: submits and completes nothing.
#[inline]
pub(crate) fn end_io<'a>(table: &Table, mut bio: EndBio<'a, Remap>, status: Status) -> EndIo<'a> {
    let volume: &Worker<Volume> = table.volume();
    let data = bio.data_mut();
    let reader = data.reader.take();
    let kind = data.kind;
    if status.is_ok() && matches!(kind, Kind::Plain | Kind::SpareRead) {
        if let Some(reader) = reader {
            volume.map.leave(reader);
        }
        return bio.done(Status::OK);
    }
    let result = end_other(table, bio, status, kind);
    // Last: a bio that went into the queue is there when a wait for this reader ends.
    if let Some(reader) = reader {
        volume.map.leave(reader);
    }
    result
}

/// The end of what failed, of flushes, and of writes to the spare.
#[inline(never)]
fn end_other<'a>(
    table: &Table,
    mut bio: EndBio<'a, Remap>,
    status: Status,
    kind: Kind,
) -> EndIo<'a> {
    let volume: &Worker<Volume> = table.volume();
    match (kind, status.is_ok()) {
        (Kind::FlushMain, false) => {
            main_flush_failed(volume, status);
            return bio.done(status);
        }
        (Kind::FlushSpare(_), false) => {
            volume.flush_failed();
            return bio.done(status);
        }
        (Kind::FlushSpare(covers), true) => volume.spare_flushed(covers),
        (Kind::MainWrite, true) => volume.tell_main_took(),
        // Before the caller hears of it: a flush that it sends then has to reach the spare.
        (Kind::SpareWrite, true) => volume.note_spare_write(),
        _ => {}
    }
    if status.is_ok() {
        return bio.done(status);
    }
    let judged = match direction(bio.op()) {
        // What has no command for zeros can be written them.
        _ if bio.op() == BioOp::WriteZeroes && status == Status::NOTSUPP => Verdict::Medium,
        Some(op) if !bio.is_rahead() => table.policy().judge(op, fault_of(status)),
        _ => Verdict::PassUp,
    };
    if judged == Verdict::PassUp {
        let from_spare = matches!(kind, Kind::SpareRead | Kind::SpareWrite);
        if is_the_ways(status) && !from_spare {
            volume.tell_way_failed();
        }
        return bio.done(status);
    }
    bio.data_mut().kind = Kind::Failed;
    let (bio, result) = bio.defer();
    volume.enqueue(bio);
    result
}
