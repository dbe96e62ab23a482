// SPDX-License-Identifier: GPL-2.0-only

//! What goes into the engine and what comes out of it: jobs, events, actions, notices.

use crate::{
    engine::storm::StormLimits,
    fault::{ErrorPolicy, Fault, Op, PendingWrites},
    health::What,
    layout::Places,
    units::{Sector, SectorCount},
};

/// How many jobs one batch may hold.
pub const MAX_JOBS: usize = 32;

/// Names a job within its batch: below [`MAX_JOBS`], chosen by the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobId(pub u8);

/// One request that the fast path could not finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name in this batch.
    pub id: JobId,
    /// Its direction; of meaning for [`JobKind::Io`] alone.
    pub op: Op,
    /// Its first sector, relative to the target's first.
    pub start: Sector,
    /// Its length in sectors. What lies beyond the target's end is an error.
    pub len: u32,
    /// It asked for `REQ_FUA`: durable before it completes.
    pub fua: bool,
    /// What is to be done.
    pub kind: JobKind,
}

/// What a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// A bio that failed, or that was deferred because its block is held or its sectors need a change
    /// of the map: it is carried out whole, piece by piece.
    Io,
    /// The message `remap`: the blocks that this range touches move to spare blocks, with the data
    /// that can be read of them. Blocks that have moved already are left as they are.
    Relocate,
    /// The message `evacuate`: the same, of blocks that can be read whole; others stay.
    Evacuate,
    /// The message `retest`: blocks that are wholly on the spare move back to main, if main takes their
    /// data and gives it back. Pending sectors of others are read, and no longer pending if that works.
    Retest,
    /// The message `mark`: the physical blocks that this range touches become pending.
    Mark,
    /// The message `unmark`: they are no longer pending.
    Unmark,
    /// The scanner: what lives in this range is read as of [`JobKind::Io`], for nobody. What is read at the first
    /// try is no longer pending.
    Scan,
}

impl JobKind {
    /// It is carried out piece by piece, each physical block alone.
    pub(super) const fn is_narrowed(self) -> bool {
        matches!(self, JobKind::Io | JobKind::Scan)
    }
}

/// What the try of a physical block alone has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// On which device.
    pub side: Side,
    /// The first sector, relative to the target's first, also if it lives on the spare.
    pub at: Sector,
    /// What.
    pub what: What,
    /// Of an error: how many sectors were not known to be bad.
    pub sectors: u32,
}

/// How an I/O failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What dm-remap makes of it.
    pub fault: Fault,
    /// The block layer's status as it came, to be passed up. The engine never looks at it.
    pub code: u8,
}

/// What happened since the last call of [`next`](super::Engine::next).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing: there may be new jobs. The answer to [`Action::Idle`].
    Start,
    /// The last action was carried out.
    Ok,
    /// The last action failed.
    Failed(Failure),
    /// The last action, [`Action::Meta`], has ended: a bit for each place that was written, the
    /// first place in the lowest bit.
    Meta {
        /// The places that were written.
        ok: u32,
    },
}

/// A device, and what sectors are relative to on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Main: relative to the target's first sector (`main_start`).
    Main,
    /// The spare: relative to the first sector of the spare area (`spare_start`).
    Spare,
}

/// What the driver is asked to do: exactly one thing, whose end is the next [`Event`].
///
/// "Scratch" is one buffer of the driver's, [`scratch_sectors`](super::Engine::scratch_sectors) long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read alone, as an own request that is never merged, into scratch.
    Read {
        /// The device.
        side: Side,
        /// The first sector.
        at: Sector,
        /// Sectors.
        len: u32,
        /// Where in scratch, in sectors.
        offset: u32,
    },
    /// Write alone, as an own request that is never merged, from scratch.
    Write {
        /// The device.
        side: Side,
        /// The first sector.
        at: Sector,
        /// Sectors.
        len: u32,
        /// Where in scratch, in sectors.
        offset: u32,
        /// With `REQ_FUA`.
        fua: bool,
    },
    /// Copy `len` sectors of the data of a writing job, from its sector `from` on, into scratch.
    Gather {
        /// The job.
        job: JobId,
        /// From which of its sectors.
        from: u32,
        /// Sectors.
        len: u32,
        /// Where in scratch, in sectors.
        offset: u32,
    },
    /// Copy `len` sectors from scratch to a reading job's pages, to its sector `from` and on.
    Scatter {
        /// The job.
        job: JobId,
        /// To which of its sectors.
        from: u32,
        /// Sectors.
        len: u32,
        /// Where in scratch, in sectors.
        offset: u32,
    },
    /// Compare `len` sectors of scratch from `offset` on with those from `with` on: if they differ, the
    /// event is [`Event::Failed`].
    Compare {
        /// Where in scratch, in sectors.
        offset: u32,
        /// Where else, in sectors.
        with: u32,
        /// Sectors.
        len: u32,
    },
    /// Flush the device's write cache.
    Flush {
        /// The device.
        side: Side,
    },
    /// Write [`meta_block`](super::Engine::meta_block) to each place at once, with `REQ_FUA`, and wait
    /// for all of them. Its event is [`Event::Meta`].
    Meta {
        /// Where.
        places: Places,
    },
    /// Publish what [`take_snapshot`](super::Engine::take_snapshot) gives.
    Publish {
        /// Wait until every I/O that an earlier snapshot routed has completed, or was handed to the
        /// worker. Those handed over wait for the next batch.
        wait: bool,
    },
    /// Complete a job; its name is free after this.
    Complete {
        /// The job.
        job: JobId,
        /// Its result.
        result: Result<(), Failure>,
        /// Of a message: how many of the blocks that it touches could not be done as asked.
        stayed: u32,
    },
    /// Tell the administrator.
    Notice(Notice),
    /// Nothing is left to do. All jobs are completed, nothing is held.
    Idle,
}

/// What is worth a device-mapper event and a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A first block became pending.
    FirstPending,
    /// The number of remapped blocks reached another power of two.
    RemappedDoubled,
    /// Fewer free spare blocks are left than [`Config::low_water`].
    LowWater,
    /// A block had to move and no spare block was left.
    Exhausted,
    /// The state is another one.
    State(State),
    /// Errors come from everywhere, or nothing works: nothing moves by itself any more. Or that is over.
    Storm(bool),
    /// This copy of the metadata cannot be written any more: 0 is A, 1 is B.
    Degraded(u8),
    /// No change can be put on record, for no superblock can be written. Each change tries again.
    Unrecorded,
}

/// What may be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// All.
    #[default]
    Rw,
    /// Nothing of the map: what needs no change goes on.
    Ro,
    /// The map is not known to be right: all I/O to remapped blocks fails.
    Fail,
}

/// What the engine is told about the devices and the administrator's wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The feature `error_policy`.
    pub policy: ErrorPolicy,
    /// False with the feature `no_auto_remap`: a failing write is an error, and nothing moves by itself.
    pub auto_remap: bool,
    /// The feature `pending_writes`.
    pub pending_writes: PendingWrites,
    /// From where on errors are a storm. What it is when the engine is made stays.
    pub storm: StormLimits,
    /// Main's physical block size in sectors, a power of two.
    pub main_physical: u32,
    /// How far the target's first sector lies past an edge of a physical block of main, in sectors.
    pub main_phase: u32,
    /// The spare's physical block size in sectors, a power of two.
    pub spare_physical: u32,
    /// How far the spare area's first sector lies past an edge of a physical block of the spare, in
    /// sectors. Spare blocks are aligned to the area, which need not be aligned to anything.
    pub spare_phase: u32,
    /// The target's length; its last block may be partial.
    pub target_len: SectorCount,
    /// How long one request, and one block's move, may go on trying, in milliseconds.
    pub time_limit_ms: u64,
    /// Fewer free spare blocks than this are worth a notice.
    pub low_water: u32,
    /// The status of errors for lost sectors: `BLK_STS_MEDIUM`.
    pub medium_code: u8,
    /// The status of other errors of the engine's own: `BLK_STS_IOERR`.
    pub io_code: u8,
}

/// How things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What may be changed.
    pub state: State,
    /// The metadata has to be checked before the map may change again.
    pub needs_check: bool,
    /// There is a storm: nothing moves by itself, and errors are passed up.
    pub storm: bool,
    /// The generation of the last acknowledged change.
    pub generation: u64,
    /// A bit for each copy of the metadata that is degraded, copy A in the lowest.
    pub degraded: u8,
}
