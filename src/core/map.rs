// SPDX-License-Identifier: GPL-2.0-only

//! The map: which blocks live on the spare, and what is known of their sectors.
//!
//! One owner changes it, record by record as the metadata does; readers get a [`Snapshot`]. A change is
//! made in two steps, so that it can be written to the metadata in between: [`Map::prepare`] builds the
//! next version beside the present one and may fail, [`Map::commit`] installs it and cannot.

mod build;
mod change;
mod records;

use build::check_blocks;
pub use build::Builder;
pub use change::Next;
pub(crate) use records::next_of_blocks;
pub use records::Cursor;

use crate::mem::NoMemory;
use crate::record::{ChunkState, CHUNK_SECTORS};
use crate::snapshot::Snapshot;
use crate::spare::Spares;
use crate::tree::{self, Tree};
use crate::units::{Block, BlockSize, SpareBlock};

/// log2 of the largest number of blocks that a target can have: a block's number and a chunk's in one key.
const MAX_BLOCKS_SHIFT: u32 = 58;

/// log2 of the most chunks in a block.
const CHUNK_SHIFT: u32 = 5;

const _: () = assert!(1u32 << CHUNK_SHIFT == (1u32 << BlockSize::MAX_SHIFT) / CHUNK_SECTORS);

/// Where a remapped block lives, in four bytes.
///
/// The highest bit says that some sector is not on the spare, or is pending, so that an I/O to a block
/// that is wholly and well there asks no further.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Home(u32);

impl Home {
    const PARTIAL: u32 = 1u32 << 31;

    /// How many spare blocks there can be.
    const MAX_SPARES: u32 = Self::PARTIAL;

    const fn new(spare: SpareBlock, partial: bool) -> Home {
        let bit = if partial { Self::PARTIAL } else { 0 };
        Home((spare.0 & !Self::PARTIAL) | bit)
    }

    /// The spare block.
    #[inline]
    pub(crate) const fn spare(self) -> SpareBlock {
        SpareBlock(self.0 & !Self::PARTIAL)
    }

    /// Some sector of the block is not on the spare, or is pending.
    #[inline]
    pub(crate) const fn is_partial(self) -> bool {
        self.0 & Self::PARTIAL != 0
    }
}

impl tree::Value for Home {
    const WORDS: usize = 1;

    #[inline]
    fn put(self, words: &mut [u32]) {
        if let [word, ..] = words {
            *word = self.0;
        }
    }

    #[inline]
    fn get(words: &[u32]) -> Home {
        Home(words.first().copied().unwrap_or_default())
    }
}

// Here, not beside the type: records know nothing of trees.
impl tree::Value for ChunkState {
    const WORDS: usize = 6;

    fn put(self, words: &mut [u32]) {
        let all = [self.unspared(), self.lost(), self.pending()];
        for (to, from) in words.chunks_exact_mut(2).zip(all) {
            let [a, b, c, d, e, f, g, h] = from.to_le_bytes();
            if let [low, high] = to {
                *low = u32::from_le_bytes([a, b, c, d]);
                *high = u32::from_le_bytes([e, f, g, h]);
            }
        }
    }

    fn get(words: &[u32]) -> ChunkState {
        let long = |low: u32, high: u32| u64::from(low) | u64::from(high).wrapping_shl(32);
        let state = match *words {
            [a, b, c, d, e, f, ..] => ChunkState::new(long(a, b), long(c, d), long(e, f)),
            _ => None,
        };
        // Always some: as it was put.
        state.unwrap_or_default()
    }
}

/// The homes of remapped blocks, by block.
pub(crate) type Homes = Tree<Home, 20>;

/// The states of chunks that are not plain, by [`chunk_key`].
pub(crate) type Chunks = Tree<ChunkState, 7>;

/// Where a chunk's state is kept: blocks in order, and the chunks of each in order.
#[inline]
pub(crate) const fn chunk_key(block: Block, chunk: u16) -> u64 {
    // Widening, which `u64::from` cannot do in a constant function.
    #[allow(clippy::as_conversions)]
    let chunk = chunk as u64;
    block.0.wrapping_shl(CHUNK_SHIFT) | chunk
}

/// The block and chunk of a [`chunk_key`].
pub(crate) const fn of_chunk_key(key: u64) -> (Block, u16) {
    // The mask leaves five bits: nothing is cut.
    #[allow(clippy::as_conversions)]
    let chunk = (key & ((1 << CHUNK_SHIFT) - 1)) as u16;
    (Block(key.wrapping_shr(CHUNK_SHIFT)), chunk)
}

/// Why the map cannot take a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// An allocation was refused.
    NoMemory,
    /// The record contradicts the map, or names what does not exist.
    Inconsistent(&'static str),
}

impl From<NoMemory> for MapError {
    fn from(_: NoMemory) -> Self {
        MapError::NoMemory
    }
}

/// What can be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Remapped blocks.
    pub remapped: u64,
    /// Sectors whose last read failed.
    pub pending_sectors: u64,
    /// Sectors that nobody holds any more.
    pub lost_sectors: u64,
    /// Records of pending sectors of blocks that are not remapped: what the quota is of.
    pub pending_records: u32,
    /// Pending marks that were dropped because the quota was full.
    pub pending_dropped: u64,
    /// Spare blocks.
    pub spare_total: u32,
    /// Spare blocks that are neither in use, failed nor handed out.
    pub spare_free: u32,
    /// Spare blocks that failed.
    pub spare_failed: u32,
}

/// What never changes while a map lives.
#[derive(Clone, Copy, Debug)]
struct Shape {
    block_size: BlockSize,
    blocks: u64,
    pending_quota: u32,
}

/// One version of what the records say.
///
/// # Invariants
///
/// A home is partial if and only if a chunk of its block is not plain; only chunks of remapped
/// blocks have any. `pending_records` counts the chunks of all other blocks. No chunk is plain.
#[derive(Clone, Default)]
struct State {
    homes: Homes,
    chunks: Chunks,
    pending_sectors: u64,
    lost_sectors: u64,
    pending_records: u32,
}

/// The map.
///
/// # Invariants
///
/// The spare blocks that are marked used are those in which the state has a block live: one each.
pub struct Map {
    shape: Shape,
    state: State,
    spares: Spares,
    pending_dropped: u64,
}

impl Map {
    /// The map of a target of `blocks` blocks, the last of which may be cut short, with nothing remapped.
    ///
    /// `pending_quota` is how many chunks of blocks that are not remapped may have pending sectors.
    pub fn new(
        block_size: BlockSize,
        blocks: u64,
        spare_blocks: u32,
        pending_quota: u32,
    ) -> Result<Map, MapError> {
        Builder::new(block_size, blocks, spare_blocks, pending_quota)?.finish()
    }

    /// The size of a block.
    #[inline]
    pub const fn block_size(&self) -> BlockSize {
        self.shape.block_size
    }

    /// How many blocks the target has.
    pub const fn blocks(&self) -> u64 {
        self.shape.blocks
    }

    /// The target has `blocks` blocks from now on, no fewer than before.
    pub(crate) fn grow(&mut self, blocks: u64) -> Result<(), MapError> {
        check_blocks(blocks)?;
        self.shape.blocks = self.shape.blocks.max(blocks);
        Ok(())
    }

    /// Where `block` lives; `None` if on main.
    pub fn lookup(&self, block: Block) -> Option<SpareBlock> {
        self.state.homes.get(block.0).map(Home::spare)
    }

    /// The states of the sectors of one chunk of `block`.
    pub fn chunk(&self, block: Block, chunk: u16) -> ChunkState {
        self.state.chunk(block, chunk)
    }

    /// Hands out a spare block, which is the caller's until a record that uses it is committed or it is
    /// [released](Map::release). `None` if every one is in use, failed or handed out.
    pub fn allocate(&mut self) -> Option<SpareBlock> {
        self.spares.allocate()
    }

    /// Takes back a spare block that was handed out and is not to be used.
    pub fn release(&mut self, spare: SpareBlock) {
        self.spares.release(spare);
    }

    /// There is no room for another pending record.
    pub const fn pending_full(&self) -> bool {
        self.state.pending_records >= self.shape.pending_quota
    }

    /// Counts the sectors of a chunk, a bit each, that should have been marked pending and were not.
    pub fn drop_pending(&mut self, bits: u64) {
        self.pending_dropped = change::recount(self.pending_dropped, 0, bits);
    }

    /// Counts them on from where `before` stands, which is the map so far.
    pub(crate) fn keep_dropped(&mut self, before: &Map) {
        self.pending_dropped = before.pending_dropped;
    }

    /// Counts them anew.
    pub fn forget_dropped(&mut self) {
        self.pending_dropped = 0;
    }

    /// How many blocks are remapped.
    pub fn remapped(&self) -> u64 {
        self.state.homes.len()
    }

    /// All that can be counted.
    #[inline(never)]
    pub fn counters(&self) -> Counters {
        Counters {
            remapped: self.state.homes.len(),
            pending_sectors: self.state.pending_sectors,
            lost_sectors: self.state.lost_sectors,
            pending_records: self.state.pending_records,
            pending_dropped: self.pending_dropped,
            spare_total: self.spares.total(),
            spare_free: self.spares.unused(),
            spare_failed: self.spares.failed(),
        }
    }

    /// What readers are to see: this version, with `holds` kept for the worker and writes to `doubts` failing.
    pub fn snapshot(&self, holds: &[Block], doubts: &[Block]) -> Result<Snapshot, NoMemory> {
        self.state.snapshot(&self.shape, holds, doubts)
    }
}

impl State {
    fn chunk(&self, block: Block, chunk: u16) -> ChunkState {
        self.chunks.get(chunk_key(block, chunk)).unwrap_or_default()
    }

    /// The chunks of `block` that are not plain, in order.
    fn chunks_of(&self, block: Block) -> impl Iterator<Item = (u64, ChunkState)> + '_ {
        self.chunks
            .iter_from(chunk_key(block, 0))
            .take_while(move |&(key, _)| of_chunk_key(key).0 == block)
    }

    fn snapshot(
        &self,
        shape: &Shape,
        holds: &[Block],
        doubts: &[Block],
    ) -> Result<Snapshot, NoMemory> {
        Snapshot::new(
            shape.block_size,
            self.homes.clone(),
            self.chunks.clone(),
            self.pending_records != 0,
            holds,
            doubts,
        )
    }
}

impl Shape {
    /// `block` exists.
    fn check_block(&self, block: Block) -> Result<(), MapError> {
        if block.0 < self.blocks {
            Ok(())
        } else {
            Err(MapError::Inconsistent(
                "a record names a block past the end of the target",
            ))
        }
    }

    /// The chunk exists, and so does every sector that `state` speaks of.
    fn check_chunk(&self, block: Block, chunk: u16, state: ChunkState) -> Result<(), MapError> {
        self.check_block(block)?;
        if u32::from(chunk) >= self.block_size.chunks() {
            return Err(MapError::Inconsistent(
                "a record names a chunk past the end of a block",
            ));
        }
        let sectors = self.block_size.sectors();
        let none = u64::MAX.checked_shl(sectors).unwrap_or(0);
        if (state.unspared() | state.pending()) & none != 0 {
            return Err(MapError::Inconsistent(
                "a record names a sector past the end of a block",
            ));
        }
        Ok(())
    }
}
