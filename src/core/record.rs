// SPDX-License-Identifier: GPL-2.0-only

//! What the metadata says, one fact a record.
//!
//! A record is absolute: it states what is so from now on, never a difference, so replaying one twice
//! changes nothing.

use crate::units::{Block, SpareBlock};

/// Sectors in a chunk: the part of a block that one [`Record::Sectors`] speaks of.
pub const CHUNK_SECTORS: u32 = 64;

/// The states of the sectors of one chunk, a bit a sector, the lowest bit first.
///
/// A sector of a remapped block with no bit set is *on spare*.
///
/// # Invariants
///
/// `lost` is a subset of `unspared`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkState {
    /// The spare block does not hold this sector: it is *only on main*, or lost.
    unspared: u64,
    /// Main's copy was overwritten and the spare never had it: a read gives a media error.
    lost: u64,
    /// A read of this sector, where it lives now, failed with a media error.
    pending: u64,
}

impl ChunkState {
    /// Every sector on spare (or, of a block that is not remapped, on main), none pending.
    pub const PLAIN: ChunkState = ChunkState {
        unspared: 0,
        lost: 0,
        pending: 0,
    };

    /// The state with these bits; `None` if a lost sector is not an unspared one.
    #[inline]
    pub const fn new(unspared: u64, lost: u64, pending: u64) -> Option<ChunkState> {
        if lost & !unspared == 0 {
            // INVARIANT: checked just above.
            Some(ChunkState {
                unspared,
                lost,
                pending,
            })
        } else {
            None
        }
    }

    /// Sectors that the spare block does not hold.
    #[inline]
    pub const fn unspared(self) -> u64 {
        self.unspared
    }

    /// Sectors that nobody holds any more.
    #[inline]
    pub const fn lost(self) -> u64 {
        self.lost
    }

    /// Sectors whose last read failed.
    #[inline]
    pub const fn pending(self) -> u64 {
        self.pending
    }

    /// Nothing to be said of this chunk.
    #[inline]
    pub const fn is_plain(self) -> bool {
        self.unspared | self.pending == 0
    }

    /// The state after `sectors` were written to the spare block.
    #[inline]
    #[must_use]
    pub const fn spared(self, sectors: u64) -> ChunkState {
        // INVARIANT: the same bits leave both sets.
        ChunkState {
            unspared: self.unspared & !sectors,
            lost: self.lost & !sectors,
            pending: self.pending & !sectors,
        }
    }

    /// The state with `sectors` *only on main*, unless they are lost.
    #[inline]
    #[must_use]
    pub const fn with_unspared(self, sectors: u64) -> ChunkState {
        // INVARIANT: `unspared` only grows.
        ChunkState {
            unspared: self.unspared | sectors,
            ..self
        }
    }

    /// The state after reads of `sectors` failed.
    #[inline]
    #[must_use]
    pub const fn with_pending(self, sectors: u64) -> ChunkState {
        ChunkState {
            pending: self.pending | sectors,
            ..self
        }
    }

    /// The state after `sectors` could be read again.
    #[inline]
    #[must_use]
    pub const fn without_pending(self, sectors: u64) -> ChunkState {
        ChunkState {
            pending: self.pending & !sectors,
            ..self
        }
    }
}

/// One fact of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// `block` lives on `spare`. Its chunks keep the states that other records give them.
    Remap {
        /// The block of the target.
        block: Block,
        /// Its spare block.
        spare: SpareBlock,
    },
    /// `block` lives on main again, and every chunk of it is plain.
    Unmap {
        /// The block of the target.
        block: Block,
    },
    /// The states of the sectors of one chunk of `block`, whole: a plain state removes the record.
    Sectors {
        /// The block of the target.
        block: Block,
        /// Which 64 sectors of the block, from zero.
        chunk: u16,
        /// Their states.
        state: ChunkState,
    },
    /// `spare` failed and is never used again.
    BadSpare {
        /// The spare block.
        spare: SpareBlock,
    },
}
