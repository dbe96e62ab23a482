// SPDX-License-Identifier: GPL-2.0-only

//! Facts of the map in few words.

use dm_remap_core::{
    record::{ChunkState, Record},
    units::{Block, BlockSize, SpareBlock},
};

pub fn remap(block: u64, spare: u32) -> Record {
    Record::Remap {
        block: Block(block),
        spare: SpareBlock(spare),
    }
}

pub fn sectors(block: u64, chunk: u16, unspared: u64, lost: u64) -> Record {
    Record::Sectors {
        block: Block(block),
        chunk,
        state: ChunkState::new(unspared, lost, 0).expect("a subset"),
    }
}

pub fn size(sectors: u64) -> BlockSize {
    BlockSize::new(sectors).expect("a power of two")
}
