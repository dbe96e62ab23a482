// SPDX-License-Identifier: GPL-2.0-only

//! What messages asked for, in its order, waiting for the worker.

use crate::{
    engine::{Full, JobKind},
    map::Cursor,
    mem::{Buf, NoMemory},
    record::Record,
    snapshot::Snapshot,
    units::{Block, Sector, SectorCount},
};

/// How many requests can wait: a power of two. A range is one request, and one that goes on where the last
/// one ends is none.
pub const ROOM: usize = 1024;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Something to be done to the blocks of these sectors.
    Blocks {
        /// What.
        kind: JobKind,
        /// The first.
        start: Sector,
        /// How many.
        len: SectorCount,
    },
    /// The metadata is to be checked.
    ClearNeedsCheck,
    /// The counters begin anew.
    ResetStats,
}

/// What the worker is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A job of the next batch.
    Job {
        /// What.
        kind: JobKind,
        /// Its first sector.
        start: Sector,
        /// Its sectors: some blocks' worth.
        len: u32,
    },
    /// Something between two batches; see [`Request`].
    ClearNeedsCheck,
    /// The same.
    ResetStats,
}

/// A first-in-first-out list of requests. Its room is made once.
///
/// # Invariants
///
/// `ring` has [`ROOM`] entries, of which `count` from `head` on are requests. The first `taken` of these were
/// handed out whole, and are kept until what was handed out has ended.
pub struct Requests {
    ring: Buf<Request>,
    head: usize,
    taken: usize,
    count: usize,
}

/// So many blocks are one job: few, so that I/O between them is not held up.
const fn blocks_a_job(kind: JobKind) -> u64 {
    match kind {
        // Marks take one write for many.
        JobKind::Mark | JobKind::Unmark => 64,
        // Each takes a flush.
        JobKind::Retest => 1,
        _ => 8,
    }
}

const fn place(head: usize, at: usize) -> usize {
    head.wrapping_add(at) & ROOM.wrapping_sub(1)
}

impl Requests {
    /// No request.
    pub fn new() -> Result<Requests, NoMemory> {
        let mut ring = Buf::new();
        ring.try_reserve(ROOM)?;
        for _ in 0..ROOM {
            ring.push(Request::ResetStats)?;
        }
        // INVARIANT: just filled.
        Ok(Requests {
            ring,
            head: 0,
            taken: 0,
            count: 0,
        })
    }

    /// How many have not ended yet.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// All have ended.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn at(&mut self, at: usize) -> Option<&mut Request> {
        if at >= self.count {
            return None;
        }
        self.ring.as_mut_slice().get_mut(place(self.head, at))
    }

    /// Adds a request.
    pub fn push(&mut self, new: Request) -> Result<(), Full> {
        if self.count > self.taken && self.extend(new) {
            return Ok(());
        }
        if self.count >= ROOM {
            return Err(Full);
        }
        // INVARIANT: there is room for one more.
        self.count = self.count.saturating_add(1);
        if let Some(last) = self.at(self.count.wrapping_sub(1)) {
            *last = new;
        }
        Ok(())
    }

    /// Lets the last request go on, if the new one begins where it ends.
    fn extend(&mut self, new: Request) -> bool {
        match (self.at(self.count.wrapping_sub(1)), new) {
            (
                Some(Request::Blocks { kind, start, len }),
                Request::Blocks {
                    kind: same,
                    start: next,
                    len: more,
                },
            ) if *kind == same && start.checked_add(*len) == Some(next) => {
                *len = SectorCount(len.0.saturating_add(more.0));
                true
            }
            _ => false,
        }
    }

    /// Takes what is next to do. What is no job has to be `alone`: it is given only when no job was taken
    /// since all that was handed out has ended.
    ///
    /// Of a long range where only blocks matter of which `map` says something, the others are passed by. What
    /// was asked for before may add to them, so such a request waits until that has ended, too.
    pub fn take(&mut self, map: &Snapshot, alone: bool) -> Option<Next> {
        loop {
            let taken = self.taken;
            let (kind, start, len) = match self.at(taken)? {
                Request::Blocks { kind, start, len } => (*kind, start, len),
                _ if !alone => return None,
                Request::ClearNeedsCheck => {
                    self.taken = taken.saturating_add(1);
                    return Some(Next::ClearNeedsCheck);
                }
                Request::ResetStats => {
                    self.taken = taken.saturating_add(1);
                    return Some(Next::ResetStats);
                }
            };
            let size = u64::from(map.block_size().sectors());
            let job = size.saturating_mul(blocks_a_job(kind));
            if matches!(kind, JobKind::Retest | JobKind::Unmark) && len.0 > job {
                if taken != 0 {
                    return None;
                }
                skip(map, start, len);
            }
            let first = *start;
            let most = job.saturating_sub(first.0 & size.wrapping_sub(1));
            let part = len.0.min(most);
            *start = Sector(first.0.saturating_add(part));
            *len = SectorCount(len.0.saturating_sub(part));
            if len.0 == 0 {
                self.taken = taken.saturating_add(1);
            }
            if part != 0 {
                return Some(Next::Job {
                    kind,
                    start: first,
                    len: u32::try_from(part).unwrap_or(u32::MAX),
                });
            }
            if alone {
                // Nothing is to be done for it, and nobody will come to say that it has ended.
                self.ended();
            }
        }
    }

    /// What was handed out has ended.
    pub fn ended(&mut self) {
        // INVARIANT: those are forgotten.
        self.head = place(self.head, self.taken);
        self.count = self.count.saturating_sub(self.taken);
        self.taken = 0;
    }
}

/// Moves the start of a range on to the next block of which the map says something; to its end if there
/// is none.
fn skip(map: &Snapshot, start: &mut Sector, len: &mut SectorCount) {
    let block = map.block_size().block_of(*start);
    let next = match map.next_record(&mut Cursor::at(block)) {
        Some(Record::Remap { block, .. } | Record::Sectors { block, .. }) => block,
        _ => Block(u64::MAX),
    };
    if next <= block {
        return;
    }
    let end = Sector(start.0.saturating_add(len.0));
    let first = map.block_size().start_of(next).unwrap_or(end).min(end);
    *start = first;
    *len = SectorCount(end.0.saturating_sub(first.0));
}
