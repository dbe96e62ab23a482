// SPDX-License-Identifier: GPL-2.0-only

//! The engine: what happens to a request that failed, as data.
//!
//! A state machine that does no I/O. A driver, one worker for each device, hands it a batch of jobs and
//! carries out one action after another until it is idle:
//!
//! ```text
//! event = Start
//! loop { action = engine.next(now_ms, event); if Idle { break } event = carry_out(action) }
//! ```
//!
//! A failing write goes through these steps; the order of the second half is what keeps data whole
//! (`docs/locking.md` has the proof):
//!
//! gather → try alone → (probe → try again) → hold its block, wait → salvage → merge → write the spare → flush →
//! open the session → (compact) → commit → publish → settle: complete.

mod action;
mod bits;
mod changes;
mod commit;
mod found;
mod grow;
mod journal;
mod narrow;
mod pending;
mod piece;
mod relocate;
mod replace;
mod retest;
mod round;
mod stats;
mod step;
mod storm;
mod trace;
mod verbs;
mod weak;

pub use action::{
    Action, Config, Event, Failure, Found, Job, JobId, JobKind, Notice, Side, State, Status,
    MAX_JOBS,
};
pub use stats::{Count, Stats};
pub use storm::StormLimits;

use crate::{
    fault::{ErrorPolicy, PendingWrites},
    layout::{Layout, MetaBuf},
    log::{self, Writer},
    map::{Cursor, Map},
    mem::{Buf, NoMemory, Shared},
    record::Record,
    snapshot::Snapshot,
    units::{Block, BlockSize},
};
use bits::Bits;
use changes::Change;
use commit::Prepared;
use piece::Piece;
use relocate::{Move, Moving};
use step::{Degraded, Step};
use storm::Storm;

/// Sectors of a metadata block.
const META_SECTORS: u32 = 8;

/// There is no room for one more. Of a job also: its name is taken, or the engine is not idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A job in the batch.
struct Slot {
    job: Job,
    /// Its sectors below this one are dealt with, as far as narrowing goes.
    done: u32,
    /// When its first piece was tried.
    started: Option<u64>,
    /// Its first error.
    result: Result<(), Failure>,
    /// The moves that must succeed for it to succeed.
    needs: u32,
    /// It waits for a commit of this round's changes.
    changes: bool,
    /// Of a message: blocks that could not be done as asked.
    stayed: u32,
}

/// The machine. What it holds for the length of a batch is allocated once, here.
///
/// # Invariants
///
/// `map` is what is durable and acknowledged. The first `doubts_sure` of `doubts` are in doubt for good.
/// `prepared` is `Some` only from [`Step::Prepare`] to the end of the commit that it belongs to, and the
/// map does not change in between.
pub struct Engine {
    map: Map,
    writer: Writer,
    block: BlockSize,
    config: Config,
    state: State,
    needs_check: bool,
    step: Step,
    /// The step's action is under way.
    waiting: bool,
    now: u64,
    closing: bool,
    jobs: Buf<Slot>,
    piece: Piece,
    /// The blocks that move in this round, at most 32: a bit each in [`Slot::needs`].
    moves: Buf<Move>,
    /// The one that moves now.
    moving: Moving,
    cover: Bits,
    unread: Bits,
    /// When the first change of the round was found.
    round_since: u64,
    /// The sectors whose state changed without a move: marks, and fills of spare blocks.
    changes: Buf<Change>,
    /// The records of the next commit, and the log units that they take.
    records: Buf<Record>,
    units: u64,
    /// Something on the spare is not flushed yet.
    spare_dirty: bool,
    /// Blocks in doubt: the first `doubts_sure` for good, the others if the commit under way fails.
    doubts: Buf<Block>,
    doubts_sure: usize,
    holds: Buf<Block>,
    prepared: Option<Prepared>,
    meta: MetaBuf,
    /// The places of the metadata block that were written so far, a bit each.
    written: u32,
    /// Which of them is the first place of the round under way.
    first: u32,
    /// Another round follows it.
    second_round: bool,
    /// The log block that is on its way.
    slot: Option<log::Slot>,
    /// How far the compaction is.
    cursor: Cursor,
    publish: Option<Shared<Snapshot>>,
    /// What to publish when a round comes to nothing: the map as it is, nothing held.
    unheld: Option<Shared<Snapshot>>,
    notices: Buf<Notice>,
    stats: Stats,
    storm: Storm,
    /// What was published last asks for word of writes that succeed.
    readers_watch: bool,
    /// The block of the piece is held.
    guarded: bool,
    /// What the last try has shown, until somebody asks.
    found: Option<Found>,
    /// No spare block was left when one was last asked for, and that was told.
    exhausted: bool,
    /// No superblock could be written when a session was last to begin, and that was told.
    unrecorded: bool,
}

impl Engine {
    /// The machine for a map as [`open::load`](crate::open) found it, with the state that this left. It takes
    /// no job before it has [reserved](Self::reserve) its memory.
    pub fn new(map: Map, writer: Writer, config: Config, state: State) -> Engine {
        let block = writer.layout().block_size();
        let needs_check = writer.superblock().needs_check;
        Engine {
            needs_check,
            map,
            writer,
            block,
            config,
            state: match state {
                State::Rw if needs_check => State::Ro,
                state => state,
            },
            step: Step::Idle,
            waiting: false,
            now: 0,
            closing: false,
            jobs: Buf::new(),
            piece: Piece::NONE,
            moves: Buf::new(),
            moving: Moving::NONE,
            cover: Bits::default(),
            unread: Bits::default(),
            round_since: 0,
            changes: Buf::new(),
            records: Buf::new(),
            units: 0,
            spare_dirty: false,
            doubts: Buf::new(),
            doubts_sure: 0,
            holds: Buf::new(),
            prepared: None,
            meta: MetaBuf::default(),
            written: 0,
            first: 0,
            second_round: false,
            slot: None,
            cursor: Cursor::new(),
            publish: None,
            unheld: None,
            notices: Buf::new(),
            stats: Stats::default(),
            storm: Storm::new(config.storm),
            readers_watch: false,
            guarded: false,
            found: None,
            exhausted: false,
            unrecorded: false,
        }
    }

    /// Takes the memory for the largest batch: once, and apart from [`new`](Self::new), so that the machine
    /// can be made where it stays.
    ///
    /// # Context
    ///
    /// Process context: allocates.
    pub fn reserve(&mut self) -> Result<(), NoMemory> {
        self.cover = Bits::new(self.block.chunks())?;
        self.unread = Bits::new(self.block.chunks())?;
        self.meta = MetaBuf::try_new()?;
        self.storm.reserve()?;
        self.jobs.try_reserve(MAX_JOBS)?;
        self.reserve_round()?;
        self.notices.try_reserve(Self::NOTICES)
    }

    const NOTICES: usize = 16;

    /// Takes the administrator's new wishes. Only while idle.
    pub fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// Takes over what may change while the device runs. Only while idle.
    pub fn set_wishes(&mut self, policy: ErrorPolicy, pending: PendingWrites, auto_remap: bool) {
        self.config.policy = policy;
        self.config.pending_writes = pending;
        self.config.auto_remap = auto_remap;
    }

    /// Adds a job to the batch: only before [`Event::Start`], in the order in which they came.
    pub fn submit(&mut self, job: Job) -> Result<(), Full> {
        let taken = self.jobs.as_slice().iter().any(|s| s.job.id == job.id);
        let ready = matches!(self.step, Step::Idle | Step::Replaced);
        if !ready || taken || self.jobs.as_slice().len() >= MAX_JOBS {
            return Err(Full);
        }
        let slot = Slot {
            job,
            done: 0,
            started: None,
            result: Ok(()),
            needs: 0,
            changes: false,
            stayed: 0,
        };
        self.jobs.push_within(slot).map_err(|_| Full)
    }

    /// Asks for a clean end of the session: the next run writes it. Only while idle and without jobs.
    /// The session opens again by itself when the map has to change.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// The snapshot that an [`Action::Publish`] is about. It was made in advance: publishing it needs no
    /// memory.
    pub fn take_snapshot(&mut self) -> Option<Shared<Snapshot>> {
        let snapshot = self.publish.take();
        if let Some(snapshot) = &snapshot {
            self.readers_watch = snapshot.watches();
        }
        snapshot
    }

    /// What readers are to see, while idle: for the first time that one is published.
    ///
    /// # Context
    ///
    /// Process context: allocates.
    pub fn snapshot(&self) -> Result<Shared<Snapshot>, NoMemory> {
        self.snapshot_of(&[], self.doubts_for_good())
    }

    /// The 4,096 bytes that an [`Action::Meta`] is about.
    pub fn meta_block(&self) -> &[u8] {
        self.meta.get().map_or(&[], |block| block.as_slice())
    }

    /// How long the driver's scratch has to be: a block, and behind it room for a read elsewhere, or for
    /// what is read back of the block.
    pub fn scratch_sectors(&self) -> u32 {
        let block = self.block.sectors();
        block.saturating_add(block.max(META_SECTORS))
    }

    /// Where everything lies in the spare area.
    pub fn layout(&self) -> &Shared<Layout> {
        self.writer.layout()
    }

    /// The map, as far as it is durable.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// How things stand.
    pub fn status(&self) -> Status {
        Status {
            state: self.state,
            needs_check: self.needs_check,
            storm: self.storm.is_on(),
            generation: self.writer.generation(),
            degraded: match self.unrecorded {
                true => 0b11,
                false => self.writer.degraded(),
            },
        }
    }

    /// Takes what came of the last action and gives the next one.
    ///
    /// `now` is in milliseconds of any clock that does not go back.
    ///
    /// # Context
    ///
    /// Process context: allocates, before what must not fail has begun.
    pub fn next(&mut self, now: u64, event: Event) -> Action {
        self.now = now;
        if self.waiting {
            if let Some(action) = self.next_round(event) {
                return action;
            }
            self.waiting = false;
            self.land(event);
        } else if self.step == Step::Idle {
            self.step = if self.closing && self.jobs.as_slice().is_empty() {
                Step::Close
            } else {
                Step::Select
            };
        }
        loop {
            if let Some(notice) = self.notices.remove(0) {
                return Action::Notice(notice);
            }
            if let Some(action) = self.go() {
                return action;
            }
        }
    }

    /// The step under way has ended with `event`.
    fn land(&mut self, event: Event) {
        let result = match event {
            Event::Failed(failure) => Err(failure),
            Event::Start | Event::Ok => Ok(()),
            Event::Meta { .. } => Ok(()),
        };
        match self.step {
            Step::Guard => self.step = Step::Gather,
            Step::Gather => self.gathered(result),
            Step::Prove(stage) => self.proved(stage, result),
            Step::Watch => self.step = Step::Select,
            Step::Try => self.tried(result),
            Step::Scatter => self.scattered(result),
            Step::Fill => self.filled(result),
            Step::Probe(n) => self.probed(n, result),
            Step::Hold => self.step = Step::Pick,
            Step::Salvage => self.salvaged(result),
            Step::Merge => self.merged(result),
            Step::Spare => self.spare_written(result),
            Step::SpareProbe(n) => self.spare_probed(n, result),
            Step::Back(stage) => self.went_back(stage, result),
            Step::Reread => self.reread(result),
            Step::Flush => self.flushed(result),
            Step::Open => self.opened(self.written),
            Step::Compact => self.compacted(self.written),
            Step::Commit => self.committed(self.written),
            Step::Degrade(what, copy) => self.degraded(what, copy, self.written),
            Step::Doubt => self.doubted(self.written),
            Step::Publish => self.published(),
            Step::Replaced => self.step = Step::Select,
            Step::Close => self.closed(self.written),
            // Steps without an action of their own, and `Settle`, whose actions need no answer.
            Step::Idle | Step::Select | Step::Pick | Step::Prepare | Step::Settle => {}
        }
    }

    /// Nothing is under way: goes on, up to the next action.
    fn go(&mut self) -> Option<Action> {
        let action = match self.step {
            Step::Idle => return Some(Action::Idle),
            Step::Select => self.select(),
            Step::Guard => self.guard(),
            Step::Gather => self.gather(),
            Step::Prove(stage) => self.prove(stage),
            Step::Watch => self.watch(),
            Step::Try => self.attempt(),
            Step::Scatter => self.scatter(),
            Step::Fill => self.fill(),
            Step::Probe(n) => self.probe(n),
            Step::Hold => self.hold(),
            Step::Pick => self.pick(),
            Step::Salvage => self.salvage(),
            Step::Merge => self.merge(),
            Step::Spare => self.write_spare(),
            Step::SpareProbe(n) => self.probe_spare(n),
            Step::Back(stage) => self.go_back(stage),
            Step::Reread => self.read_pending(),
            Step::Flush => self.flush(),
            Step::Prepare => self.prepare(),
            Step::Open => self.open(),
            Step::Compact => self.compact(),
            Step::Commit => self.commit(),
            Step::Degrade(what, copy) => self.degrade(what, copy),
            Step::Doubt => self.doubt(),
            Step::Publish => self.publish(),
            Step::Settle => self.settle(),
            Step::Replaced => Some(Action::Publish { wait: true }),
            Step::Close => self.close_session(),
        };
        self.waiting = action.is_some();
        action
    }
}
