// SPDX-License-Identifier: GPL-2.0-only

//! What the blocks of a damaged log say, and how sure that is.
//!
//! Records are absolute, so what a later block states is so whatever was lost before it. What was stated before a gap may
//! have been changed in it, and is not sure from there on, until something states it again.

use std::collections::{btree_map::Entry, BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use dm_remap_core::{
    log::{SECTORS_UNITS, UNITS},
    map::Map,
    record::{ChunkState, Record, CHUNK_SECTORS},
    superblock::Superblock,
    units::{Block, SpareBlock},
};
use serde::Serialize;

use super::document::{builder, in_words};

/// What is known of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    spare: Option<u32>,
    chunks: BTreeMap<u16, ChunkState>,
    /// Where it lives is sure.
    home_sure: bool,
    /// The chunks whose states are sure, a bit each.
    chunks_sure: u32,
}

/// What is known of the map.
#[derive(Clone, Debug)]
pub(crate) struct Knowledge {
    blocks: BTreeMap<u64, Known>,
    failed: BTreeSet<u32>,
    /// What is not said is not so.
    silent_sure: bool,
    /// A bit for each chunk of a block.
    all_chunks: u32,
}

/// What is to become of a block of which something is not sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Uncertain {
    /// Its sectors are lost: reading them is an error until they are written
    Lost,
    /// It is taken for as it was last known to be
    Keep,
}

/// A block of which something is not sure.
#[derive(Debug, Serialize)]
pub(crate) struct Doubtful {
    pub(crate) block: u64,
    pub(crate) first_sector: u64,
    pub(crate) sectors: u64,
    /// Where it lived when that was last known.
    pub(crate) spare_block: Option<u32>,
    pub(crate) reason: &'static str,
    /// What it is in the new area.
    pub(crate) treatment: &'static str,
}

/// The block of the target that a record is about.
pub(crate) fn block_of(record: &Record) -> Option<u64> {
    match record {
        Record::Remap { block, .. } | Record::Unmap { block } | Record::Sectors { block, .. } => {
            Some(block.0)
        }
        Record::BadSpare { .. } => None,
    }
}

impl Knowledge {
    /// Nothing is remapped, and that is sure.
    pub(crate) fn new(sb: &Superblock) -> Knowledge {
        let chunks = sb.layout.block_size().chunks();
        Knowledge {
            blocks: BTreeMap::new(),
            failed: BTreeSet::new(),
            silent_sure: true,
            all_chunks: u32::MAX >> (32 - chunks.clamp(1, 32)),
        }
    }

    fn known(&mut self, block: u64) -> &mut Known {
        let (sure, all) = (self.silent_sure, self.all_chunks);
        self.blocks.entry(block).or_insert_with(|| Known {
            home_sure: sure,
            chunks_sure: if sure { all } else { 0 },
            ..Known::default()
        })
    }

    /// Takes note of what a block of the log states.
    pub(crate) fn apply(&mut self, record: &Record) {
        match *record {
            Record::Remap { block, spare } => {
                let known = self.known(block.0);
                known.spare = Some(spare.0);
                known.home_sure = true;
            }
            Record::Unmap { block } => {
                let all = self.all_chunks;
                *self.known(block.0) = Known {
                    home_sure: true,
                    chunks_sure: all,
                    ..Known::default()
                };
            }
            Record::Sectors {
                block,
                chunk,
                state,
            } => {
                let known = self.known(block.0);
                known.chunks_sure |= 1u32.checked_shl(chunk.into()).unwrap_or(0);
                if state.is_plain() {
                    known.chunks.remove(&chunk);
                } else {
                    known.chunks.insert(chunk, state);
                }
            }
            Record::BadSpare { spare } => {
                self.failed.insert(spare.0);
            }
        }
    }

    /// Something was stated here that cannot be read: whatever is known may have been changed.
    pub(crate) fn gap(&mut self) {
        self.silent_sure = false;
        for known in self.blocks.values_mut() {
            known.home_sure = false;
            known.chunks_sure = 0;
        }
    }

    /// What the last block states may never have come about.
    pub(crate) fn doubt(&mut self, records: &[Record]) {
        let blocks = records.iter().filter_map(block_of);
        blocks.for_each(|block| self.doubt_block(block));
    }

    /// Not all that is said of this block is at hand.
    pub(crate) fn doubt_block(&mut self, block: u64) {
        if let Some(known) = self.blocks.get_mut(&block) {
            known.home_sure = false;
            known.chunks_sure = 0;
        }
    }

    /// Takes over what an older chain says of the blocks from `low` to `high`, where there is nothing newer: it is not
    /// sure. Whether anything was taken over.
    pub(crate) fn fill_from(&mut self, older: &Knowledge, low: u64, high: u64) -> bool {
        self.silent_sure = false;
        let mut any = false;
        for (&block, known) in older.blocks.range(low..=high) {
            if let Entry::Vacant(place) = self.blocks.entry(block) {
                place.insert(Known {
                    home_sure: false,
                    chunks_sure: 0,
                    ..known.clone()
                });
                any = true;
            }
        }
        self.failed.extend(&older.failed);
        any
    }

    /// All of it is sure.
    pub(crate) fn is_sure(&self) -> bool {
        self.silent_sure && self.blocks.values().all(|known| self.is_known(known))
    }

    fn is_known(&self, known: &Known) -> bool {
        known.home_sure && known.chunks_sure == self.all_chunks
    }

    /// How many blocks of the log a checkpoint of it has.
    pub(crate) fn checkpoint_blocks(&self) -> u32 {
        let homes = self.blocks.values().flat_map(|known| {
            let home = known.spare.map(|_| 1);
            home.into_iter()
                .chain(known.chunks.values().map(|_| SECTORS_UNITS))
        });
        let (mut blocks, mut room) = (1, UNITS);
        for units in homes.chain(self.failed.iter().map(|_| 1)) {
            // A record does not cross from one block to the next.
            if units > room {
                (blocks, room) = (blocks + 1, UNITS);
            }
            room -= units;
        }
        blocks
    }

    /// The map that this comes to, and every block of which something is not sure. Where the kernel might serve what is
    /// old, it is made to serve an error.
    pub(crate) fn settle(
        &self,
        sb: &Superblock,
        uncertain: Uncertain,
    ) -> Result<(Map, Vec<Doubtful>)> {
        let homes = self.blocks.values().filter_map(|known| known.spare);
        let mut shared = BTreeMap::<u32, (u32, u32)>::new();
        for known in self.blocks.values() {
            if let Some(spare) = known.spare {
                let (all, sure) = shared.entry(spare).or_default();
                *all += 1;
                *sure += u32::from(known.home_sure);
            }
        }
        let mut taken: BTreeSet<u32> = homes.chain(self.failed.iter().copied()).collect();
        let mut free = 0..sb.layout.spare_count();
        let mut builder = builder(sb)?;
        let mut doubtful = Vec::new();
        let mut room = sb.layout.pending_quota();
        for (&block, known) in &self.blocks {
            // A block that was moved away in a gap has left its old spare block to another.
            let fits = known.spare.is_none_or(|spare| {
                let (all, sure) = shared.get(&spare).copied().unwrap_or_default();
                let alone = all == 1 || (known.home_sure && sure == 1);
                alone && !self.failed.contains(&spare)
            });
            let unspared = known.chunks.values().any(|state| state.unspared() != 0);
            let homeless = known.spare.is_none() && unspared;
            let is_plain = known.spare.is_none() && known.chunks.is_empty();
            let mut tell = |reason, treatment| {
                let size = u64::from(sb.layout.block_size().sectors());
                doubtful.push(Doubtful {
                    block,
                    first_sector: block * size,
                    sectors: size,
                    spare_block: known.spare,
                    reason,
                    treatment,
                });
            };
            let lost = if !fits || homeless {
                let spare = free.find(|spare| taken.insert(*spare));
                let reason = match homeless {
                    true => "it was remapped, and where to is lost",
                    false => "it has moved on from this spare block, and where to is lost",
                };
                let Some(spare) = spare else {
                    tell(
                        reason,
                        "on main, which is old: no spare block is left to say so",
                    );
                    continue;
                };
                tell(reason, "lost");
                Some(spare)
            } else if self.is_known(known) {
                None
            } else if known.spare.is_none() {
                // A mark changes nothing of what is read.
                if is_plain {
                    continue;
                }
                tell("it may have changed in what is lost", "pending");
                None
            } else if uncertain == Uncertain::Lost {
                tell("it may have changed in what is lost", "lost");
                known.spare
            } else {
                tell("it may have changed in what is lost", "kept");
                None
            };
            let home = lost.or(known.spare);
            let mut records = Vec::new();
            if let Some(spare) = home {
                records.push(Record::Remap {
                    block: Block(block),
                    spare: SpareBlock(spare),
                });
            }
            if lost.is_some() {
                records.extend(all_lost(sb, block)?);
            } else {
                for (&chunk, &state) in &known.chunks {
                    if home.is_none() {
                        let Some(less) = room.checked_sub(1) else {
                            continue;
                        };
                        room = less;
                    }
                    records.push(Record::Sectors {
                        block: Block(block),
                        chunk,
                        state,
                    });
                }
            }
            for record in &records {
                let pushed = builder.push(record).map_err(in_words);
                pushed.with_context(|| format!("block {block}"))?;
            }
        }
        for &spare in &self.failed {
            let record = Record::BadSpare {
                spare: SpareBlock(spare),
            };
            let pushed = builder.push(&record).map_err(in_words);
            pushed.with_context(|| format!("spare block {spare}"))?;
        }
        Ok((builder.finish().map_err(in_words)?, doubtful))
    }
}

/// That every sector of a block is lost.
fn all_lost(sb: &Superblock, block: u64) -> Result<Vec<Record>> {
    let size = sb.layout.block_size();
    let bits = u64::MAX >> (64 - size.sectors().min(CHUNK_SECTORS));
    let state = ChunkState::new(bits, bits, 0).context("a state")?;
    let chunks = u16::try_from(size.chunks())?;
    let record = |chunk| Record::Sectors {
        block: Block(block),
        chunk,
        state,
    };
    Ok((0..chunks).map(record).collect())
}
