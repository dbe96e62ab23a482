// SPDX-License-Identifier: GPL-2.0-only

//! The engine with two simulated disks under it, and a fast path beside it: what the kernel's side does,
//! in the order in which it does it, one step at a time.

#![allow(dead_code)]

#[path = "area.rs"]
mod area;
#[path = "asked.rs"]
mod asked;
#[path = "disk.rs"]
pub mod disk;
#[path = "film.rs"]
pub mod film;
#[path = "flight.rs"]
mod flight;
#[path = "rng.rs"]
pub mod rng;
#[path = "rules.rs"]
pub mod rules;
#[path = "twin.rs"]
pub mod twin;
#[path = "worker.rs"]
mod worker;

use std::collections::VecDeque;

use dm_remap_core::{
    engine::{
        Action, Config, Engine, Event, Failure, Found, JobKind, Notice, Side, State, StormLimits,
        MAX_JOBS,
    },
    fault::{ErrorPolicy, Op, PendingWrites},
    mem::Shared,
    snapshot::{Route, Snapshot},
    units::{Block, Sector, SectorCount, SECTOR_BYTES},
};

use disk::{Disk, IOERR, MEDIUM};
use twin::Twin;

/// What a disk pair and a target look like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub block: u64,
    pub len: u64,
    pub spare_len: u64,
    pub main_physical: u32,
    pub spare_physical: u32,
    /// How far the first sector of each lies past an edge of a physical block.
    pub main_phase: u32,
    pub spare_phase: u32,
    pub policy: ErrorPolicy,
    pub auto_remap: bool,
    pub pending_writes: PendingWrites,
    pub storm: StormLimits,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape {
            block: 8,
            len: 512,
            spare_len: 4096,
            main_physical: 8,
            spare_physical: 8,
            main_phase: 0,
            spare_phase: 0,
            policy: ErrorPolicy::Confirm,
            auto_remap: true,
            pending_writes: PendingWrites::default(),
            storm: StormLimits::default(),
        }
    }
}

/// A request of a user.
pub struct Request {
    pub ticket: usize,
    pub op: Op,
    pub start: u64,
    pub len: u32,
    pub fua: bool,
    pub kind: JobKind,
    /// Where it begins in its ticket's data, in sectors.
    pub from: u32,
}

/// What a user sees of his request.
pub struct Ticket {
    pub op: Op,
    pub start: u64,
    pub data: Vec<u8>,
    pub fua: bool,
    pub result: Result<(), Failure>,
    /// Of a message: blocks that could not be done as asked.
    pub stayed: u32,
    /// Parts on their way.
    pub open: u32,
    /// What the twin knew of the sectors when a read began.
    pub known: Vec<usize>,
    pub checked: bool,
}

/// A part of a request that the fast path has sent off and that has not ended.
struct Flying {
    request: Request,
    side: Side,
    at: u64,
    /// If it succeeds, the engine wants to know.
    watched: bool,
}

pub struct Lab {
    pub shape: Shape,
    pub engine: Engine,
    pub main: Disk,
    pub spare: Disk,
    pub snapshot: Shared<Snapshot>,
    pub twin: Twin,
    pub tickets: Vec<Ticket>,
    pub queue: VecDeque<Request>,
    pub actions: Vec<Action>,
    pub notices: Vec<Notice>,
    /// What the engine has found of the devices.
    pub found: Vec<Found>,
    pub now: u64,
    /// What each read and write of the engine costs, in milliseconds.
    pub cost: u64,
    /// No block of the log can be written; superblocks can.
    pub fail_log: bool,
    /// The last log block that could not be written, and where it would have been.
    pub unwritten: Option<(Vec<u64>, Vec<u8>)>,
    /// The data of jobs is not found.
    pub lose_data: bool,
    /// Ranges of main that some plan ever made unreadable.
    pub faulty: Vec<std::ops::Range<u64>>,
    /// A watched write to main succeeded.
    main_took: bool,
    batch: Vec<Option<Request>>,
    flying: Vec<Flying>,
    scratch: Vec<u8>,
    event: Event,
}

/// What the engine is told.
fn config(shape: &Shape) -> Config {
    Config {
        policy: shape.policy,
        auto_remap: shape.auto_remap,
        pending_writes: shape.pending_writes,
        storm: shape.storm,
        main_physical: shape.main_physical,
        main_phase: shape.main_phase,
        spare_physical: shape.spare_physical,
        spare_phase: shape.spare_phase,
        target_len: SectorCount(shape.len),
        time_limit_ms: 60_000,
        low_water: 4,
        medium_code: MEDIUM.code,
        io_code: IOERR.code,
    }
}

impl Lab {
    /// Blank disks, formatted.
    pub fn new(shape: Shape) -> Lab {
        let mut main = Disk::new(shape.len, u64::from(shape.main_physical));
        let mut spare = Disk::new(shape.spare_len, u64::from(shape.spare_physical));
        main.phase = u64::from(shape.main_phase);
        spare.phase = u64::from(shape.spare_phase);
        let twin = Twin::new(shape.len);
        for at in 0..shape.len {
            main.put(at, &twin::cell(at, 0), true);
        }
        area::format(&mut spare, &shape);
        Lab::load(shape, main, spare, twin).expect("a fresh area loads")
    }

    /// What a start of the machine does.
    pub fn load(
        shape: Shape,
        main: Disk,
        mut spare: Disk,
        twin: Twin,
    ) -> Result<Lab, dm_remap_core::open::OpenError> {
        let (map, writer, state) = area::load(&mut spare, &shape)?;
        let mut engine = Engine::new(map, writer, config(&shape), state);
        engine.reserve().expect("granted");
        let snapshot = engine.snapshot().expect("granted");
        let scratch = vec![0; engine.scratch_sectors() as usize * SECTOR_BYTES];
        Ok(Lab {
            shape,
            engine,
            main,
            spare,
            snapshot,
            twin,
            tickets: Vec::new(),
            queue: VecDeque::new(),
            actions: Vec::new(),
            notices: Vec::new(),
            found: Vec::new(),
            now: 0,
            cost: 0,
            fail_log: false,
            unwritten: None,
            lose_data: false,
            faulty: Vec::new(),
            main_took: false,
            batch: (0..MAX_JOBS).map(|_| None).collect(),
            flying: Vec::new(),
            scratch,
            event: Event::Start,
        })
    }

    /// A start that finds the map not known to be right.
    pub fn mistrusted(mut self) -> Lab {
        let (map, writer, _) = area::load(&mut self.spare, &self.shape).expect("it loads");
        self.engine = Engine::new(map, writer, config(&self.shape), State::Fail);
        self.engine.reserve().expect("granted");
        self
    }

    /// A reload with other features.
    pub fn reload(&mut self, shape: Shape) {
        self.shape = shape;
        self.engine.set_config(config(&shape));
    }

    /// The power is cut and comes back: what was under way is gone, what was not flushed perhaps.
    pub fn cut(self, mut rng: Option<&mut rng::Rng>) -> Lab {
        let (mut main, mut spare, mut twin) = (self.main, self.spare, self.twin);
        main.cut(rng.as_deref_mut());
        spare.cut(rng);
        twin.cut();
        main.dead = None;
        spare.dead = None;
        let lab = Lab::load(self.shape, main, spare, twin);
        let mut lab = lab.expect("what a power cut leaves loads");
        lab.faulty = self.faulty;
        lab
    }

    pub(crate) fn disk(&mut self, side: Side) -> &mut Disk {
        match side {
            Side::Main => &mut self.main,
            Side::Spare => &mut self.spare,
        }
    }

    /// Begins a write of fresh values; gives its ticket.
    pub fn write(&mut self, start: u64, len: u32, fua: bool) -> usize {
        let data = self.twin.begin_write(start, len);
        self.begin(Op::Write, start, len, fua, data)
    }

    /// Begins a read; gives its ticket.
    pub fn read(&mut self, start: u64, len: u32) -> usize {
        let data = vec![0; len as usize * SECTOR_BYTES];
        self.begin(Op::Read, start, len, false, data)
    }

    fn begin(&mut self, op: Op, start: u64, len: u32, fua: bool, data: Vec<u8>) -> usize {
        let ticket = self.ticket(op, start, fua, data);
        self.tickets[ticket].known = self.twin.known(start, len);
        let mut from = 0;
        while from < len {
            let part = |len: SectorCount| Request {
                ticket,
                op,
                start: start + u64::from(from),
                len: len.0 as u32,
                fua,
                kind: JobKind::Io,
                from,
            };
            let at = start + u64::from(from);
            let left = SectorCount(u64::from(len - from));
            let used = match self.snapshot.route(Sector(at), left, op) {
                Route::Main { len } => self.fly(part(len), Side::Main, at),
                Route::Spare { block, offset, len } => {
                    let layout = self.engine_layout();
                    let first = layout.spare_sector(block).expect("a spare block");
                    self.fly(part(len), Side::Spare, first.0 + u64::from(offset))
                }
                Route::Worker { len } => {
                    self.tickets[ticket].open += 1;
                    self.queue.push_back(part(len));
                    len.0 as u32
                }
                Route::Lost { len } => {
                    self.tickets[ticket].result = Err(MEDIUM);
                    len.0 as u32
                }
                Route::Doubt { len } => {
                    self.tickets[ticket].result = Err(IOERR);
                    len.0 as u32
                }
            };
            assert!(used > 0, "a part of no length");
            from += used;
        }
        self.end(ticket);
        ticket
    }

    pub(crate) fn ticket(&mut self, op: Op, start: u64, fua: bool, data: Vec<u8>) -> usize {
        self.tickets.push(Ticket {
            op,
            start,
            data,
            fua,
            result: Ok(()),
            stayed: 0,
            open: 0,
            known: Vec::new(),
            checked: false,
        });
        self.tickets.len() - 1
    }

    /// A write that comes to the worker as one job, whatever its blocks are.
    pub fn write_as_one_job(&mut self, start: u64, len: u32) -> usize {
        let data = self.twin.begin_write(start, len);
        let ticket = self.ticket(Op::Write, start, false, data);
        self.tickets[ticket].open = 1;
        self.queue.push_back(Request {
            ticket,
            op: Op::Write,
            start,
            len,
            fua: false,
            kind: JobKind::Io,
            from: 0,
        });
        ticket
    }

    /// Where the first blocks of the log's copies were written last.
    pub fn log_places(&self) -> Vec<u64> {
        let metas = self.actions.iter().filter_map(|a| match a {
            Action::Meta { places } => Some(places.as_slice().iter().map(|s| s.0).collect()),
            _ => None,
        });
        metas.last().expect("something was committed")
    }

    fn engine_layout(&self) -> &dm_remap_core::layout::Layout {
        self.engine.layout()
    }

    /// FLUSH, as the target does it: both disks.
    pub fn flush(&mut self) {
        if self.main.flush().is_ok() && self.spare.flush().is_ok() {
            self.twin.flushed();
        }
    }

    /// Works until nothing is left to do, the fast path included.
    pub fn settle(&mut self) {
        loop {
            self.land_all();
            if self.step() == Action::Idle && self.queue.is_empty() && self.flying.is_empty() {
                return;
            }
        }
    }

    /// A write from beginning to end.
    pub fn write_now(&mut self, start: u64, len: u32) -> Result<(), Failure> {
        let ticket = self.write(start, len, false);
        self.settle();
        self.result(ticket)
    }

    /// A read from beginning to end.
    pub fn read_now(&mut self, start: u64, len: u32) -> Result<(), Failure> {
        let ticket = self.read(start, len);
        self.settle();
        self.result(ticket)
    }

    /// What became of a request: it has ended.
    pub fn result(&self, ticket: usize) -> Result<(), Failure> {
        assert_eq!(self.tickets[ticket].open, 0, "it has not ended");
        self.tickets[ticket].result
    }

    pub fn state(&self) -> State {
        self.engine.status().state
    }

    pub fn remapped(&self, block: u64) -> bool {
        self.engine.map().lookup(Block(block)).is_some()
    }

    /// Where the spare block of `block` lies, in the area.
    pub fn spare_of(&self, block: u64) -> u64 {
        let spare = self.engine.map().lookup(Block(block)).expect("remapped");
        let at = self.engine_layout().spare_sector(spare);
        at.expect("a spare block").0
    }

    /// Reads every sector alone. Each gives a value that may be there; or an error, if `may_fail` says
    /// that this sector may. Afterwards the twin knows what is there.
    pub fn verify(&mut self, may_fail: impl Fn(&Lab, u64) -> bool) {
        for at in 0..self.shape.len {
            let ticket = self.read(at, 1);
            self.settle();
            match self.result(ticket) {
                Ok(()) => {
                    let data = self.tickets[ticket].data.clone();
                    self.twin.saw(at, &data);
                }
                Err(failure) => assert!(may_fail(self, at), "sector {at} fails: {failure:?}"),
            }
        }
    }
}
