// SPDX-License-Identifier: GPL-2.0-only

//! The map's memory: how much of it, and what happens when it is refused.

use std::collections::BTreeSet;

#[path = "core_lab/records.rs"]
mod records;

use dm_remap_core::map::{Builder, Map, MapError};
use dm_remap_core::mem::{host, NoMemory};
use dm_remap_core::record::{ChunkState, Record};
use dm_remap_core::units::{Block, Sector, SectorCount, SpareBlock};
use records::{remap, sectors, size};

/// Runs `change` with its first allocation refused, then its second, until it gets all of them.
fn refuse_in_turn<T, E: PartialEq + std::fmt::Debug>(
    refused: E,
    mut change: impl FnMut() -> Result<T, E>,
    mut untouched: impl FnMut(),
) -> T {
    for n in 0.. {
        host::refuse_after(Some(n));
        let result = change();
        host::refuse_after(None);
        match result {
            Ok(done) => {
                assert!(n > 0, "nothing was allocated");
                return done;
            }
            Err(e) => {
                assert_eq!(e, refused);
                untouched();
            }
        }
    }
    unreachable!("the range has no end")
}

#[test]
fn each_refused_allocation_leaves_the_map_untouched() {
    let mut map = Map::new(size(128), 4000, 600, 100).expect("memory");
    for n in 0..300u32 {
        assert_eq!(map.apply(&remap(u64::from(n) * 7, n)), Ok(()));
        assert_eq!(map.apply(&sectors(u64::from(n) * 7, 1, 3, 1)), Ok(()));
    }
    let batch = [
        remap(1, 400),
        sectors(1, 0, u64::MAX, 5),
        remap(7, 401),
        Record::BadSpare {
            spare: SpareBlock(1),
        },
        Record::Unmap { block: Block(14) },
        sectors(21, 1, 0, 0),
        Record::Sectors {
            block: Block(3999),
            chunk: 1,
            state: ChunkState::PLAIN.with_pending(8),
        },
    ];
    let dump: Vec<_> = map.records().collect();
    let counters = map.counters();
    let live = host::live_bytes();
    let untouched = || {
        assert_eq!(host::live_bytes(), live);
        assert_eq!(map.counters(), counters);
        assert!(map.records().eq(dump.iter().copied()));
    };
    let next = refuse_in_turn(MapError::NoMemory, || map.prepare(&batch), untouched);
    refuse_in_turn(
        NoMemory,
        || next.snapshot(&[Block(1), Block(0)], &[Block(9)]),
        || {},
    );
    refuse_in_turn(MapError::NoMemory, || Map::new(size(8), 10, 100, 0), || {});
    refuse_in_turn(
        MapError::NoMemory,
        || {
            let mut builder = Builder::new(size(128), 4000, 600, 100)?;
            for record in &dump {
                builder.push(record)?;
            }
            builder.finish()
        },
        || {},
    );
    let asked = host::allocations();
    map.commit(next);
    assert_eq!(host::allocations(), asked, "a commit allocates nothing");
    assert_eq!(map.lookup(Block(7)), Some(SpareBlock(401)));
    assert_eq!(map.lookup(Block(14)), None);
}

/// Numbers below `n`, each once, in an order that looks random; `n` is a power of two.
fn shuffled(n: u64) -> impl Iterator<Item = u64> {
    (0..n).map(move |i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7) & (n - 1) ^ i)
}

#[test]
fn memory_an_entry_stays_within_bounds_however_the_map_came_to_be() {
    const ENTRIES: u64 = 1 << 16;
    let limit = 32 * ENTRIES as i64;
    let new = || Map::new(size(8), ENTRIES * 8, ENTRIES as u32, 0).expect("memory");
    let spare = |block: u64| SpareBlock(block as u32);
    let mut orders: [(&str, Vec<u64>); 3] = [
        ("ascending", (0..ENTRIES).collect()),
        ("descending", (0..ENTRIES).rev().collect()),
        ("shuffled", shuffled(ENTRIES).collect()),
    ];
    for (name, order) in &mut orders {
        let before = host::live_bytes();
        let mut map = new();
        let mut seen = BTreeSet::new();
        for n in order.iter().filter(|n| seen.insert(**n)) {
            let record = Record::Remap {
                block: Block(n * 7),
                spare: spare(*n),
            };
            assert_eq!(map.apply(&record), Ok(()));
        }
        let entries = map.counters().remapped as i64;
        let bytes = host::live_bytes() - before;
        assert!(
            bytes <= 32 * entries,
            "{name}: {bytes} bytes, {entries} entries"
        );
        assert!(bytes <= limit);
        // Three of four go; what stays must not keep the memory of what went.
        for n in seen.iter().filter(|n| **n % 4 != 1) {
            let block = Block(n * 7);
            assert_eq!(map.apply(&Record::Unmap { block }), Ok(()));
        }
        let entries = map.counters().remapped as i64;
        let bytes = host::live_bytes() - before;
        assert!(
            bytes <= 32 * entries,
            "{name}: {bytes} bytes, {entries} entries"
        );
    }
}

/// Prints what a million entries cost: `cargo test --release --test core_map_memory -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, for release builds"]
fn a_million_entries() {
    use std::time::Instant;
    const ENTRIES: u64 = 1_000_000;
    let builder = || Builder::new(size(8), ENTRIES * 10, ENTRIES as u32, 0).expect("memory");
    let before = host::live_bytes();
    let begun = Instant::now();
    let mut whole = builder();
    for n in 0..ENTRIES {
        assert_eq!(whole.push(&remap(n * 9, n as u32)), Ok(()));
    }
    let mut map = whole.finish().expect("memory");
    let built = begun.elapsed();
    let bytes = host::live_bytes() - before;
    println!(
        "built in {built:?}, {} bytes an entry",
        bytes / ENTRIES as i64
    );
    assert!(bytes <= 32 * ENTRIES as i64);
    assert!(built.as_millis() < 1000);

    let begun = Instant::now();
    assert_eq!(map.records().count() as u64, ENTRIES);
    println!("dumped in {:?}", begun.elapsed());

    let snapshot = map.snapshot(&[], &[]).expect("memory");
    let begun = Instant::now();
    let mut spared = 0;
    for n in 0..ENTRIES {
        let at = Sector(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (ENTRIES * 80));
        spared += u64::from(!snapshot.misses(at, SectorCount(1)));
    }
    println!(
        "{:?} a lookup, {spared} on spare",
        begun.elapsed() / ENTRIES as u32
    );
    assert!(spared > 0);

    let begun = Instant::now();
    for n in 0..10_000 {
        let block = Block(n * 7919 % ENTRIES * 9);
        assert_eq!(map.apply(&Record::Unmap { block }), Ok(()));
    }
    println!("{:?} a change", begun.elapsed() / 10_000);

    let begun = Instant::now();
    let mut slow = Map::new(size(8), ENTRIES * 10, ENTRIES as u32, 0).expect("memory");
    for n in 0..ENTRIES {
        assert_eq!(slow.apply(&remap(n * 9, n as u32)), Ok(()));
    }
    println!("one by one in {:?}", begun.elapsed());
}
