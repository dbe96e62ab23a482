// SPDX-License-Identifier: GPL-2.0-only

//! What health keeps over a restart: the image in the health region, torn, rotten and golden.

use std::fmt::Write;

use dm_remap_core::{
    health::{
        image::{examine, Image, Reader},
        map::{HealthMap, RECORD_BYTES},
        monitor::Health,
        predictor::{Predictor, PREDICTOR_BYTES},
        scan::{settings::Settings, Scanner, POSITION_BYTES},
        Event, Region, What, HOUR,
    },
    identity::Marks,
    layout::MetaBlock,
    mem::{host, NoMemory},
    units::SectorCount,
};

const START: u64 = 1_700_006_400;
const MAIN: Marks = Marks([0; 3]);

/// A device with a history: errors, storms, latencies.
fn device(seed: u32, regions: u32) -> (Health, Scanner) {
    let mut health = Health::new(START);
    for i in 0..regions {
        let now = START + u64::from(i) * 5 * HOUR;
        let event = Event {
            now,
            region: Region(i.wrapping_mul(seed) % 1_000_000),
            what: if i % 3 == 0 { What::Slow } else { What::Error },
            sectors: 1,
        };
        health.note(&event).expect("memory");
    }
    health.advance(START + u64::from(regions) * 5 * HOUR + 2 * HOUR);
    let main = SectorCount(1 << 32);
    let mut scanner = Scanner::new(main, SectorCount(0), Settings::DEFAULT).expect("valid");
    scanner.note_hit(12_345);
    (health, scanner)
}

fn scanner() -> Scanner {
    Scanner::new(SectorCount(1 << 32), SectorCount(0), Settings::DEFAULT).expect("valid")
}

fn blocks_of(image: &Image) -> Vec<MetaBlock> {
    (0..image.blocks())
        .map(|i| {
            let mut block = [0; 4096];
            image.block(i, &mut block);
            block
        })
        .collect()
}

fn bytes_of(health: &Health, scanner: &Scanner) -> (Vec<u8>, [u8; POSITION_BYTES], Vec<u8>) {
    let mut predictor = [0; PREDICTOR_BYTES];
    health.predictor.encode(&mut predictor);
    let mut position = [0; POSITION_BYTES];
    scanner.encode(&mut position);
    let mut map = vec![0; health.map.records().len() * RECORD_BYTES];
    health.map.encode(health.hour(), &mut map);
    (predictor.to_vec(), position, map)
}

fn read(blocks: &[MetaBlock], uuid: [u8; 16], slot: u32) -> Option<(Health, Scanner)> {
    let found = examine(&blocks[0], &uuid, slot)?;
    let mut reader = Reader::new(found, uuid).expect("memory");
    let whole = blocks
        .iter()
        .take(found.blocks as usize)
        .all(|b| reader.push(b));
    if !whole || blocks.len() < found.blocks as usize {
        return None;
    }
    let mut scanner = scanner();
    let mut health = Health::new(START);
    reader.finish(&mut health, &mut scanner).expect("memory");
    Some((health, scanner))
}

#[test]
fn an_image_gives_back_what_was_put_in() {
    for regions in [0, 1, 100, 500, 3000] {
        let (health, scanner) = device(7919, regions);
        let slot = Image::slot_blocks(4096);
        let image = Image::new(MAIN, &health, &scanner, slot, [7; 16], 3).expect("memory");
        assert!(image.blocks() <= slot);
        let blocks = blocks_of(&image);
        let (again, position) = read(&blocks, [7; 16], slot).expect("whole");
        assert_eq!(bytes_of(&again, &position), bytes_of(&health, &scanner));
        assert_eq!(again.score(), health.score());
        assert!(read(&blocks, [8; 16], slot).is_none(), "another area's");
        assert!(
            read(&blocks, [7; 16], image.blocks() - 1).is_none(),
            "too long"
        );
    }
}

#[test]
fn the_smallest_region_keeps_the_most_telling() {
    // 64 KiB: two slots of 8 blocks.
    let slot = Image::slot_blocks(16);
    assert_eq!(slot, 8);
    let (health, scanner) = device(7919, 4000);
    let image = Image::new(MAIN, &health, &scanner, slot, [7; 16], 3).expect("memory");
    assert!(image.blocks() <= slot);
    let (again, _) = read(&blocks_of(&image), [7; 16], slot).expect("whole");
    assert!(again.map.records().len() > 800);
    assert_eq!(again.predictor.sum(), health.predictor.sum());
}

#[test]
fn a_torn_or_rotten_image_is_none() {
    let (health, scanner) = device(7919, 1000);
    let image = |sequence| {
        let image = Image::new(MAIN, &health, &scanner, 58, [7; 16], sequence);
        blocks_of(&image.expect("memory"))
    };
    let (old, new) = (image(3), image(4));
    assert!(new.len() > 3);
    for torn in 0..new.len() {
        let mut mixed = new.clone();
        mixed[torn] = old[torn];
        // Torn at the first block it is the old image, whose second block is missing.
        assert!(read(&mixed, [7; 16], 58).is_none(), "{torn}");
    }
    for byte in (0..4096).step_by(97) {
        for block in 0..new.len() {
            let mut rotten = new.clone();
            rotten[block][byte] ^= 1;
            assert!(read(&rotten, [7; 16], 58).is_none(), "{block} {byte}");
        }
    }
}

/// After an attempt that failed in the middle a number is given again: blocks of both attempts lie in one slot.
#[test]
fn two_attempts_at_one_number_are_not_one_image() {
    let attempt = |seed| {
        let (health, scanner) = device(seed, 1000);
        let image = Image::new(MAIN, &health, &scanner, 58, [7; 16], 4).expect("memory");
        blocks_of(&image)
    };
    let (first, second) = (attempt(7919), attempt(7907));
    assert!(first.len() > 3 && first.len() == second.len());
    for torn in 1..first.len() {
        let mixed = [&second[..torn], &first[torn..]].concat();
        assert!(read(&mixed, [7; 16], 58).is_none(), "{torn}");
    }
    assert!(read(&second, [7; 16], 58).is_some());
}

#[test]
fn of_regions_that_tell_the_same_as_many_are_kept_as_fit() {
    let mut health = Health::new(START);
    for i in 0..1000u32 {
        let (hour, region) = (health.hour(), Region(i * 20));
        health.map.note(hour, region, What::Error).expect("memory");
    }
    // One in the middle tells more.
    let hour = health.hour();
    health
        .map
        .note(hour, Region(10_000), What::Error)
        .expect("memory");
    let mut bytes = vec![0; 100 * RECORD_BYTES];
    assert_eq!(health.map.encode(hour, &mut bytes), bytes.len());
    let again = HealthMap::decode(&bytes).expect("memory");
    assert_eq!(again.records().len(), 100);
    assert!(again.get(Region(10_000)).is_some_and(|r| r.errors == 2));
}

#[test]
fn each_refused_allocation_of_an_image_is_told() {
    let (health, scanner) = device(7919, 500);
    host::refuse_after(Some(0));
    let refused = Image::new(MAIN, &health, &scanner, 58, [7; 16], 3).err();
    host::refuse_after(None);
    assert_eq!(refused, Some(NoMemory));
    let image = Image::new(MAIN, &health, &scanner, 58, [7; 16], 3).expect("memory");
    let blocks = blocks_of(&image);
    let found = examine(&blocks[0], &[7; 16], 58).expect("whole");
    host::refuse_after(Some(0));
    let refused = Reader::new(found, [7; 16]).err();
    host::refuse_after(None);
    assert_eq!(refused, Some(NoMemory));
    let mut reader = Reader::new(found, [7; 16]).expect("memory");
    assert!(blocks.iter().all(|b| reader.push(b)));
    let mut scanner = self::scanner();
    host::refuse_after(Some(0));
    let refused = reader.finish(&mut Health::new(START), &mut scanner).err();
    host::refuse_after(None);
    assert_eq!(refused, Some(NoMemory));
}

/// What these bytes mean is the format: they never change.
#[test]
fn golden_bytes() {
    let (health, scanner) = device(7919, 20);
    let main = Marks([0x01020304, 0, 0x0a0b0c0d]);
    let image = Image::new(main, &health, &scanner, 58, *b"0123456789abcdef", 9).expect("memory");
    let mut text = String::new();
    for (i, row) in blocks_of(&image).concat().chunks(32).enumerate() {
        if row.iter().any(|&b| b != 0) {
            write!(text, "{:08x}:", i * 32).expect("memory");
            for byte in row {
                write!(text, "{byte:02x}").expect("memory");
            }
            text.push('\n');
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/health-v1.hex");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &text).expect("written");
    }
    assert_eq!(std::fs::read_to_string(path).expect("there"), text);
}

#[test]
fn a_predictor_of_nothing_is_as_long_as_any() {
    let mut bytes = [1; PREDICTOR_BYTES];
    Predictor::new(START).encode(&mut bytes);
    let zeros = bytes.iter().skip(8).filter(|&&b| b != 0).count();
    assert_eq!(zeros, 0, "but for the clock");
}
