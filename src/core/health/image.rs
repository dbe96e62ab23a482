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
        predictor::PREDICTOR_BYTES,
        scan::{Scanner, POSITION_BYTES},
    },
    identity::Marks,
    layout::{zeroed, Layout, MetaBlock, META_BYTES},
    log,
    mem::{Buf, NoMemory},
    units::Sector,
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
    /// CRC32C of the whole image. A number is given again when an attempt has failed: what the first one left
    /// is part of another image.
    whole: U32,
    /// What tells the disk whose health it is.
    main: [U32; 3],
    payload: [u8; PAYLOAD],
}

const _: () = assert!(size_of::<Raw>() == META_BYTES);

/// An image to be written.
#[derive(Debug)]
pub struct Image {
    bytes: Buf<[u64; 64]>,
    len: usize,
    uuid: [u8; 16],
    main: Marks,
    sequence: u64,
    whole: u32,
    next: u32,
}

impl Image {
    /// Blocks in each slot of a region of `blocks`.
    pub fn slot_blocks(blocks: u32) -> u32 {
        blocks.wrapping_shr(1).min(MOST_BLOCKS)
    }

    /// Puts together what is known, as much as fits into a slot of `slot` blocks.
    pub fn new(
        main: Marks,
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
            main,
            sequence,
            whole: 0,
            next: 0,
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

    /// Gives the next of its blocks, and where in the spare area that is to be written; `None` behind the last.
    pub fn next(&mut self, layout: &Layout, block: &mut MetaBlock) -> Option<Sector> {
        let index = self.next;
        if index >= self.blocks() {
            return None;
        }
        self.next = index.wrapping_add(1);
        self.block(index, block);
        sector(layout, self.sequence, index)
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
        raw.main = self.main.0.map(U32::from);
        let from = usize::try_from(index).unwrap_or(0).saturating_mul(PAYLOAD);
        let bytes = IntoBytes::as_bytes(self.bytes.as_slice());
        let bytes = bytes.get(from..self.len).unwrap_or(&[]);
        for (to, &from) in raw.payload.iter_mut().zip(bytes) {
            *to = from;
        }
        log::close(block);
    }
}

/// Where block `index` of the image of this number lies in the spare area.
#[inline(never)]
pub fn sector(layout: &Layout, sequence: u64, index: u32) -> Option<Sector> {
    let half = layout.health_blocks().wrapping_shr(1);
    let first = if sequence & 1 == 0 { 0 } else { half };
    layout.health_sector(first.checked_add(index)?)
}

/// Reads an image, block by block.
#[derive(Debug)]
pub struct Reader {
    bytes: Buf<[u64; 64]>,
    uuid: [u8; 16],
    /// Which image.
    pub sequence: u64,
    /// What tells the disk whose health it is.
    pub main: Marks,
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
    /// What tells the disk whose health it is.
    pub main: Marks,
}

/// Whether this is a block in this place of an image of this area.
#[inline(never)]
fn is_block(block: &MetaBlock, uuid: &[u8; 16], index: u32) -> bool {
    let raw: &Raw = transmute_ref!(block);
    raw.magic == MAGIC
        && raw.uuid == *uuid
        && raw.index.get() == index
        && log::checksum(block) == raw.crc.get()
}

/// The image of the slot that begins with `block`, if there is one.
pub fn examine(block: &MetaBlock, uuid: &[u8; 16], slot: u32) -> Option<Found> {
    let raw: &Raw = transmute_ref!(block);
    let len = usize::try_from(raw.len.get()).ok()?;
    let blocks = u32::try_from(len.div_ceil(PAYLOAD)).ok()?;
    let whole = is_block(block, uuid, 0) && len >= FIXED && blocks <= slot.min(MOST_BLOCKS);
    whole.then_some(Found {
        sequence: raw.sequence.get(),
        blocks,
        whole: raw.whole.get(),
        main: Marks(raw.main.map(U32::get)),
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
            main: found.main,
            whole: found.whole,
            len: 0,
            next: 0,
        })
    }

    /// Takes the next block, the first one first; `false` if it is not part of this image.
    pub fn push(&mut self, block: &MetaBlock) -> bool {
        let raw: &Raw = transmute_ref!(block);
        let fits = is_block(block, &self.uuid, self.next)
            && raw.sequence.get() == self.sequence
            && raw.whole.get() == self.whole;
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
        self.next = self.next.wrapping_add(1);
        true
    }

    /// What was read, when all blocks were pushed: health and scanner take it up.
    pub fn finish(&self, health: &mut Health, scanner: &mut Scanner) -> Result<(), NoMemory> {
        let bytes = IntoBytes::as_bytes(self.bytes.as_slice());
        let bytes = bytes.get(..self.len).unwrap_or(&[]);
        if let Some((predictor, rest)) = bytes.split_first_chunk() {
            if let Some((position, records)) = rest.split_first_chunk() {
                scanner.restore(position);
                health.restore(HealthMap::decode(records)?, predictor);
            }
        }
        Ok(())
    }
}
