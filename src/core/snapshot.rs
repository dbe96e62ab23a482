// SPDX-License-Identifier: GPL-2.0-only

//! What readers see of the map, and where an I/O goes: the hot path.
//!
//! A snapshot never changes. It is made by the map's owner, published, and asked by every I/O on every
//! processor; asking allocates nothing, locks nothing and writes nothing.

use crate::fault::Op;
use crate::map::{chunk_key, next_of_blocks, of_chunk_key, Chunks, Cursor, Home, Homes};
use crate::mem::{Buf, NoMemory};
use crate::record::{ChunkState, Record, CHUNK_SECTORS};
use crate::search::first_not;
use crate::units::{Block, BlockSize, Sector, SectorCount, SpareBlock};

/// Where the first part of an I/O goes. `len` is the length of that part, never more than was asked for
/// and never zero unless that was; the rest is to be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To main, at the same place.
    Main {
        /// How much of it.
        len: SectorCount,
    },
    /// To a spare block.
    Spare {
        /// The spare block.
        block: SpareBlock,
        /// How far into it, in sectors.
        offset: u32,
        /// How much of it, all in this block.
        len: SectorCount,
    },
    /// Nowhere: a read of sectors that nobody holds, which is a media error.
    Lost {
        /// How much of it, all in one block.
        len: SectorCount,
    },
    /// To the worker: a block that is held, or a write to sectors that are not on the spare yet or pending.
    Worker {
        /// How much of it, all in one block.
        len: SectorCount,
    },
    /// Nowhere: a write to a block whose entry is in doubt, which is an I/O error.
    Doubt {
        /// How much of it, all in one block.
        len: SectorCount,
    },
}

/// Who holds a sector of a remapped block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Spare,
    Main,
    Nobody,
}

/// One version of the map, as readers see it.
pub struct Snapshot {
    /// Nothing is special: every I/O goes to main.
    empty: bool,
    /// There are holds or doubts, pending sectors of blocks that are not remapped, or a watch.
    watched: bool,
    /// There are pending sectors of blocks that are not remapped.
    marked: bool,
    /// Somebody wants to know of writes that main has taken.
    watching: bool,
    block_size: BlockSize,
    /// The first block that has a home; the highest number if there is none.
    first: Block,
    homes: Homes,
    chunks: Chunks,
    /// In ascending order, like `doubts`.
    holds: Buf<Block>,
    doubts: Buf<Block>,
}

impl Snapshot {
    /// The given trees, with `holds` kept for the worker and writes to `doubts` failing; `marked` if chunks
    /// of blocks that have no home are among them.
    pub(crate) fn new(
        block_size: BlockSize,
        homes: Homes,
        chunks: Chunks,
        marked: bool,
        holds: &[Block],
        doubts: &[Block],
    ) -> Result<Snapshot, NoMemory> {
        let watched = marked || !(holds.is_empty() && doubts.is_empty());
        Ok(Snapshot {
            empty: homes.is_empty() && !watched,
            watched,
            marked,
            watching: false,
            block_size,
            first: Block(homes.first_at_or_after(0).map_or(u64::MAX, |home| home.0)),
            homes,
            chunks,
            holds: in_order(holds)?,
            doubts: in_order(doubts)?,
        })
    }

    /// The same, and if `watching`, writes to main are told of when they succeed.
    #[must_use]
    pub(crate) fn watching(mut self, watching: bool) -> Snapshot {
        self.watching = watching;
        self.watched |= watching;
        self.empty &= !watching;
        self
    }

    /// Whether a write to main is to be told of when it succeeds.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub const fn watches(&self) -> bool {
        self.watching
    }

    /// Every I/O goes to main, whole.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.empty
    }

    /// The size of a block.
    #[inline]
    pub const fn block_size(&self) -> BlockSize {
        self.block_size
    }

    /// Where `block` lives; `None` if on main.
    pub fn lookup(&self, block: Block) -> Option<SpareBlock> {
        self.homes.get(block.0).map(Home::spare)
    }

    /// The states of the sectors of one chunk of `block`.
    pub fn chunk(&self, block: Block, chunk: u16) -> ChunkState {
        self.chunks.get(chunk_key(block, chunk)).unwrap_or_default()
    }

    /// The record after `cursor`, which it moves on: those of [`Map::next_record`](crate::map::Map::next_record) that
    /// speak of blocks. A cursor is good for later snapshots too: it goes on behind the last block.
    pub fn next_record(&self, cursor: &mut Cursor) -> Option<Record> {
        next_of_blocks(&self.homes, &self.chunks, cursor)
    }

    /// Where the first part of an I/O goes; `start` is relative to the target's first sector.
    ///
    /// # Context
    ///
    /// Any: it reads, and takes no reference.
    #[inline]
    pub fn route(&self, start: Sector, len: SectorCount, op: Op) -> Route {
        if self.empty || len.0 == 0 {
            return Route::Main { len };
        }
        self.route_special(start, len, op)
    }

    /// Whether an I/O surely goes to main, whole: the answer for nearly all, and a short way to it. When
    /// this says no, [`Snapshot::route`] knows.
    ///
    /// # Context
    ///
    /// Any: it reads, and takes no reference.
    #[inline(always)] // a call would be a tenth of it
    pub fn misses(&self, start: Sector, len: SectorCount) -> bool {
        if self.empty {
            return true;
        }
        let last = Sector(start.0.wrapping_add(len.0).wrapping_sub(1));
        // It has no sector, or more than can be numbered.
        if self.watched || last < start {
            return false;
        }
        let from = self.block_size.block_of(start);
        let to = self.block_size.block_of(last);
        to < self.first || self.homes.is_vacant(from.0, to.0)
    }

    #[inline(never)]
    fn route_special(&self, start: Sector, len: SectorCount, op: Op) -> Route {
        let block = self.block_size.block_of(start);
        let offset = self.block_size.offset_in(start);
        let in_block = self.block_size.sectors().saturating_sub(offset);
        let part = SectorCount(len.0.min(u64::from(in_block)));

        // A doubt only stops writes: reads go where they went before.
        let doubts = match op {
            Op::Write => self.doubts.as_slice(),
            Op::Read => &[],
        };
        let doubt = first_from(doubts, block);
        if doubt == Some(block) {
            return Route::Doubt { len: part };
        }
        let hold = first_from(self.holds.as_slice(), block);
        if hold == Some(block) {
            return Route::Worker { len: part };
        }
        let home = self.homes.first_at_or_after(block.0);
        if let Some((found, home)) = home {
            if found == block.0 {
                return self.route_remapped(block, home, offset, part, op);
            }
        }
        let nearest = [doubt, hold, home.map(|(b, _)| Block(b))]
            .into_iter()
            .flatten()
            .min();
        let edge = nearest.and_then(|b| self.block_size.start_of(b));
        let len = edge.map_or(len, |edge| len.min(edge.since(start)));
        if op == Op::Read || !self.marked {
            return Route::Main { len };
        }
        match self.first_pending(start, len).map(|at| at.since(start)) {
            Some(SectorCount(0)) => {
                let (_, len) = self.run(block, offset, part, op);
                Route::Worker { len }
            }
            Some(before) => Route::Main { len: before },
            None => Route::Main { len },
        }
    }

    /// The first of `len` sectors from `start` on that is pending.
    fn first_pending(&self, start: Sector, len: SectorCount) -> Option<Sector> {
        let offset = self.block_size.offset_in(start);
        let chunk = u16::try_from(offset.wrapping_shr(CHUNK_SECTORS.trailing_zeros())).ok()?;
        let first = chunk_key(self.block_size.block_of(start), chunk);
        let before = offset & CHUNK_SECTORS.wrapping_sub(1);
        let mut key = first;
        loop {
            let (found, state) = self.chunks.first_at_or_after(key)?;
            let skipped = if found == first { before } else { 0 };
            let pending = state.pending() & u64::MAX.wrapping_shl(skipped);
            let (block, chunk) = of_chunk_key(found);
            // Where none is left, which all bits as a number would be past the chunk, it is the chunk's first.
            let within = pending.trailing_zeros() & CHUNK_SECTORS.wrapping_sub(1);
            let sector = u64::from(chunk)
                .wrapping_mul(u64::from(CHUNK_SECTORS))
                .wrapping_add(u64::from(within));
            let at = self.block_size.start_of(block)?;
            let at = at.checked_add(SectorCount(sector))?;
            if at.since(start) >= len {
                return None;
            }
            if pending != 0 {
                return Some(at);
            }
            key = found.checked_add(1)?;
        }
    }

    /// Where `len` sectors from `offset` on of a remapped block go.
    fn route_remapped(
        &self,
        block: Block,
        home: Home,
        offset: u32,
        len: SectorCount,
        op: Op,
    ) -> Route {
        let spare = home.spare();
        if !home.is_partial() {
            return Route::Spare {
                block: spare,
                offset,
                len,
            };
        }
        let (holder, len) = self.run(block, offset, len, op);
        match (holder, op) {
            (Holder::Spare, _) => Route::Spare {
                block: spare,
                offset,
                len,
            },
            (_, Op::Write) => Route::Worker { len },
            (Holder::Main, Op::Read) => Route::Main { len },
            (Holder::Nobody, Op::Read) => Route::Lost { len },
        }
    }

    /// Who holds the sector at `offset` of a remapped block, and for how many of the `len` sectors from
    /// there on that is so. To a write, it is all one whether a sector is lost, only on main, or pending.
    fn run(&self, block: Block, offset: u32, len: SectorCount, op: Op) -> (Holder, SectorCount) {
        let mut same = 0u64;
        let mut at = offset;
        let mut holder = None;
        while same < len.0 {
            let chunk = u16::try_from(at.wrapping_shr(CHUNK_SECTORS.trailing_zeros()));
            let within = at & CHUNK_SECTORS.wrapping_sub(1);
            let key = chunk_key(block, chunk.unwrap_or(u16::MAX));
            let state = self.chunks.get(key).unwrap_or_default();
            let (unspared, lost) = match op {
                Op::Read => (state.unspared(), state.lost()),
                Op::Write => (state.unspared() | state.pending(), 0),
            };
            let here = holder_of(unspared, lost, 1u64.wrapping_shl(within));
            if *holder.get_or_insert(here) != here {
                break;
            }
            let others = !held_by(unspared, lost, here).wrapping_shr(within);
            let room = CHUNK_SECTORS.wrapping_sub(within);
            let run = others.trailing_zeros().min(room);
            same = same.saturating_add(u64::from(run));
            if run < room {
                break;
            }
            at = at.saturating_add(run);
        }
        let holder = holder.unwrap_or(Holder::Spare);
        (holder, SectorCount(same.min(len.0)))
    }
}

/// Who holds the sector of `bit`.
fn holder_of(unspared: u64, lost: u64, bit: u64) -> Holder {
    if lost & bit != 0 {
        Holder::Nobody
    } else if unspared & bit != 0 {
        Holder::Main
    } else {
        Holder::Spare
    }
}

/// The sectors that `holder` holds.
fn held_by(unspared: u64, lost: u64, holder: Holder) -> u64 {
    match holder {
        Holder::Spare => !unspared,
        Holder::Main => unspared & !lost,
        Holder::Nobody => lost,
    }
}

/// The first of the ascending `blocks` that is not below `block`.
#[inline]
fn first_from(blocks: &[Block], block: Block) -> Option<Block> {
    blocks.get(first_not(blocks, |&b| b < block)).copied()
}

/// `blocks` in ascending order.
fn in_order(blocks: &[Block]) -> Result<Buf<Block>, NoMemory> {
    let mut sorted: Buf<Block> = Buf::new();
    for &block in blocks {
        let at = first_not(sorted.as_slice(), |&b| b < block);
        sorted.insert(at, block)?;
    }
    Ok(sorted)
}
