// SPDX-License-Identifier: GPL-2.0-only

//! Two different blocks of the log that stand for the same commit, each with a right checksum. One session writes the same
//! bytes to both copies, and uses no generation twice: so two of them wrote this area, each without the other's blocks. That
//! is what halves of a mirror come to that were used apart, or an area of which an older part was put back.

use dm_remap_core::superblock::Superblock;

use super::{
    chain::{is_void, Chain},
    judge::name,
    survey::{Seen, Survey},
};

/// The other block at an index of this chain, if there are two.
pub(crate) fn twin(sb: &Superblock, survey: &Survey, chain: &Chain, index: u32) -> Option<Seen> {
    let own = chain.blocks.get(&index)?.header;
    let seen = survey.blocks.get(&(chain.half, index))?;
    let is_twin = |s: &&Seen| {
        let h = s.header;
        let at = (h.half, h.index, h.base, h.generation);
        at == (own.half, own.index, own.base, own.generation) && h.crc != own.crc && !is_void(sb, s)
    };
    seen.iter().find(is_twin).copied()
}

/// The first index of this chain at which there are two, and the other one.
pub(crate) fn first(sb: &Superblock, survey: &Survey, chain: &Chain) -> Option<(u32, Seen)> {
    let mut indices = chain.blocks.keys();
    indices.find_map(|&index| Some((index, twin(sb, survey, chain, index)?)))
}

/// What is to be said of them.
pub(crate) fn in_words(index: u32, twin: &Seen) -> String {
    let (half, generation) = (twin.header.half, twin.header.generation);
    format!(
        "log, half {half}, block {index}: copy {} has another block of generation {generation} than the other copy, with a checksum that is right as well: \
         two sessions wrote this area apart from each other, and nothing tells which of them counts",
        name(twin.copy)
    )
}
