// SPDX-License-Identifier: GPL-2.0-only

//! What dm-remap prints: replies and the status line.

use dm_remap_core::engine::{Count, State, Stats, Status};
use dm_remap_core::grammar::message::Listed;
use dm_remap_core::grammar::reply::{list, query, MAX_LINES};
use dm_remap_core::grammar::status::Line;
use dm_remap_core::map::{Counters, Map};
use dm_remap_core::record::{ChunkState, Record};
use dm_remap_core::snapshot::Snapshot;
use dm_remap_core::units::{Block, BlockSize, Sector, SectorCount, SpareBlock};

/// Blocks of 128 sectors, the last cut short at sector 1,000: one remapped with every state, one pending.
fn map() -> Snapshot {
    let size = BlockSize::new(128).expect("a power of two");
    let mut map = Map::new(size, 8, 4, 4).expect("memory");
    let state = ChunkState::new(0b1111_0000, 0b1100_0000, 0b0001_0001).expect("a subset");
    for record in [
        Record::Remap {
            block: Block(2),
            spare: SpareBlock(3),
        },
        Record::Sectors {
            block: Block(2),
            chunk: 1,
            state,
        },
        Record::Sectors {
            block: Block(5),
            chunk: 0,
            state: ChunkState::PLAIN.with_pending(u64::MAX),
        },
        Record::Remap {
            block: Block(7),
            spare: SpareBlock(0),
        },
        Record::BadSpare {
            spare: SpareBlock(1),
        },
    ] {
        assert_eq!(map.apply(&record), Ok(()));
    }
    // What is held does not change what is so.
    map.snapshot(&[Block(2)], &[Block(0)]).expect("memory")
}

#[test]
fn a_query_says_where_a_sector_lives() {
    let map = map();
    let ask = |at| {
        let mut out = String::new();
        query(&map, Sector(at), &mut out).expect("a string takes it");
        out
    };
    assert_eq!(ask(0), "0 main\n");
    assert_eq!(ask(256), "256 spare 3 0\n");
    assert_eq!(ask(319), "319 spare 3 63\n");
    assert_eq!(ask(320), "320 spare 3 64 pending\n");
    assert_eq!(ask(324), "324 only-on-main pending\n");
    assert_eq!(ask(325), "325 only-on-main\n");
    assert_eq!(ask(326), "326 lost\n");
    assert_eq!(ask(640), "640 main pending\n");
    assert_eq!(ask(999), "999 spare 0 103\n");
}

#[test]
fn a_list_names_runs_in_order() {
    let map = map();
    let ask = |what, from| {
        let mut out = String::new();
        list(&map, SectorCount(1000), what, Sector(from), &mut out).expect("a string takes it");
        out
    };
    assert_eq!(
        ask(Listed::All, 0),
        "256 128 remapped 3\n\
         320 1 pending\n\
         324 1 pending\n\
         326 2 lost\n\
         640 64 pending\n\
         896 104 remapped 0\n"
    );
    assert_eq!(
        ask(Listed::Remapped, 0),
        "256 128 remapped 3\n896 104 remapped 0\n"
    );
    assert_eq!(ask(Listed::Pending, 400), "640 64 pending\n");
    assert_eq!(ask(Listed::Lost, 0), "326 2 lost\n");
    assert_eq!(ask(Listed::Lost, 384), "");
}

#[test]
fn pages_of_a_list_are_the_whole_list() {
    let size = BlockSize::new(8).expect("a power of two");
    let mut map = Map::new(size, 10_000, 1_000, 0).expect("memory");
    for n in 0..1_000 {
        let record = Record::Remap {
            block: Block(u64::from(n) * 9),
            spare: SpareBlock(n),
        };
        assert_eq!(map.apply(&record), Ok(()));
    }
    let map = map.snapshot(&[], &[]).expect("memory");
    let mut from = 0;
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let mut page = String::new();
        let whole = SectorCount(80_000);
        list(&map, whole, Listed::All, Sector(from), &mut page).expect("a string takes it");
        pages += 1;
        let mut lines: Vec<String> = page.lines().map(String::from).collect();
        let last = lines.last().filter(|line| line.starts_with("more from "));
        let more = last.cloned();
        if more.is_some() {
            lines.pop();
        }
        assert!(lines.len() <= MAX_LINES as usize);
        seen.extend(lines);
        match more {
            Some(line) => from = line["more from ".len()..].parse().expect("a sector"),
            None => break,
        }
    }
    assert_eq!(pages, 4);
    let want: Vec<_> = (0..1_000)
        .map(|n| format!("{} 8 remapped {n}", n * 72))
        .collect();
    assert_eq!(seen, want);
}

#[test]
fn the_status_line_has_fixed_fields_then_pairs() {
    let counters = Counters {
        remapped: 3,
        pending_sectors: 16,
        lost_sectors: 2,
        pending_records: 1,
        pending_dropped: 5,
        spare_total: 100,
        spare_free: 95,
        spare_failed: 2,
    };
    let mut stats = Stats::default();
    stats.add(Count::COMMITS, 3);
    let line = |state, needs_check, degraded| {
        let status = Status {
            state,
            needs_check,
            storm: degraded == 3,
            generation: 77,
            degraded,
        };
        let block_size = BlockSize::new(8).expect("a power of two");
        Line {
            counters,
            status,
            block_size,
            stats,
            queued: 2,
            score: 990,
            scan: (8, 1024),
        }
        .to_string()
    };
    assert_eq!(
        line(State::Rw, false, 0),
        "3/100 16 2 77 rw - - block_sectors 8 spare_free 95 spare_failed 2 pending_dropped 5 degraded - \
         queued 2 read_errors 0 write_errors 0 recovered 0 moved_write 0 moved_message 0 evacuated 0 returned 0 \
         stayed 0 commits 3 flushes 0 health 990 scan 8/1024"
    );
    assert!(line(State::Ro, true, 1).contains(" ro needs_check - "));
    assert!(line(State::Ro, true, 1).contains(" degraded a "));
    assert!(line(State::Fail, false, 2).contains(" fail - - "));
    assert!(line(State::Fail, false, 2).contains(" degraded b "));
    assert!(line(State::Rw, false, 3).contains(" rw - storm "));
    assert!(line(State::Rw, false, 3).contains(" degraded ab "));
}
