// SPDX-License-Identifier: GPL-2.0-only

//! The map against a naive twin: what it accepts, what it counts, what it writes out, where an I/O goes.

use std::collections::{BTreeMap, BTreeSet};

use dm_remap_core::fault::Op;
use dm_remap_core::map::{Builder, Map, MapError};
use dm_remap_core::record::{ChunkState, Record};
use dm_remap_core::snapshot::Route;
use dm_remap_core::units::{Block, BlockSize, Sector, SectorCount, SpareBlock};
use proptest::prelude::*;

const BLOCKS: u64 = 12;
const SPARES: u32 = 6;
const QUOTA: u32 = 3;

/// The same rules, by brute force.
#[derive(Clone, Default, PartialEq, Debug)]
struct Twin {
    homes: BTreeMap<u64, u32>,
    chunks: BTreeMap<(u64, u16), ChunkState>,
    bad: BTreeSet<u32>,
}

impl Twin {
    /// The twin after `record`; `None` if it contradicts what is there.
    fn after(&self, size: BlockSize, record: &Record) -> Option<Twin> {
        let mut next = self.clone();
        match *record {
            Record::Remap { block, spare } => {
                next.homes.insert(block.0, spare.0);
            }
            Record::Unmap { block } => {
                next.homes.remove(&block.0);
                next.chunks.retain(|key, _| key.0 != block.0);
            }
            Record::Sectors {
                block,
                chunk,
                state,
            } => {
                next.chunks.insert((block.0, chunk), state);
                next.chunks.retain(|_, state| !state.is_plain());
                let end = size.sectors().min(64);
                let bits = state.unspared() | state.pending();
                if u32::from(chunk) >= size.chunks() || (end < 64 && bits >> end != 0) {
                    return None;
                }
                if block.0 >= BLOCKS {
                    return None;
                }
            }
            Record::BadSpare { spare } => {
                next.bad.insert(spare.0);
            }
        }
        next.holds_together(record).then_some(next)
    }

    fn holds_together(&self, record: &Record) -> bool {
        let named = match *record {
            Record::Remap { block, .. } | Record::Unmap { block } => block.0,
            _ => 0,
        };
        let spares: BTreeSet<_> = self.homes.values().collect();
        let mut chunks = self.chunks.iter();
        named < BLOCKS
            && self.homes.values().all(|&s| s < SPARES)
            && self.bad.iter().all(|&s| s < SPARES)
            && spares.len() == self.homes.len()
            && self.homes.values().all(|s| !self.bad.contains(s))
            && chunks.all(|(key, c)| c.unspared() == 0 || self.homes.contains_key(&key.0))
            && self.pending_records() <= QUOTA as usize
    }

    fn pending_records(&self) -> usize {
        let keys = self.chunks.keys();
        keys.filter(|key| !self.homes.contains_key(&key.0)).count()
    }

    /// No sector is in a block that has a home; and where anything else is special, nothing misses it.
    fn misses(
        &self,
        size: BlockSize,
        at: u64,
        len: u64,
        holds: &[Block],
        doubts: &[Block],
    ) -> bool {
        let block = |sector: u64| sector / u64::from(size.sectors());
        let mut homes = self.homes.range(block(at)..=block(at + len - 1));
        let others = self.pending_records() != 0 || !holds.is_empty() || !doubts.is_empty();
        !others && homes.next().is_none()
    }

    /// Where one sector goes. Parts with different answers are different routes.
    fn sector(&self, size: BlockSize, at: u64, op: Op, holds: &[Block], doubts: &[Block]) -> Way {
        let block = at / u64::from(size.sectors());
        let offset = (at % u64::from(size.sectors())) as u32;
        if op == Op::Write && doubts.contains(&Block(block)) {
            return Way::Doubt(block);
        }
        if holds.contains(&Block(block)) {
            return Way::Worker(block);
        }
        let state = self.chunks.get(&(block, (offset / 64) as u16));
        let bit = 1u64 << (offset % 64);
        if op == Op::Write && state.is_some_and(|c| c.pending() & bit != 0) {
            return Way::Worker(block);
        }
        let Some(&spare) = self.homes.get(&block) else {
            return Way::Main;
        };
        match state {
            Some(c) if c.unspared() & bit != 0 => match op {
                Op::Write => Way::Worker(block),
                Op::Read if c.lost() & bit != 0 => Way::Lost(block),
                Op::Read => Way::OnlyMain(block),
            },
            _ => Way::Spare(spare),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Main,
    OnlyMain(u64),
    Spare(u32),
    Lost(u64),
    Worker(u64),
    Doubt(u64),
}

/// The route of an I/O, found by asking for one sector after the other.
fn naive_route(size: BlockSize, ways: impl Iterator<Item = Way>, start: u64) -> Route {
    let mut ways = ways.peekable();
    let first = *ways.peek().expect("at least one sector");
    let len = SectorCount(ways.take_while(|way| *way == first).count() as u64);
    match first {
        Way::Main | Way::OnlyMain(_) => Route::Main { len },
        Way::Lost(_) => Route::Lost { len },
        Way::Worker(_) => Route::Worker { len },
        Way::Doubt(_) => Route::Doubt { len },
        Way::Spare(spare) => Route::Spare {
            block: SpareBlock(spare),
            offset: (start % u64::from(size.sectors())) as u32,
            len,
        },
    }
}

fn sizes() -> impl Strategy<Value = BlockSize> {
    prop::sample::select(vec![1u64, 8, 64, 128, 256])
        .prop_map(|sectors| BlockSize::new(sectors).expect("a power of two"))
}

fn states() -> impl Strategy<Value = ChunkState> {
    let bits = prop_oneof![
        Just(0u64),
        Just(1),
        Just(0xf0),
        Just(u64::MAX),
        any::<u64>().prop_map(|b| b & 0xff),
        any::<u64>()
    ];
    (bits.clone(), bits.clone(), bits, any::<bool>()).prop_map(|(unspared, lost, pending, only)| {
        let unspared = if only { 0 } else { unspared };
        ChunkState::new(unspared, lost & unspared, pending).expect("a subset")
    })
}

fn records() -> impl Strategy<Value = Record> {
    let block = (0..BLOCKS + 1).prop_map(Block);
    let spare = (0..SPARES + 1).prop_map(SpareBlock);
    prop_oneof![
        4 => (block.clone(), spare.clone()).prop_map(|(block, spare)| Record::Remap { block, spare }),
        1 => block.clone().prop_map(|block| Record::Unmap { block }),
        6 => (block, 0u16..4, states())
            .prop_map(|(block, chunk, state)| Record::Sectors { block, chunk, state }),
        1 => spare.prop_map(|spare| Record::BadSpare { spare }),
    ]
}

fn new_map(size: BlockSize) -> Map {
    Map::new(size, BLOCKS, SPARES, QUOTA).expect("memory")
}

/// Both have the same contents, by every way of asking.
fn check_equal(map: &Map, twin: &Twin) {
    let counters = map.counters();
    assert_eq!(counters.remapped, twin.homes.len() as u64);
    let sum = |f: fn(&ChunkState) -> u64| -> u64 {
        twin.chunks
            .values()
            .map(|c| u64::from(f(c).count_ones()))
            .sum()
    };
    assert_eq!(counters.pending_sectors, sum(|c| c.pending()));
    assert_eq!(counters.lost_sectors, sum(|c| c.lost()));
    assert_eq!(counters.pending_records as usize, twin.pending_records());
    assert_eq!(map.pending_full(), twin.pending_records() >= QUOTA as usize);
    assert_eq!(counters.spare_total, SPARES);
    assert_eq!(counters.spare_failed as usize, twin.bad.len());
    let free = SPARES as usize - twin.homes.len() - twin.bad.len();
    assert_eq!(counters.spare_free as usize, free);
    for block in 0..BLOCKS {
        let home = twin.homes.get(&block).map(|s| SpareBlock(*s));
        assert_eq!(map.lookup(Block(block)), home);
        for chunk in 0..4 {
            let state = twin
                .chunks
                .get(&(block, chunk))
                .copied()
                .unwrap_or_default();
            assert_eq!(map.chunk(Block(block), chunk), state);
        }
    }
}

fn twin_records(twin: &Twin) -> Vec<Record> {
    let mut all = Vec::new();
    for block in 0..BLOCKS {
        if let Some(spare) = twin.homes.get(&block) {
            all.push(Record::Remap {
                block: Block(block),
                spare: SpareBlock(*spare),
            });
        }
        for (key, state) in twin.chunks.range((block, 0)..(block + 1, 0)) {
            all.push(Record::Sectors {
                block: Block(block),
                chunk: key.1,
                state: *state,
            });
        }
    }
    all.extend(twin.bad.iter().map(|s| Record::BadSpare {
        spare: SpareBlock(*s),
    }));
    all
}

fn rebuilt(size: BlockSize, records: &[Record]) -> Result<Map, MapError> {
    let mut builder = Builder::new(size, BLOCKS, SPARES, QUOTA)?;
    for record in records {
        builder.push(record)?;
    }
    builder.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn equals_twin(
        size in sizes(),
        ops in prop::collection::vec(records(), 0..80),
        io in prop::collection::vec((0u64..4000, 1u64..900, any::<bool>()), 30),
        holds in prop::collection::vec((0..BLOCKS).prop_map(Block), 0..3),
        doubts in prop::collection::vec((0..BLOCKS).prop_map(Block), 0..3),
    ) {
        let mut map = new_map(size);
        let mut twin = Twin::default();
        for record in &ops {
            match (map.apply(record), twin.after(size, record)) {
                (Ok(()), Some(next)) => twin = next,
                (Err(MapError::Inconsistent(_)), None) => {}
                (got, want) => panic!("{record:?}: {got:?}, twin {want:?}"),
            }
            // Once more changes nothing.
            let again = map.apply(record);
            prop_assert_eq!(again.is_ok(), twin.after(size, record).is_some());
            check_equal(&map, &twin);
        }

        // All records at once end where they end one by one, or change nothing.
        let mut batch = new_map(size);
        let all_good = ops.iter().try_fold(Twin::default(), |t, r| t.after(size, r));
        match (batch.prepare(&ops), &all_good) {
            (Ok(next), Some(end)) => {
                batch.commit(next);
                check_equal(&batch, end);
            }
            (Err(MapError::Inconsistent(_)), None) => check_equal(&batch, &Twin::default()),
            (got, want) => panic!("{:?}, twin {want:?}", got.err()),
        }

        // What it writes out makes the same map again, by either way.
        let dump: Vec<_> = map.records().collect();
        prop_assert_eq!(&dump, &twin_records(&twin));
        let built = rebuilt(size, &dump).expect("its own dump");
        check_equal(&built, &twin);
        prop_assert_eq!(&built.records().collect::<Vec<_>>(), &dump);
        let mut applied = new_map(size);
        for record in &dump {
            prop_assert_eq!(applied.apply(record), Ok(()));
        }
        check_equal(&applied, &twin);

        // Where I/O goes, from each of them.
        let blocks_end = BLOCKS * u64::from(size.sectors());
        for map in [&map, &built] {
            let snapshot = map.snapshot(&holds, &doubts).expect("memory");
            for &(start, len, write) in &io {
                let op = if write { Op::Write } else { Op::Read };
                let start = start % blocks_end;
                let ways = (start..start + len).map(|s| twin.sector(size, s, op, &holds, &doubts));
                let route = snapshot.route(Sector(start), SectorCount(len), op);
                prop_assert_eq!(route, naive_route(size, ways, start));
                let misses = snapshot.misses(Sector(start), SectorCount(len));
                prop_assert_eq!(misses, twin.misses(size, start, len, &holds, &doubts));
            }
        }
    }

    #[test]
    fn dump_out_of_order_is_refused(
        size in sizes(),
        records in prop::collection::vec(records(), 0..12),
    ) {
        if let Ok(map) = rebuilt(size, &records) {
            // What was accepted was in order, so its dump is what came in, but for the bad spares' place.
            let (bad, mut rest): (Vec<_>, Vec<_>) = records
                .into_iter()
                .partition(|r| matches!(r, Record::BadSpare { .. }));
            let bad: BTreeSet<_> = bad
                .into_iter()
                .filter_map(|r| match r { Record::BadSpare { spare } => Some(spare), _ => None })
                .collect();
            rest.extend(bad.into_iter().map(|spare| Record::BadSpare { spare }));
            prop_assert_eq!(map.records().collect::<Vec<_>>(), rest);
        }
    }
}
