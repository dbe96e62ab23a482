// SPDX-License-Identifier: GPL-2.0-only

//! Health, scan position and history as they lie in the health region of the spare area.
//!
//! The region is two slots; an image is written to the one that does not hold the newest, then flushed. Each
//! of its blocks says which image it is part of and how long that is: an image with a block missing, torn or
//! rotten is none, and the other slot's counts. Nothing but forecasts is lost with it, so there is no second copy.

use crate::{
    crc::crc32c,
    health::{
        map::{HealthMap, RECORD_BYTES},
        monitor::Health,
        predictor::{Predictor, PREDICTOR_BYTES},
        scan::{Scanner, POSITION_BYTES},
    },
    layout::{zeroed, MetaBlock, META_BYTES},
    log,
    mem::{Buf, NoMemory},
    wire::{
        transmute_mut, transmute_ref, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, U32,
        U64,
    },
};

const MAGIC: [u8; 8] = *b"dmrm-hlt";

/// What a block holds besides its header.
const PAYLOAD: usize = META_BYTES - HEADER;

const HEADER: usize = 64;

/// What comes before the records of the map.
const FIXED: usize = PREDICTOR_BYTES + POSITION_BYTES;

/// Blocks of an image at most: what all that is known can fill.
pub const MOST_BLOCKS: u32 = 58;

const _: () = assert!(FIXED + super::map::MOST * RECORD_BYTES <= 58 * PAYLOAD);

/// A block of an image on the disk.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    magic: [u8; 8],
    crc: U32,
    pad: U32,
    uuid: [u8; 16],
    /// The image; they count up from 1.
    sequence: U64,
    /// The block's place in it.
    index: U32,
    /// Bytes in the whole image.
    len: U32,
    /// CRC32C of the whole image. After a crash its number is given again: what the first attempt left is
    /// part of another one.
    whole: U32,
    reserved: [u8; 12],
    payload: [u8; PAYLOAD],
}

const _: () = assert!(size_of::<Raw>() == META_BYTES);

/// An image to be written.
#[derive(Debug)]
pub struct Image {
    bytes: Buf<[u64; 64]>,
    len: usize,
    uuid: [u8; 16],
    sequence: u64,
    whole: u32,
}

impl Image {
    /// Blocks in each slot of a region of `blocks`.
    pub fn slot_blocks(blocks: u32) -> u32 {
        blocks.wrapping_shr(1).min(MOST_BLOCKS)
    }

    /// Puts together what is known, as much as fits into a slot of `slot` blocks.
    pub fn new(
        health: &Health,
        scanner: &Scanner,
        slot: u32,
        uuid: [u8; 16],
        sequence: u64,
    ) -> Result<Image, NoMemory> {
        let slot = usize::try_from(slot.min(MOST_BLOCKS)).unwrap_or(0);
        let records = health.map.records().len().saturating_mul(RECORD_BYTES);
        let room = slot
            .saturating_mul(PAYLOAD)
            .min(records.saturating_add(FIXED));
        let mut image = Image {
            bytes: zeroed(room.div_ceil(META_BYTES))?,
            len: 0,
            uuid,
            sequence,
            whole: 0,
        };
        let bytes = IntoBytes::as_mut_bytes(image.bytes.as_mut_slice());
        let bytes = bytes.get_mut(..room).unwrap_or_default();
        if let Some((predictor, rest)) = bytes.split_first_chunk_mut() {
            health.predictor.encode(predictor);
            if let Some((position, rest)) = rest.split_first_chunk_mut() {
                scanner.encode(position);
                let used = health.map.encode(health.hour(), rest);
                image.len = FIXED.saturating_add(used);
            }
        }
        let bytes = IntoBytes::as_bytes(image.bytes.as_slice());
        image.whole = crc32c(bytes.get(..image.len).unwrap_or(&[]));
        Ok(image)
    }

    /// How many blocks it has.
    pub fn blocks(&self) -> u32 {
        u32::try_from(self.len.div_ceil(PAYLOAD)).unwrap_or(0)
    }

    /// Writes one of them.
    pub fn block(&self, index: u32, block: &mut MetaBlock) {
        block.fill(0);
        let raw: &mut Raw = transmute_mut!(block);
        raw.magic = MAGIC;
        raw.uuid = self.uuid;
        raw.sequence = self.sequence.into();
        raw.index = index.into();
        raw.len = u32::try_from(self.len).unwrap_or(0).into();
        raw.whole = self.whole.into();
        let from = usize::try_from(index).unwrap_or(0).saturating_mul(PAYLOAD);
        let bytes = IntoBytes::as_bytes(self.bytes.as_slice());
        let bytes = bytes.get(from..self.len).unwrap_or(&[]);
        for (to, &from) in raw.payload.iter_mut().zip(bytes) {
            *to = from;
        }
        log::close(block);
    }
}

/// Reads an image, block by block.
#[derive(Debug)]
pub struct Reader {
    bytes: Buf<[u64; 64]>,
    uuid: [u8; 16],
    sequence: u64,
    whole: u32,
    len: usize,
    next: u32,
}

/// What the first block of a slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which image.
    pub sequence: u64,
    /// Its blocks.
    pub blocks: u32,
    /// The CRC32C of all of it.
    pub whole: u32,
}

/// The image of the slot that begins with `block`, if there is one.
pub fn examine(block: &MetaBlock, uuid: &[u8; 16], slot: u32) -> Option<Found> {
    let raw: &Raw = transmute_ref!(block);
    let len = usize::try_from(raw.len.get()).ok()?;
    let blocks = u32::try_from(len.div_ceil(PAYLOAD)).ok()?;
    let whole = raw.magic == MAGIC
        && raw.uuid == *uuid
        && raw.index.get() == 0
        && len >= FIXED
        && blocks <= slot.min(MOST_BLOCKS)
        && log::checksum(block) == raw.crc.get();
    whole.then_some(Found {
        sequence: raw.sequence.get(),
        blocks,
        whole: raw.whole.get(),
    })
}

impl Reader {
    /// To read the image that [`examine`] found.
    pub fn new(found: Found, uuid: [u8; 16]) -> Result<Reader, NoMemory> {
        let blocks = usize::try_from(found.blocks.min(MOST_BLOCKS)).unwrap_or(0);
        Ok(Reader {
            bytes: zeroed(blocks)?,
            uuid,
            sequence: found.sequence,
            whole: found.whole,
            len: 0,
            next: 0,
        })
    }

    /// Takes the next block, the first one first; `false` if it is not part of this image.
    pub fn push(&mut self, block: &MetaBlock) -> bool {
        let raw: &Raw = transmute_ref!(block);
        let fits = raw.magic == MAGIC
            && raw.uuid == self.uuid
            && raw.sequence.get() == self.sequence
            && raw.whole.get() == self.whole
            && raw.index.get() == self.next
            && log::checksum(block) == raw.crc.get();
        if !fits {
            return false;
        }
        let from = usize::try_from(self.next)
            .unwrap_or(0)
            .saturating_mul(PAYLOAD);
        self.len = usize::try_from(raw.len.get()).unwrap_or(0);
        let bytes = IntoBytes::as_mut_bytes(self.bytes.as_mut_slice());
        let bytes = bytes.get_mut(from..).unwrap_or_default();
        for (to, &from) in bytes.iter_mut().zip(&raw.payload) {
            *to = from;
        }
        self.next = self.next.saturating_add(1);
        true
    }

    /// What was read, when all blocks were pushed. The scanner takes up its position.
    pub fn finish(&self, scanner: &mut Scanner, now: u64) -> Result<Health, NoMemory> {
        let bytes = IntoBytes::as_bytes(self.bytes.as_slice());
        let bytes = bytes.get(..self.len).unwrap_or(&[]);
        let parts = bytes.split_first_chunk().and_then(|(predictor, rest)| {
            let (position, records) = rest.split_first_chunk()?;
            Some((predictor, position, records))
        });
        let Some((predictor, position, records)) = parts else {
            return Ok(Health::new(now));
        };
        scanner.restore(position);
        let map = HealthMap::decode(records)?;
        Ok(Health::of(map, Predictor::decode(predictor, now)))
    }
}
