// SPDX-License-Identifier: GPL-2.0-only

//! Golden images: what was written by version 1 of the format is read by every later code, and the same
//! calls write the same bytes. An image is the rows of an area that are not zeros, in hexadecimal.
//! `BLESS=1 cargo test --test core_format_golden` writes them anew.

mod core_format_lab;

use std::{fmt::Write, fs, path::PathBuf};

use core_format_lab::{
    drive::{Driver, Power},
    formatted, open, plan, Disk, LEN,
};
use dm_remap_core::{
    layout::{CopyId, Half},
    record::{ChunkState, Record},
    units::{Block, SpareBlock},
};

const ROW: usize = 32;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn to_hex(disk: &Disk) -> String {
    let mut text = String::new();
    for (i, row) in disk.medium.chunks(ROW).enumerate() {
        if row.iter().any(|&b| b != 0) {
            write!(text, "{:08x}:", i * ROW).expect("memory");
            for byte in row {
                write!(text, "{byte:02x}").expect("memory");
            }
            text.push('\n');
        }
    }
    text
}

fn of_hex(text: &str) -> Disk {
    let mut disk = Disk::new(LEN);
    for line in text.lines() {
        let (at, bytes) = line.split_once(':').expect("a row");
        let at = usize::from_str_radix(at, 16).expect("an offset");
        for i in 0..ROW {
            let byte = u8::from_str_radix(&bytes[2 * i..2 * i + 2], 16).expect("a byte");
            disk.medium[at + i] = byte;
        }
    }
    disk
}

fn remap(block: u64, spare: u32) -> Record {
    Record::Remap {
        block: Block(block),
        spare: SpareBlock(spare),
    }
}

fn sectors(block: u64, unspared: u64, lost: u64, pending: u64) -> Record {
    Record::Sectors {
        block: Block(block),
        chunk: 0,
        state: ChunkState::new(unspared, lost, pending).expect("a subset"),
    }
}

/// What the image says in the end, in the order of the map.
fn contents() -> Vec<Record> {
    vec![
        remap(3, 2),
        sectors(3, 0x0f, 0x01, 0x06),
        sectors(9, 0, 0, 0x80),
        remap(125_000, 1),
        remap(90_000, 5),
        Record::BadSpare {
            spare: SpareBlock(0),
        },
    ]
}

/// A session with a checkpoint in it that ended in order, and one that was cut off while copy B was failing.
fn image() -> Disk {
    let mut disk = formatted(LEN);
    let power = &mut Power::default();
    let begin = |disk: &mut Disk| {
        let opened = open(disk).unwrap_or_else(|e| panic!("{e}"));
        Driver::new(opened.map, opened.writer)
    };
    let mut driver = begin(&mut disk);
    let bad = Record::BadSpare {
        spare: SpareBlock(0),
    };
    for batch in [
        vec![remap(3, 0), remap(125_000, 1), remap(7, 3)],
        vec![remap(3, 2), bad, sectors(3, 0xff, 0x01, 0)],
        vec![sectors(9, 0, 0, 0x81), Record::Unmap { block: Block(7) }],
    ] {
        assert_eq!(driver.commit(&mut disk, power, &batch), Ok(()));
    }
    assert_eq!(driver.checkpoint(&mut disk, power), Ok(()));
    let batch = [sectors(9, 0, 0, 0x80)];
    assert_eq!(driver.commit(&mut disk, power, &batch), Ok(()));
    assert_eq!(driver.close(&mut disk, power), Ok(true));
    let mut driver = begin(&mut disk);
    let batch = [sectors(3, 0x0f, 0x01, 0x06)];
    assert_eq!(driver.commit(&mut disk, power, &batch), Ok(()));
    let (at, _) = plan(LEN)
        .log_sector(CopyId::B, Half::Second, 3)
        .expect("inside");
    disk.bad_write.insert(at.0);
    assert_eq!(driver.commit(&mut disk, power, &[remap(90_000, 5)]), Ok(()));
    assert_eq!(driver.writer.degraded(), 0b10);
    disk
}

#[test]
fn the_same_calls_write_the_same_bytes() {
    let now = to_hex(&image());
    let path = path("area-v1.hex");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &now).expect("writable");
    }
    let golden = fs::read_to_string(&path).expect("an image");
    for (now, golden) in now.lines().zip(golden.lines()) {
        assert_eq!(now, golden);
    }
    assert_eq!(now.len(), golden.len());
}

#[test]
fn the_golden_image_is_understood() {
    let mut disk = of_hex(&fs::read_to_string(path("area-v1.hex")).expect("an image"));
    let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    let mut records: Vec<Record> = opened.map.records().collect();
    let mut wanted = contents();
    let key = |r: &Record| format!("{r:?}");
    records.sort_by_key(key);
    wanted.sort_by_key(key);
    assert_eq!(records, wanted);
    // The copy that had failed is whole again.
    assert_eq!((opened.report.degraded, opened.report.repaired), (0, 1));
    assert!(!opened.report.clean && opened.writer.session_open());
}
