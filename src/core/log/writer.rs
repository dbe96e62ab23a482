// SPDX-License-Identifier: GPL-2.0-only

//! Writing the log: what to write next, and where. It does no I/O, and nothing advances until the writer
//! is told that a block is durable.

mod session;

pub use session::Round;

use crate::{
    layout::{CopyId, Half, Layout, MetaBlock, Places},
    log::{self, Stamp, UNITS},
    mem::Shared,
    record::Record,
    superblock::Superblock,
};

/// How many commits may follow a checkpoint, however small it is.
const MIN_COMMITS: u32 = 64;

/// How many commits may follow a checkpoint, however large it is.
const MAX_COMMITS: u32 = 2048;

/// Why nothing can be written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A session has to be opened first.
    NoSession,
    /// A former block is in doubt: nothing may follow it in this session.
    InDoubt,
    /// A block is on its way, or a checkpoint is not finished, or none was begun.
    Busy,
    /// The half is full: a checkpoint has to be written first.
    Full,
    /// The records do not fit into one block.
    TooLarge,
    /// The numbers have come to their end.
    Exhausted,
}

/// A block that was encoded, and where it is to be written: to all places at once, with FUA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Slot {
    places: Places,
    /// The copy that each place belongs to.
    copies: [CopyId; 2],
    generation: u64,
    crc: u32,
    /// Part of a checkpoint; its last block.
    checkpoint: Option<bool>,
}

impl Slot {
    /// Where to write.
    pub fn places(&self) -> Places {
        self.places
    }

    /// The block's generation.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The checkpoint is whole with this block.
    pub fn ends_checkpoint(&self) -> bool {
        self.checkpoint == Some(true)
    }
}

/// What a round of writes means, and what has to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every copy that counts has it: [`Writer::acknowledge`].
    Done,
    /// One has it: when a superblock that [`Writer::degrade`] made for the other one is durable,
    /// [`Writer::acknowledge`]; otherwise [`Writer::doubt`].
    Degrade(CopyId),
    /// None has it, as far as is known: [`Writer::doubt`].
    Doubt,
}

/// Where a writer begins: what recovery has found.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) half: Half,
    /// The index after the last block.
    pub(crate) next: u32,
    /// The index after the last block of the checkpoint.
    pub(crate) commits: u32,
    pub(crate) base: u64,
    /// The last block's.
    pub(crate) generation: u64,
    pub(crate) prev_crc: u32,
    /// Above every generation, and every sequence number and epoch, that may have been used.
    pub(crate) next_generation: u64,
    pub(crate) next_seq: u64,
    pub(crate) next_epoch: u64,
}

/// A checkpoint that is being written.
#[derive(Clone, Copy, Debug)]
struct Checkpoint {
    base: u64,
    next: u32,
    prev_crc: u32,
    /// A record that did not fit into the last block.
    carry: Option<Record>,
}

/// Writes the log and the superblocks of one area.
#[derive(Debug)]
pub struct Writer {
    sb: Superblock,
    /// The places that hold it, a bit each.
    held: u32,
    /// A superblock that is on its way.
    staged: Option<Superblock>,
    start: Start,
    session: bool,
    doubt: bool,
    busy: bool,
    checkpoint: Option<Checkpoint>,
}

impl Writer {
    /// Writes on after `sb`, which the places of `held` hold, a bit each.
    pub(crate) fn new(sb: Superblock, held: u32, start: Start) -> Writer {
        Writer {
            sb,
            held,
            staged: None,
            start,
            session: false,
            doubt: false,
            busy: false,
            checkpoint: None,
        }
    }

    /// The superblock in force.
    pub fn superblock(&self) -> &Superblock {
        &self.sb
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Shared<Layout> {
        &self.sb.layout
    }

    /// The generation of the last acknowledged block.
    pub fn generation(&self) -> u64 {
        self.start.generation
    }

    /// A session is open: blocks can be written.
    pub fn session_open(&self) -> bool {
        self.session
    }

    /// A block is in doubt: nothing more can be written to the log in this session.
    pub fn in_doubt(&self) -> bool {
        self.doubt
    }

    /// A checkpoint was begun and its last block is not acknowledged yet.
    pub fn in_checkpoint(&self) -> bool {
        self.checkpoint.is_some()
    }

    /// A bit for each copy that is degraded, A in the lowest.
    pub fn degraded(&self) -> u8 {
        let bit =
            |copy: CopyId| u8::from(self.sb.is_degraded(copy)).wrapping_shl(copy.number().into());
        bit(CopyId::A) | bit(CopyId::B)
    }

    /// How many more commits may follow: at 0, a checkpoint has to come first.
    ///
    /// There are about as many as the checkpoint has blocks. That keeps both the cost of the next
    /// checkpoint and the time that replaying the commits takes in proportion.
    pub fn room(&self) -> u32 {
        let commits = self.start.commits.clamp(MIN_COMMITS, MAX_COMMITS);
        let end = self.start.commits.saturating_add(commits);
        let end = end.min(self.sb.layout.half_blocks());
        end.saturating_sub(self.start.next)
    }

    /// A commit of so many units of records can be written without a checkpoint before it.
    pub fn fits(&self, units: u64) -> bool {
        units <= UNITS && self.room() > 0
    }

    /// Makes the block of one commit: all of `records` or none of them.
    pub fn encode_commit(
        &mut self,
        records: &[Record],
        block: &mut MetaBlock,
    ) -> Result<Slot, Refused> {
        self.ready()?;
        if self.checkpoint.is_some() {
            return Err(Refused::Busy);
        }
        let units = records
            .iter()
            .fold(0u64, |sum, r| sum.saturating_add(log::units_of(r)));
        if units > UNITS {
            return Err(Refused::TooLarge);
        }
        if self.room() == 0 {
            return Err(Refused::Full);
        }
        let generation = self.take_generation()?;
        let stamp = Stamp {
            uuid: self.sb.uuid,
            epoch: self.sb.epoch,
            generation,
            base: self.start.base,
            superblock: self.sb.seq,
            prev_crc: self.start.prev_crc,
            half: self.start.half,
            index: self.start.next,
        };
        let mut records = records.iter();
        let (_, crc) = log::encode(block, &stamp, false, &mut || records.next().copied());
        self.slot(&stamp, crc, None)
    }

    /// Begins a checkpoint in the half that is not active. The map must not change until it has ended.
    pub fn begin_checkpoint(&mut self) -> Result<(), Refused> {
        self.ready()?;
        if self.checkpoint.is_some() {
            return Err(Refused::Busy);
        }
        self.checkpoint = Some(Checkpoint {
            base: self.start.next_generation,
            next: 0,
            prev_crc: self.start.prev_crc,
            carry: None,
        });
        Ok(())
    }

    /// Makes the next block of the checkpoint from the records that `next` gives, in the order of the map;
    /// the one in which there are no more ends it.
    pub fn encode_checkpoint(
        &mut self,
        next: &mut dyn FnMut() -> Option<Record>,
        block: &mut MetaBlock,
    ) -> Result<Slot, Refused> {
        self.ready()?;
        let Some(mut checkpoint) = self.checkpoint else {
            return Err(Refused::Busy);
        };
        if checkpoint.next >= self.sb.layout.half_blocks() {
            return Err(Refused::Full);
        }
        let stamp = Stamp {
            uuid: self.sb.uuid,
            epoch: self.sb.epoch,
            generation: self.take_generation()?,
            base: checkpoint.base,
            superblock: self.sb.seq,
            prev_crc: checkpoint.prev_crc,
            half: self.start.half.other(),
            index: checkpoint.next,
        };
        let mut carry = checkpoint.carry.take();
        let mut give = || carry.take().or_else(&mut *next);
        let (left, crc) = log::encode(block, &stamp, true, &mut give);
        checkpoint.carry = left;
        self.checkpoint = Some(checkpoint);
        self.slot(&stamp, crc, Some(left.is_none()))
    }

    /// What it means that the places of `ok` (a bit each) were written, and the others were not.
    pub fn outcome(&self, slot: &Slot, ok: u32) -> Outcome {
        let written = |place: u32| ok.wrapping_shr(place) & 1 != 0;
        let [first, second] = slot.copies;
        match slot.places.as_slice().len() {
            1 if written(0) => Outcome::Done,
            2 => match (written(0), written(1)) {
                (true, true) => Outcome::Done,
                (true, false) => Outcome::Degrade(second),
                (false, true) => Outcome::Degrade(first),
                (false, false) => Outcome::Doubt,
            },
            _ => Outcome::Doubt,
        }
    }

    /// The block of `slot` is durable in every copy that counts.
    pub fn acknowledge(&mut self, slot: Slot) {
        self.busy = false;
        let start = &mut self.start;
        match (slot.checkpoint, self.checkpoint.as_mut()) {
            (None, _) => {
                start.next = start.next.saturating_add(1);
                start.prev_crc = slot.crc;
            }
            (Some(last), Some(checkpoint)) => {
                checkpoint.next = checkpoint.next.saturating_add(1);
                checkpoint.prev_crc = slot.crc;
                if last {
                    start.half = start.half.other();
                    start.next = checkpoint.next;
                    start.commits = checkpoint.next;
                    start.base = checkpoint.base;
                    start.prev_crc = checkpoint.prev_crc;
                    self.checkpoint = None;
                }
            }
            // No slot of a checkpoint was given out without one.
            (Some(_), None) => {}
        }
        // While a checkpoint is being written, the log still ends where it ended.
        if self.checkpoint.is_none() {
            start.generation = slot.generation;
        }
    }

    /// It is not known whether the block of `slot` is on the medium. Whatever followed it might be read
    /// after it or without it, so nothing does until the log has been read again.
    pub fn doubt(&mut self, _slot: Slot) {
        self.busy = false;
        self.doubt = true;
    }

    /// Another writer may have begun a session: this one writes nothing any more.
    pub(crate) fn rest(&mut self) {
        self.doubt = true;
    }

    /// Lets the next superblock carry what recovery has found out.
    pub(crate) fn amend<T>(&mut self, change: impl FnOnce(&mut Superblock) -> T) -> T {
        change(&mut self.sb)
    }

    fn ready(&self) -> Result<(), Refused> {
        if self.doubt {
            Err(Refused::InDoubt)
        } else if !self.session {
            Err(Refused::NoSession)
        } else if self.busy {
            Err(Refused::Busy)
        } else {
            Ok(())
        }
    }

    /// A generation is used up by the block that carries it, whatever becomes of that.
    fn take_generation(&mut self) -> Result<u64, Refused> {
        let generation = self.start.next_generation;
        self.start.next_generation = generation.checked_add(1).ok_or(Refused::Exhausted)?;
        Ok(generation)
    }

    fn slot(&mut self, stamp: &Stamp, crc: u32, checkpoint: Option<bool>) -> Result<Slot, Refused> {
        let mut places = Places::default();
        let mut copies = CopyId::BOTH;
        for copy in CopyId::BOTH {
            if self.sb.is_degraded(copy) {
                copies = [copy.other(); 2];
                continue;
            }
            let at = self.sb.layout.log_sector(copy, stamp.half, stamp.index);
            let (at, _) = at.ok_or(Refused::Full)?;
            places.push(at);
        }
        self.busy = true;
        Ok(Slot {
            places,
            copies,
            generation: stamp.generation,
            crc,
            checkpoint,
        })
    }
}
