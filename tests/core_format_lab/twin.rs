// SPDX-License-Identifier: GPL-2.0-only

//! The map, so simple that it is plainly right, and random changes of it.

use std::collections::{BTreeMap, BTreeSet};

use dm_remap_core::{
    map::Map,
    record::{ChunkState, Record},
    units::{Block, SpareBlock},
};

/// A small generator of random numbers: a seed makes the whole run.
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    pub fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Twin {
    pub homes: BTreeMap<u64, u32>,
    pub chunks: BTreeMap<(u64, u16), (u64, u64, u64)>,
    pub bad: BTreeSet<u32>,
}

impl Twin {
    pub fn apply(&mut self, record: &Record) {
        match *record {
            Record::Remap { block, spare } => {
                self.homes.insert(block.0, spare.0);
            }
            Record::Unmap { block } => {
                self.homes.remove(&block.0);
                self.chunks.retain(|key, _| key.0 != block.0);
            }
            Record::Sectors {
                block,
                chunk,
                state,
            } => {
                let key = (block.0, chunk);
                if state.is_plain() {
                    self.chunks.remove(&key);
                } else {
                    let bits = (state.unspared(), state.lost(), state.pending());
                    self.chunks.insert(key, bits);
                }
            }
            Record::BadSpare { spare } => {
                self.bad.insert(spare.0);
            }
        }
    }

    pub fn of(map: &Map) -> Twin {
        let mut twin = Twin::default();
        for record in map.records() {
            twin.apply(&record);
        }
        twin
    }

    /// A random change that makes sense, for an area with `spares` spare blocks of 8 sectors.
    pub fn change(&self, dice: &mut Dice, blocks: u64, spares: u32) -> Vec<Record> {
        let mut next = self.clone();
        let mut batch = Vec::new();
        let sectors = |dice: &mut Dice| {
            let unspared = dice.roll() & 0xff;
            ChunkState::new(unspared, unspared & dice.roll(), dice.roll() & 0xff).expect("a subset")
        };
        // Some blocks of the log are full beyond their first sector, so that a torn one is torn.
        let most = if dice.chance(2) { 40 } else { 3 };
        for _ in 0..1 + dice.below(most) {
            let spare = dice.below(spares.into()) as u32;
            let taken = next.bad.contains(&spare) || next.homes.values().any(|&s| s == spare);
            let free = (!taken).then_some(spare);
            let some = next
                .homes
                .keys()
                .copied()
                .nth(dice.below(1 + next.homes.len() as u64) as usize);
            let mut records = Vec::new();
            match (dice.below(8), free, some) {
                (0..=3, Some(spare), _) => {
                    let block = Block(dice.below(blocks));
                    let spare = SpareBlock(spare);
                    records.push(Record::Remap { block, spare });
                    if dice.chance(2) {
                        let state = sectors(dice);
                        records.push(Record::Sectors {
                            block,
                            chunk: 0,
                            state,
                        });
                    }
                }
                (4, _, Some(block)) => records.push(Record::Unmap {
                    block: Block(block),
                }),
                (5, _, Some(block)) => records.push(Record::Sectors {
                    block: Block(block),
                    chunk: 0,
                    state: sectors(dice),
                }),
                (6, Some(spare), Some(block)) if next.bad.len() < 8 => {
                    let old = next.homes[&block];
                    records.push(Record::Remap {
                        block: Block(block),
                        spare: SpareBlock(spare),
                    });
                    records.push(Record::BadSpare {
                        spare: SpareBlock(old),
                    });
                }
                _ if next.chunks.len() < 100 => {
                    let block = dice.below(blocks);
                    if !next.homes.contains_key(&block) {
                        records.push(Record::Sectors {
                            block: Block(block),
                            chunk: 0,
                            state: ChunkState::PLAIN.with_pending(1 + dice.below(255)),
                        });
                    }
                }
                _ => {}
            }
            for record in &records {
                next.apply(record);
            }
            batch.extend(records);
        }
        batch
    }
}
