// SPDX-License-Identifier: GPL-2.0-only

//! One block of the log, byte by byte.

use crate::{
    crc::Crc32c,
    layout::{Half, MetaBlock, META_BYTES},
    log::{SECTORS_UNITS, UNITS},
    record::{ChunkState, Record},
    units::{Block, SpareBlock},
    wire::{
        transmute_mut, transmute_ref, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, U16,
        U32, U64,
    },
};

const MAGIC: [u8; 8] = *b"dmrm-log";

/// How many units, as an array wants it.
const UNITS_LEN: usize = 251;

const COMMIT: u8 = 1;
const CHECKPOINT: u8 = 2;
const LAST: u8 = 1;

const REMAP: u8 = 1;
const UNMAP: u8 = 2;
const SECTORS: u8 = 3;
const BAD_SPARE: u8 = 4;

/// A block of the log on the disk.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    magic: [u8; 8],
    crc: U32,
    kind: u8,
    flags: u8,
    half: u8,
    pad: u8,
    uuid: [u8; 16],
    epoch: U64,
    generation: U64,
    base: U64,
    superblock: U64,
    prev_crc: U32,
    index: U32,
    units: U16,
    reserved: [u8; 6],
    unit: [RawUnit; UNITS_LEN],
}

/// A unit on the disk: one record, or the first of the three units of one.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawUnit {
    kind: u8,
    pad: u8,
    chunk: U16,
    spare: U32,
    block: U64,
}

/// The second and third unit of a record of sectors.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawState {
    unspared: U64,
    lost: U64,
    pending: U64,
    reserved: U64,
}

const _: () = {
    assert!(size_of::<Raw>() == META_BYTES);
    assert!(size_of::<RawUnit>() == 16);
    assert!(size_of::<RawState>() == 32);
};

/// What a block of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Changes, all or none of which happened.
    Commit,
    /// A part of the whole map.
    Checkpoint {
        /// The checkpoint is whole with this block.
        last: bool,
    },
    /// Something newer than this code.
    Unknown(u8),
}

/// What a valid block of this area's log says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub kind: Kind,
    /// The half that it was written to; other numbers than 0 and 1 name none.
    pub half: u8,
    /// Its place in its half.
    pub index: u32,
    /// The session that wrote it.
    pub epoch: u64,
    /// Its generation.
    pub generation: u64,
    /// The generation of its half's first block.
    pub base: u64,
    /// The sequence number of the superblock that was in force.
    pub superblock: u64,
    /// The checksum of the block before it.
    pub prev_crc: u32,
    /// Its own checksum.
    pub crc: u32,
    /// How many units of records it has.
    pub units: u16,
}

/// What was read where a block of the log may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Zeros: never written.
    Blank,
    /// A block whose checksum is wrong: torn, rotten, or something else altogether.
    Garbage,
    /// A whole block of another area's log, or of a former format's.
    Foreign,
    /// A block of this area's log.
    Block(Header),
}

/// A block with a right checksum that holds something that was never written so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What an encoder stamps on a block, besides its records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) uuid: [u8; 16],
    pub(crate) epoch: u64,
    pub(crate) generation: u64,
    pub(crate) base: u64,
    pub(crate) superblock: u64,
    pub(crate) prev_crc: u32,
    pub(crate) half: Half,
    pub(crate) index: u32,
}

/// How many units `record` takes.
pub const fn units_of(record: &Record) -> u64 {
    match record {
        Record::Sectors { .. } => SECTORS_UNITS,
        _ => 1,
    }
}

/// The CRC32C of all of a metadata block but the checksum itself, which lies at byte 8.
pub(crate) fn checksum(block: &MetaBlock) -> u32 {
    let (magic, rest) = block.split_at(8);
    let (_, rest) = rest.split_at(4);
    Crc32c::new().with(magic).with(rest).value()
}

/// Begins a block and puts records into it as long as they fit. `next` gives them, one by one; what it
/// gave last and did not fit comes back, and `None` when it has no more. Returns that and the checksum.
///
/// The last block of a checkpoint is the one in which `next` had no more to give.
pub(crate) fn encode(
    block: &mut MetaBlock,
    stamp: &Stamp,
    checkpoint: bool,
    next: &mut dyn FnMut() -> Option<Record>,
) -> (Option<Record>, u32) {
    block.fill(0);
    let raw: &mut Raw = transmute_mut!(block);
    raw.magic = MAGIC;
    raw.uuid = stamp.uuid;
    raw.epoch = stamp.epoch.into();
    raw.generation = stamp.generation.into();
    raw.base = stamp.base.into();
    raw.superblock = stamp.superblock.into();
    raw.prev_crc = stamp.prev_crc.into();
    raw.half = stamp.half.number();
    raw.index = stamp.index.into();
    raw.kind = if checkpoint { CHECKPOINT } else { COMMIT };
    let mut room = raw.unit.as_mut_slice();
    let mut units = 0u16;
    let left = loop {
        let Some(record) = next() else {
            break None;
        };
        match put(room, &record) {
            Some((rest, used)) => {
                room = rest;
                units = units.saturating_add(used);
            }
            None => {
                // A failed attempt leaves no trace: the whole record is asked for first.
                break Some(record);
            }
        }
    };
    raw.units = units.into();
    if checkpoint && left.is_none() {
        raw.flags = LAST;
    }
    (left, close(block))
}

/// Computes the checksum and puts it into the block.
pub(crate) fn close(block: &mut MetaBlock) -> u32 {
    let crc = checksum(block);
    if let Some(at) = block.get_mut(8..12) {
        at.copy_from_slice(&crc.to_le_bytes());
    }
    crc
}

/// Gives a block that a test has changed a right checksum again.
#[doc(hidden)]
pub fn seal_for_test(block: &mut MetaBlock) {
    close(block);
}

/// Puts one record at the front of `room`; gives what is left of it, and the units used.
fn put<'a>(room: &'a mut [RawUnit], record: &Record) -> Option<(&'a mut [RawUnit], u16)> {
    let unit = |kind, chunk: u16, spare: u32, block: u64| RawUnit {
        kind,
        pad: 0,
        chunk: chunk.into(),
        spare: spare.into(),
        block: block.into(),
    };
    let first = match *record {
        Record::Remap { block, spare } => unit(REMAP, 0, spare.0, block.0),
        Record::Unmap { block } => unit(UNMAP, 0, 0, block.0),
        Record::BadSpare { spare } => unit(BAD_SPARE, 0, spare.0, 0),
        Record::Sectors {
            block,
            chunk,
            state,
        } => {
            let (to, rest) = room.split_at_mut_checked(3)?;
            let (head, tail) = to.split_first_mut()?;
            *head = unit(SECTORS, chunk, 0, block.0);
            let state = RawState {
                unspared: state.unspared().into(),
                lost: state.lost().into(),
                pending: state.pending().into(),
                reserved: 0.into(),
            };
            state.write_to(tail.as_mut_bytes()).ok()?;
            return Some((rest, 3));
        }
    };
    let (to, rest) = room.split_first_mut()?;
    *to = first;
    Some((rest, 1))
}

/// Says what was read.
pub fn classify(block: &MetaBlock, uuid: &[u8; 16]) -> Found {
    let raw: &Raw = transmute_ref!(block);
    if raw.magic != MAGIC {
        let blank = block.iter().all(|&b| b == 0);
        return if blank { Found::Blank } else { Found::Garbage };
    }
    let crc = checksum(block);
    if crc != raw.crc.get() {
        return Found::Garbage;
    }
    if raw.uuid != *uuid {
        return Found::Foreign;
    }
    let kind = match raw.kind {
        COMMIT => Kind::Commit,
        CHECKPOINT => Kind::Checkpoint {
            last: raw.flags & LAST != 0,
        },
        other => Kind::Unknown(other),
    };
    Found::Block(Header {
        kind,
        half: raw.half,
        index: raw.index.get(),
        epoch: raw.epoch.get(),
        generation: raw.generation.get(),
        base: raw.base.get(),
        superblock: raw.superblock.get(),
        prev_crc: raw.prev_crc.get(),
        crc,
        units: raw.units.get(),
    })
}

/// The records of a block that [`classify`] called valid.
pub fn records(block: &MetaBlock) -> Records<'_> {
    let raw: &Raw = transmute_ref!(block);
    let units = raw.unit.get(..usize::from(raw.units.get()));
    Records {
        malformed: units.is_none() || u64::from(raw.units.get()) > UNITS,
        units: units.unwrap_or(&[]),
    }
}

/// Goes through the records of a block; ends after the first that is malformed.
pub struct Records<'a> {
    units: &'a [RawUnit],
    malformed: bool,
}

impl Records<'_> {
    fn decode(&mut self) -> Result<Record, Malformed> {
        let (unit, rest) = self.units.split_first().ok_or(Malformed)?;
        self.units = rest;
        let block = Block(unit.block.get());
        let spare = SpareBlock(unit.spare.get());
        match unit.kind {
            REMAP => Ok(Record::Remap { block, spare }),
            UNMAP => Ok(Record::Unmap { block }),
            BAD_SPARE => Ok(Record::BadSpare { spare }),
            SECTORS => {
                let (state, rest) = rest.split_at_checked(2).ok_or(Malformed)?;
                self.units = rest;
                let state = RawState::ref_from_bytes(state.as_bytes()).map_err(|_| Malformed)?;
                let (unspared, lost) = (state.unspared.get(), state.lost.get());
                let state =
                    ChunkState::new(unspared, lost, state.pending.get()).ok_or(Malformed)?;
                Ok(Record::Sectors {
                    block,
                    chunk: unit.chunk.get(),
                    state,
                })
            }
            _ => Err(Malformed),
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.units.is_empty() && !self.malformed {
            return None;
        }
        if self.malformed {
            self.malformed = false;
            self.units = &[];
            return Some(Err(Malformed));
        }
        let record = self.decode();
        if record.is_err() {
            self.units = &[];
        }
        Some(record)
    }
}
