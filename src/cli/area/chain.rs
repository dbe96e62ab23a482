// SPDX-License-Identifier: GPL-2.0-only

//! Chains of the log, found from their last block: each block names the one before it by its checksum, so one that is
//! named by a block that counts is proven, whatever is to be said of the copy that it lies in.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use dm_remap_core::{
    layout::CopyId,
    log::{Header, Kind},
    superblock::Superblock,
};

use super::survey::{Seen, Survey};

/// A chain: blocks of one half that belong together.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) half: u8,
    pub(crate) base: u64,
    /// Its blocks by index, as far as there are any.
    pub(crate) blocks: BTreeMap<u32, Seen>,
    /// The index of its last block.
    pub(crate) tail: u32,
}

/// By the rules of this superblock, a block does not count.
pub(crate) fn is_void(sb: &Superblock, seen: &Seen) -> bool {
    let Seen { copy, header } = seen;
    let former = header.epoch < sb.epoch;
    let since = copy.of(sb.degraded);
    (former && (header.generation > sb.sealed || header.base != sb.adopted))
        || (since != 0 && header.generation >= since)
}

/// The block names a newer superblock than this one.
pub(crate) fn is_newer(sb: &Superblock, header: &Header) -> bool {
    header.epoch > sb.epoch || header.superblock > sb.seq
}

/// The generations with which the chains of a half begin, going by all blocks that are where they say.
pub(crate) fn bases(survey: &Survey) -> BTreeSet<(u64, u8)> {
    let all = survey.blocks.iter().flat_map(|(&at, seen)| {
        let here = seen.iter().filter(move |s| is_here(&s.header, at));
        here.map(move |s| (s.header.base, at.0))
    });
    all.collect()
}

/// The block was written to be where it lies.
fn is_here(header: &Header, (half, index): (u8, u32)) -> bool {
    header.half == half
        && header.index == index
        && header.generation >= header.base
        && !matches!(header.kind, Kind::Unknown(_))
}

impl Chain {
    /// The chain of `base`, from its last block back, where `counts` says which blocks may be the last, or may stand
    /// after a gap. `None` if there is no such block.
    pub(crate) fn find(
        survey: &Survey,
        half: u8,
        base: u64,
        counts: &dyn Fn(&Seen) -> bool,
    ) -> Option<Chain> {
        let of = |index: u32| {
            let seen = survey.blocks.get(&(half, index)).into_iter().flatten();
            seen.filter(move |s| is_here(&s.header, (half, index)) && s.header.base == base)
        };
        let of_half = survey.blocks.range((half, 0)..=(half, u32::MAX));
        let all = of_half.flat_map(|(at, _)| of(at.1).map(|seen| (at.1, *seen)));
        let last = all.filter(|(_, seen)| counts(seen));
        // Of two blocks of a generation the kernel takes the one of copy A.
        let newest = |(_, s): &(u32, Seen)| (s.header.generation, Reverse(s.copy.number()));
        let (tail, mut next) = last.max_by_key(newest)?;
        let mut blocks = BTreeMap::from([(tail, next)]);
        let mut linked = true;
        for index in (0..tail).rev() {
            let (crc, generation) = (next.header.prev_crc, next.header.generation);
            let named = match linked {
                true => of(index).find(|s| s.header.crc == crc),
                // Behind a gap nothing names it: it has to count by itself.
                false => of(index)
                    .filter(|s| counts(s) && s.header.generation < generation)
                    .max_by_key(|s| s.header.generation),
            };
            linked = named.is_some();
            if let Some(seen) = named {
                next = *seen;
                blocks.insert(index, next);
            }
        }
        Some(Chain {
            half,
            base,
            blocks,
            tail,
        })
    }

    /// The last block.
    pub(crate) fn last(&self) -> Option<&Header> {
        self.blocks.get(&self.tail).map(|seen| &seen.header)
    }

    /// The first block.
    pub(crate) fn head(&self) -> Option<&Header> {
        self.blocks.get(&0).map(|seen| &seen.header)
    }

    /// No block is missing.
    pub(crate) fn is_whole(&self) -> bool {
        self.blocks.len() as u64 == u64::from(self.tail) + 1
    }

    /// It has the last block of its checkpoint, or what is only written behind that.
    pub(crate) fn has_checkpoint(&self) -> bool {
        let mut kinds = self.blocks.values().map(|seen| seen.header.kind);
        kinds.any(|kind| matches!(kind, Kind::Checkpoint { last: true } | Kind::Commit))
    }

    /// The copies that lack a block of the chain, or have another one there.
    pub(crate) fn lacking(&self, survey: &Survey, index: u32) -> Vec<CopyId> {
        let Some(seen) = self.blocks.get(&index) else {
            return CopyId::BOTH.to_vec();
        };
        let holders = survey.holders(self.half, index, seen.header.crc);
        let lacks = |copy: &CopyId| !holders.contains(copy);
        CopyId::BOTH.into_iter().filter(lacks).collect()
    }
}
