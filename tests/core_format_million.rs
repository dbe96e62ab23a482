// SPDX-License-Identifier: GPL-2.0-only

//! A million entries: `cargo test --release --test core_format_million -- --ignored --nocapture`.

mod core_format_lab;

use std::time::Instant;

use core_format_lab::{
    drive::{Driver, Power},
    expect, formatted, open_with, params,
};
use dm_remap_core::{
    format::format,
    mem::host,
    record::{ChunkState, Record},
    units::{Block, SectorCount, SpareBlock},
};

/// 5 GiB hold a million blocks of 4 KiB; only its metadata is touched.
const LEN: u64 = 10_000_000;

#[test]
#[ignore = "a measurement, which wants an optimised build and 5 GiB of address space"]
fn a_million_entries_load_in_a_second() {
    let mut disk = formatted(LEN);
    let mut given = expect(LEN);
    given.main_len = SectorCount(1 << 34);
    let mut params = params(LEN);
    params.main_len = given.main_len;
    disk.medium[..4096].fill(0);
    format(&mut disk, params).expect("formats");
    let opened = open_with(&mut disk, &given).unwrap_or_else(|e| panic!("{e}"));
    let mut driver = Driver::new(opened.map, opened.writer);
    let power = &mut Power::default();
    let spares: Vec<u32> = (0..1_000_000).collect();
    for batch in spares.chunks(200) {
        let records: Vec<Record> = batch
            .iter()
            .map(|&n| Record::Remap {
                block: Block(u64::from(n) * 1999),
                spare: SpareBlock(n),
            })
            .collect();
        assert_eq!(driver.commit(&mut disk, power, &records), Ok(()));
    }
    let measure = |disk: &mut core_format_lab::Disk, what: &str| {
        let live = host::live_bytes();
        let start = Instant::now();
        let opened = open_with(disk, &given).unwrap_or_else(|e| panic!("{e}"));
        let took = start.elapsed();
        let bytes = host::live_bytes() - live;
        println!("{what}: {took:?}, {bytes} bytes");
        assert_eq!(opened.map.counters().remapped, 1_000_000);
        assert!(took.as_millis() < 1000, "{what}: {took:?}");
        opened
    };
    measure(&mut disk, "a million remaps, as they came");
    assert_eq!(driver.checkpoint(&mut disk, power), Ok(()));
    measure(&mut disk, "a million remaps, in a checkpoint");
    for batch in spares.chunks(80) {
        let records: Vec<Record> = batch
            .iter()
            .map(|&n| Record::Sectors {
                block: Block(u64::from(n) * 1999),
                chunk: 0,
                state: ChunkState::new(0xf0, 0x10, 1).expect("a subset"),
            })
            .collect();
        assert_eq!(driver.commit(&mut disk, power, &records), Ok(()));
    }
    assert_eq!(driver.checkpoint(&mut disk, power), Ok(()));
    drop(driver);
    measure(
        &mut disk,
        "a million remaps, each with its sectors, in a checkpoint",
    );
}
