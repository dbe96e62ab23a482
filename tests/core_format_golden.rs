// SPDX-License-Identifier: GPL-2.0-only

//! Golden images: what any version of the format has written is read by every later code, and the same
//! calls write the same bytes. An image is the rows of an area that are not zeros, in hexadecimal, with the
//! records of its map beside it. `BLESS=1 cargo test --test core_format_golden` writes those of the current
//! version anew, which is right only as long as nobody has such an area.

mod core_format_lab;

use std::{fmt::Write, fs, path::PathBuf};

use core_format_lab::{open, past::image, Disk, LEN};
use dm_remap_core::{superblock::VERSION, units::Sector};

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

/// What the map says, a record a line.
fn contents(disk: &mut Disk) -> String {
    let opened = open(disk).unwrap_or_else(|e| panic!("{e}"));
    let records = opened.map.records().map(|record| format!("{record:?}\n"));
    let report = opened.report;
    let state = format!(
        "generation {}, clean {}, degraded {}, repaired {}\n",
        report.generation, report.clean, report.degraded, report.repaired
    );
    records.chain([state]).collect()
}

/// The version that the images say they are of.
fn version(disk: &Disk) -> u32 {
    let bytes = disk.bytes(Sector(0), 16)[12..].try_into();
    u32::from_le_bytes(bytes.expect("four"))
}

#[test]
fn the_same_calls_write_the_same_bytes() {
    let now = to_hex(&image(LEN));
    let path = path("area-v1.hex");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &now).expect("writable");
        let contents = contents(&mut of_hex(&now));
        fs::write(path.with_extension("map"), contents).expect("writable");
    }
    let golden = fs::read_to_string(&path).expect("an image");
    for (now, golden) in now.lines().zip(golden.lines()) {
        assert_eq!(now, golden);
    }
    assert_eq!(now.len(), golden.len());
}

#[test]
fn the_golden_images_of_all_versions_are_understood() {
    let mut versions = Vec::new();
    for entry in fs::read_dir(path("")).expect("images") {
        let path = entry.expect("an image").path();
        // The images of health are another test's.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with("area-") || !name.ends_with(".hex") {
            continue;
        }
        let mut disk = of_hex(&fs::read_to_string(&path).expect("an image"));
        versions.push(version(&disk));
        let wanted = fs::read_to_string(path.with_extension("map")).expect("its records");
        assert_eq!(contents(&mut disk), wanted, "{}", path.display());
        // It was opened for writing: another look finds the same, and nothing to do.
        let again = contents(&mut disk);
        let records = |text: &str| {
            text.lines()
                .rev()
                .skip(1)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(records(&again), records(&wanted), "{}", path.display());
        assert!(again.ends_with("degraded 0, repaired 0\n"), "{again}");
    }
    versions.sort_unstable();
    versions.dedup();
    let all: Vec<u32> = (1..=VERSION).collect();
    assert_eq!(versions, all, "a version has no image");
}
