// SPDX-License-Identifier: GPL-2.0-only

//! A map from a full dump of its records: each node of it is made once.

use super::change::{check_spare, recount};
use super::{chunk_key, of_chunk_key, Chunks, Home, Homes, Map, MapError, Shape, State};
use super::{CHUNK_SHIFT, MAX_BLOCKS_SHIFT};
use crate::record::{ChunkState, Record};
use crate::spare::Spares;
use crate::tree;
use crate::units::{Block, BlockSize, SpareBlock};

/// Builds a [`Map`] from records in the order in which [`Map::next_record`] gives them.
///
/// After an error it is not whole, and not to be used further.
pub struct Builder {
    shape: Shape,
    spares: Spares,
    homes: tree::Builder<Home, { Homes::LEAF }>,
    chunks: tree::Builder<ChunkState, { Chunks::LEAF }>,
    /// The last remapped block, which is put into the tree when all its chunks are known.
    last: Option<(Block, Home)>,
    pending_sectors: u64,
    lost_sectors: u64,
    pending_records: u32,
}

const OUT_OF_ORDER: MapError =
    MapError::Inconsistent("the records of a full dump are out of order");

/// More blocks than these have no keys.
pub(super) fn check_blocks(blocks: u64) -> Result<(), MapError> {
    if blocks > 1u64.wrapping_shl(MAX_BLOCKS_SHIFT) {
        return Err(MapError::Inconsistent("the target has too many blocks"));
    }
    Ok(())
}

impl Builder {
    /// Nothing yet; the arguments are those of [`Map::new`].
    pub fn new(
        block_size: BlockSize,
        blocks: u64,
        spare_blocks: u32,
        pending_quota: u32,
    ) -> Result<Builder, MapError> {
        check_blocks(blocks)?;
        if spare_blocks > Home::MAX_SPARES {
            return Err(MapError::Inconsistent("there are too many spare blocks"));
        }
        Ok(Builder {
            shape: Shape {
                block_size,
                blocks,
                pending_quota,
            },
            spares: Spares::new(spare_blocks)?,
            homes: tree::Builder::new(),
            chunks: tree::Builder::new(),
            last: None,
            pending_sectors: 0,
            lost_sectors: 0,
            pending_records: 0,
        })
    }

    /// Adds one record. Blocks ascend; a block's home comes before its chunks, and these ascend; failed
    /// spare blocks come anywhere.
    pub fn push(&mut self, record: &Record) -> Result<(), MapError> {
        match *record {
            Record::Remap { block, spare } => self.remap(block, spare),
            Record::Sectors {
                block,
                chunk,
                state,
            } => self.sectors(block, chunk, state),
            Record::BadSpare { spare } => self.bad_spare(spare),
            Record::Unmap { .. } => Err(MapError::Inconsistent(
                "a full dump says that a block is not remapped",
            )),
        }
    }

    fn remap(&mut self, block: Block, spare: SpareBlock) -> Result<(), MapError> {
        self.shape.check_block(block)?;
        check_spare(&self.spares, spare)?;
        let chunk_before = self.chunks.last().map(|key| of_chunk_key(key).0);
        let before = self.last.map(|(b, _)| b).max(chunk_before);
        if before.is_some_and(|b| b >= block) {
            return Err(OUT_OF_ORDER);
        }
        if self.spares.is_used(spare) {
            return Err(MapError::Inconsistent("two blocks live on one spare block"));
        }
        if self.spares.is_bad(spare) {
            return Err(MapError::Inconsistent(
                "a block lives on a failed spare block",
            ));
        }
        self.settle()?;
        self.last = Some((block, Home::new(spare, false)));
        self.spares.take(spare);
        Ok(())
    }

    fn sectors(&mut self, block: Block, chunk: u16, state: ChunkState) -> Result<(), MapError> {
        self.shape.check_chunk(block, chunk, state)?;
        let unspared = state.unspared() != 0;
        match &mut self.last {
            Some((last, _)) if *last > block => return Err(OUT_OF_ORDER),
            // INVARIANT: partial as soon as there is a chunk, none of which is plain.
            Some((last, home)) if *last == block => *home = Home::new(home.spare(), true),
            _ if unspared => {
                return Err(MapError::Inconsistent(
                    "a sector of a block that is not remapped is off its spare block",
                ))
            }
            _ if self.pending_records >= self.shape.pending_quota => {
                return Err(MapError::Inconsistent(
                    "there are more pending records than there may be",
                ))
            }
            _ => self.pending_records = self.pending_records.saturating_add(1),
        }
        if state.is_plain() || !self.chunks.push(chunk_key(block, chunk), state)? {
            return Err(OUT_OF_ORDER);
        }
        self.pending_sectors = recount(self.pending_sectors, 0, state.pending());
        self.lost_sectors = recount(self.lost_sectors, 0, state.lost());
        Ok(())
    }

    fn bad_spare(&mut self, spare: SpareBlock) -> Result<(), MapError> {
        check_spare(&self.spares, spare)?;
        if self.spares.is_used(spare) {
            return Err(MapError::Inconsistent(
                "a spare block failed on which a block still lives",
            ));
        }
        self.spares.spoil(spare);
        Ok(())
    }

    /// Puts the last remapped block into the tree.
    fn settle(&mut self) -> Result<(), MapError> {
        if let Some((block, home)) = self.last {
            // The order was checked when it came.
            self.homes.push(block.0, home)?;
        }
        Ok(())
    }

    /// The map of all that was pushed.
    pub fn finish(mut self) -> Result<Map, MapError> {
        self.settle()?;
        Ok(Map {
            shape: self.shape,
            state: State {
                homes: self.homes.finish()?,
                chunks: self.chunks.finish()?,
                pending_sectors: self.pending_sectors,
                lost_sectors: self.lost_sectors,
                pending_records: self.pending_records,
            },
            spares: self.spares,
            pending_dropped: 0,
        })
    }
}

const _: () = assert!(MAX_BLOCKS_SHIFT + CHUNK_SHIFT < u64::BITS);
