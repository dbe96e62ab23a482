// SPDX-License-Identifier: GPL-2.0-only

//! The whole map as records, a few at a time.

use super::{of_chunk_key, Chunks, Homes, Map};
use crate::record::Record;
use crate::units::{Block, SpareBlock};

/// How far a dump of the map has come. It borrows nothing, so a dump can be written in steps; the map
/// must not change between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    block: u64,
    chunk_key: u64,
    spare: SpareBlock,
}

impl Cursor {
    /// The start.
    pub const fn new() -> Self {
        Cursor {
            block: 0,
            chunk_key: 0,
            spare: SpareBlock(0),
        }
    }

    /// Just before `block`: a list that starts there.
    pub const fn at(block: Block) -> Self {
        Cursor {
            block: block.0,
            chunk_key: super::chunk_key(block, 0),
            spare: SpareBlock(0),
        }
    }
}

/// The record after `cursor` of the blocks that the trees know, as [`Map::next_record`] has them.
pub(crate) fn next_of_blocks(
    homes: &Homes,
    chunks: &Chunks,
    cursor: &mut Cursor,
) -> Option<Record> {
    let home = homes.first_at_or_after(cursor.block);
    let chunk = chunks.first_at_or_after(cursor.chunk_key);
    let chunk = chunk.map(|(key, state)| (key, of_chunk_key(key), state));
    match (home, chunk) {
        (Some((block, home)), chunk) if chunk.is_none_or(|c| block <= c.1 .0 .0) => {
            // A block's number is far below the end of the number space.
            cursor.block = block.saturating_add(1);
            Some(Record::Remap {
                block: Block(block),
                spare: home.spare(),
            })
        }
        (_, Some((key, (block, chunk), state))) => {
            cursor.chunk_key = key.saturating_add(1);
            Some(Record::Sectors {
                block,
                chunk,
                state,
            })
        }
        (_, None) => None,
    }
}

impl Map {
    /// The record after `cursor`, which it moves on: blocks in order, a block's home before its chunks,
    /// then the failed spare blocks. Applied in this order to an empty map they give this one.
    pub fn next_record(&self, cursor: &mut Cursor) -> Option<Record> {
        next_of_blocks(&self.state.homes, &self.state.chunks, cursor).or_else(|| {
            let spare = self.spares.bad_from(cursor.spare)?;
            cursor.spare = SpareBlock(spare.0.saturating_add(1));
            Some(Record::BadSpare { spare })
        })
    }

    /// Whether a block of the target lives on `spare`.
    pub fn is_spare_used(&self, spare: SpareBlock) -> bool {
        self.spares.is_used(spare)
    }

    /// No spare block from `from` up to this one is in use. It is, or there is none, or the search went far enough.
    pub fn unused_until(&self, from: SpareBlock) -> SpareBlock {
        self.spares.unused_until(from)
    }

    /// The block that lives on `spare`: looks through all of them, for when something is wrong there.
    pub fn owner(&self, spare: SpareBlock) -> Option<Block> {
        let mut cursor = Cursor::new();
        while let Some(record) = self.next_record(&mut cursor) {
            match record {
                Record::Remap { block, spare: home } if home == spare => return Some(block),
                _ => {}
            }
        }
        None
    }

    /// All records, in the order of [`Map::next_record`].
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let mut cursor = Cursor::new();
        core::iter::from_fn(move || self.next_record(&mut cursor))
    }
}
