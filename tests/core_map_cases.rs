// SPDX-License-Identifier: GPL-2.0-only

//! The map, case by case.

use std::collections::BTreeSet;

#[path = "core_lab/records.rs"]
mod records;

use dm_remap_core::fault::Op;
use dm_remap_core::map::{Builder, Cursor, Map, MapError};
use dm_remap_core::record::{ChunkState, Record};
use dm_remap_core::snapshot::{Route, Snapshot};
use dm_remap_core::units::{Block, BlockSize, Sector, SectorCount, SpareBlock};
use records::{remap, sectors, size};

const SPARES: u32 = 6;
const QUOTA: u32 = 3;

fn new_map(size: BlockSize) -> Map {
    Map::new(size, 12, SPARES, QUOTA).expect("memory")
}

/// Two originals must never share a spare block, whatever was reloaded in between.
#[test]
fn peers_row_3_allocator_is_derived_from_the_durable_map() {
    let mut map = Map::new(size(8), 1000, 100, 10).expect("memory");
    let mut used = BTreeSet::new();
    for block in 0..40 {
        let spare = map.allocate().expect("free");
        assert!(used.insert(spare), "{spare:?} was handed out twice");
        let record = Record::Remap {
            block: Block(block * 3),
            spare,
        };
        assert_eq!(map.apply(&record), Ok(()));
    }
    // The next one fails, and one more is handed out whose record never gets durable.
    let bad = map.allocate().expect("free");
    assert_eq!(map.apply(&Record::BadSpare { spare: bad }), Ok(()));
    let forgotten = map.allocate().expect("free");

    let mut reloaded = Builder::new(size(8), 1000, 100, 10).expect("memory");
    for record in map.records() {
        assert_eq!(reloaded.push(&record), Ok(()));
    }
    let mut reloaded = reloaded.finish().expect("memory");
    let mut seen_forgotten = false;
    while let Some(spare) = reloaded.allocate() {
        assert_ne!(spare, bad, "a failed spare block was handed out");
        assert!(used.insert(spare), "{spare:?} was handed out twice");
        seen_forgotten |= spare == forgotten;
    }
    assert!(seen_forgotten, "a reservation outlived the reload");
    assert_eq!(used.len(), 99);
}

/// Every part of an I/O of any size goes where its own sectors live.
#[test]
fn peers_row_6_io_of_any_size_is_split_at_every_edge() {
    let mut map = Map::new(size(8), 64, 16, 10).expect("memory");
    for record in [
        remap(2, 5),
        remap(3, 1),
        remap(9, 7),
        sectors(9, 0, 0b0001_1100, 0b0000_1000),
    ] {
        assert_eq!(map.apply(&record), Ok(()));
    }
    let snapshot = map.snapshot(&[Block(12)], &[]).expect("memory");
    let mut at = 3;
    let mut parts = Vec::new();
    while at < 512 {
        let len = SectorCount(512 - at);
        let route = snapshot.route(Sector(at), len, Op::Read);
        at += length(route);
        parts.push(route);
    }
    let main = |len| Route::Main {
        len: SectorCount(len),
    };
    let spare = |block, offset, len| Route::Spare {
        block: SpareBlock(block),
        offset,
        len: SectorCount(len),
    };
    let lost = Route::Lost {
        len: SectorCount(1),
    };
    let held = Route::Worker {
        len: SectorCount(8),
    };
    assert_eq!(
        parts,
        [
            main(13),
            spare(5, 0, 8),
            spare(1, 0, 8),
            main(40),
            spare(7, 0, 2),
            main(1),
            lost,
            main(1),
            spare(7, 5, 3),
            main(16),
            held,
            main(408),
        ]
    );
    assert_eq!(at, 512);
}

fn length(route: Route) -> u64 {
    match route {
        Route::Main { len }
        | Route::Spare { len, .. }
        | Route::Lost { len }
        | Route::Worker { len }
        | Route::Doubt { len } => len.0,
    }
}

/// A read is never pointed at spare sectors that were not written.
#[test]
fn peers_row_5_unwritten_spare_sectors_are_never_read() {
    let mut map = Map::new(size(128), 4, 2, 2).expect("memory");
    assert_eq!(map.apply(&remap(1, 0)), Ok(()));
    assert_eq!(map.apply(&sectors(1, 0, u64::MAX, 0)), Ok(()));
    assert_eq!(map.apply(&sectors(1, 1, u64::MAX, u64::MAX)), Ok(()));
    let snapshot = map.snapshot(&[], &[]).expect("memory");
    let read = |at, len| snapshot.route(Sector(at), SectorCount(len), Op::Read);
    let len = SectorCount(64);
    assert_eq!(read(128, 128), Route::Main { len });
    assert_eq!(read(192, 64), Route::Lost { len });
    let write = snapshot.route(Sector(128), SectorCount(500), Op::Write);
    let len = SectorCount(128);
    assert_eq!(write, Route::Worker { len });
}

#[test]
fn pending_sectors_are_read_on_main_and_written_by_the_worker() {
    let mut map = new_map(size(8));
    let empty = map.snapshot(&[], &[]).expect("memory");
    assert!(empty.is_empty());
    let pending = Record::Sectors {
        block: Block(3),
        chunk: 0,
        state: ChunkState::PLAIN.with_pending(0xff),
    };
    assert_eq!(map.apply(&pending), Ok(()));
    let snapshot = map.snapshot(&[], &[]).expect("memory");
    assert!(!snapshot.is_empty());
    let len = SectorCount(96);
    assert_eq!(
        snapshot.route(Sector(0), len, Op::Read),
        Route::Main { len }
    );
    let write = |at, len| snapshot.route(Sector(at), SectorCount(len), Op::Write);
    let len = SectorCount(24);
    assert_eq!(write(0, 96), Route::Main { len });
    let len = SectorCount(6);
    assert_eq!(write(26, 96), Route::Worker { len });
    let len = SectorCount(64);
    assert_eq!(write(32, 64), Route::Main { len });
    assert!(!map.snapshot(&[Block(1)], &[]).expect("memory").is_empty());
    assert!(!map.snapshot(&[], &[Block(1)]).expect("memory").is_empty());
}

#[test]
fn only_an_io_that_can_be_told_apart_misses_what_moved() {
    let mut map = new_map(size(8));
    let misses = |map: &Map, at, len| {
        let snapshot = map.snapshot(&[], &[]).expect("memory");
        snapshot.misses(Sector(at), SectorCount(len))
    };
    assert!(misses(&map, u64::MAX, 8), "nothing moved");
    assert_eq!(map.apply(&remap(4, 0)), Ok(()));
    assert!(misses(&map, 0, 32) && misses(&map, 31, 1));
    assert!(!misses(&map, 31, 2) && !misses(&map, 0, 512) && !misses(&map, 39, 1));
    assert!(misses(&map, 40, 512));
    // No sector at all, or one behind the last that has a number.
    assert!(!misses(&map, 48, 0) && !misses(&map, 0, 0));
    assert!(!misses(&map, u64::MAX, 8) && !misses(&map, 48, u64::MAX));
}

#[test]
fn pending_sectors_before_a_write_hide_none_in_it() {
    for (sectors, next) in [(8, (1, 0, 8)), (128, (0, 1, 64)), (128, (1, 0, 128))] {
        let mut map = new_map(size(sectors));
        let (block, chunk, at) = next;
        for (block, chunk) in [(0, 0), (block, chunk)] {
            let state = ChunkState::PLAIN.with_pending(1);
            let block = Block(block);
            let record = Record::Sectors {
                block,
                chunk,
                state,
            };
            assert_eq!(map.apply(&record), Ok(()));
        }
        let snapshot = map.snapshot(&[], &[]).expect("memory");
        let write = snapshot.route(Sector(1), SectorCount(at), Op::Write);
        let len = SectorCount(at - 1);
        assert_eq!(write, Route::Main { len });
    }
}

#[test]
fn a_snapshot_of_what_is_prepared_shows_it_and_the_old_one_does_not() {
    let mut map = new_map(size(8));
    let before = map.snapshot(&[], &[]).expect("memory");
    let next = map.prepare(&[remap(0, 0)]).expect("memory");
    let after = next.snapshot(&[], &[]).expect("memory");
    let route = |s: &Snapshot| s.route(Sector(0), SectorCount(8), Op::Read);
    let len = SectorCount(8);
    let spared = Route::Spare {
        block: SpareBlock(0),
        offset: 0,
        len,
    };
    assert_eq!(route(&before), Route::Main { len });
    assert_eq!(route(&after), spared);
    assert_eq!(map.lookup(Block(0)), None);
    map.commit(next);
    assert_eq!(map.lookup(Block(0)), Some(SpareBlock(0)));
    assert_eq!(route(&before), Route::Main { len });
}

#[test]
fn a_block_leaves_a_failed_spare_block_in_one_batch() {
    let mut map = new_map(size(8));
    assert_eq!(map.apply(&remap(4, 0)), Ok(()));
    let bad = Record::BadSpare {
        spare: SpareBlock(0),
    };
    assert!(map.prepare(&[bad]).is_err(), "a block lives there");
    let next = map.prepare(&[remap(4, 1), bad]).expect("in this order");
    map.commit(next);
    assert_eq!(map.lookup(Block(4)), Some(SpareBlock(1)));
    assert!(map.prepare(&[remap(5, 0)]).is_err(), "it failed");
    for _ in 2..SPARES {
        assert!(map.allocate().is_some());
    }
    assert_eq!(map.allocate(), None);
}

#[test]
fn pending_quota_holds_and_remapping_frees_its_share() {
    let mut map = new_map(size(8));
    let pending = |block| Record::Sectors {
        block: Block(block),
        chunk: 0,
        state: ChunkState::PLAIN.with_pending(1),
    };
    for block in 0..u64::from(QUOTA) {
        assert!(!map.pending_full());
        assert_eq!(map.apply(&pending(block)), Ok(()));
    }
    assert!(map.pending_full());
    assert!(map.apply(&pending(9)).is_err());
    map.drop_pending(0b1011_0000_0111_1100);
    assert_eq!(map.counters().pending_dropped, 8);
    assert_eq!(map.apply(&remap(0, 0)), Ok(()));
    assert!(!map.pending_full());
    assert_eq!(map.apply(&pending(9)), Ok(()));
    assert_eq!(map.counters().pending_sectors, 4);
}

#[test]
fn limits_are_refused_at_once() {
    let most = 1 << 58;
    assert!(Map::new(size(1), most, 1, 0).is_ok());
    assert!(matches!(
        Map::new(size(1), most + 1, 1, 0),
        Err(MapError::Inconsistent(_))
    ));
    assert!(matches!(
        Map::new(size(1), 1, (1 << 31) + 1, 0),
        Err(MapError::Inconsistent(_))
    ));
    let mut map = Map::new(size(2048), most, 1, 1).expect("memory");
    let last = most - 1;
    assert_eq!(map.apply(&remap(last, 0)), Ok(()));
    assert_eq!(map.apply(&sectors(last, 31, 1 << 63, 0)), Ok(()));
    assert_eq!(map.records().count(), 2);
    assert_eq!(map.chunk(Block(last), 31).unspared(), 1 << 63);
}

#[test]
fn a_list_can_start_anywhere() {
    let mut map = new_map(size(8));
    for record in [remap(2, 0), sectors(2, 0, 1, 0), remap(5, 1)] {
        assert_eq!(map.apply(&record), Ok(()));
    }
    let mut cursor = Cursor::at(Block(2));
    assert_eq!(map.next_record(&mut cursor), Some(remap(2, 0)));
    let mut cursor = Cursor::at(Block(3));
    assert_eq!(map.next_record(&mut cursor), Some(remap(5, 1)));
    assert_eq!(map.next_record(&mut cursor), None);
    assert_eq!(map.next_record(&mut cursor), None);
}
