// SPDX-License-Identifier: GPL-2.0-only

//! Sessions, generations, and what a writer may do when.

mod core_format_lab;

use core_format_lab::{
    drive::{Driver, Power},
    expect, formatted, found, open, plan,
    rot::{at, driver, lived},
    Twin, LEN,
};
use dm_remap_core::{
    layout::{CopyId, Half, MetaBuf},
    log::{Outcome, Refused, Round, Writer},
    open::load,
    record::Record,
    superblock::encode,
    units::{Block, Sector, SpareBlock},
};

#[test]
fn generations_only_grow_over_sessions() {
    let mut disk = formatted(LEN);
    let (mut last, mut epoch, mut twin) = (1, 1, Twin::default());
    let mut seen = std::collections::BTreeSet::new();
    for session in 0..40u64 {
        let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(opened.report.generation, last);
        assert_eq!(Twin::of(&opened.map), twin);
        let mut driver = Driver::new(opened.map, opened.writer);
        for i in 0..session % 7 {
            let record = Record::Remap {
                block: Block(session * 10 + i),
                spare: SpareBlock((session * 7 + i) as u32 % 200),
            };
            if twin
                .homes
                .values()
                .any(|&s| s == (session * 7 + i) as u32 % 200)
            {
                continue;
            }
            let power = &mut Power::default();
            assert_eq!(driver.commit(&mut disk, power, &[record]), Ok(()));
            twin.apply(&record);
            assert!(driver.writer.generation() > last);
            assert!(seen.insert(driver.writer.generation()), "used twice");
            last = driver.writer.generation();
        }
        if driver.writer.session_open() {
            let now = driver.writer.superblock().epoch;
            assert!(now > epoch);
            epoch = now;
            if session % 2 == 0 {
                let power = &mut Power::default();
                assert_eq!(driver.close(&mut disk, power), Ok(true));
                assert!(found(&mut disk, LEN).expect("one").superblock.clean);
            }
        }
    }
    assert!(seen.len() > 50);
}

#[test]
fn a_writer_goes_on_after_its_session_was_closed() {
    let mut disk = formatted(LEN);
    let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    let mut driver = Driver::new(opened.map, opened.writer);
    let power = &mut Power::default();
    for i in 0..10 {
        let record = Record::Remap {
            block: Block(i),
            spare: SpareBlock(i as u32),
        };
        assert_eq!(driver.commit(&mut disk, power, &[record]), Ok(()));
        assert_eq!(driver.close(&mut disk, power), Ok(true));
        assert!(!driver.writer.session_open());
    }
    let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(opened.map.records().count(), 10);
    assert!(opened.report.clean);
}

#[test]
fn needs_check_is_kept_until_it_is_cleared() {
    let mut disk = lived(2);
    let mut sb = found(&mut disk, LEN).expect("one").superblock;
    sb.needs_check = true;
    let mut block = Box::new([0; 4096]);
    encode(&sb, &mut block);
    for &place in plan(LEN).places().as_slice() {
        disk.bytes_mut(place, 4096)
            .copy_from_slice(block.as_slice());
    }
    let found_now = found(&mut disk, LEN).expect("one");
    let opened = load(&mut disk, &found_now, &expect(LEN)).unwrap_or_else(|e| panic!("{e}"));
    assert!(opened.report.needs_check);
    let mut writer = opened.writer;
    writer.open_session(&mut block).expect("a session");
    assert!(writer.superblock_written(1) && writer.superblock().needs_check);
    writer.needs_check(false, &mut block).expect("a superblock");
    assert!(!writer.superblock_written(0), "nothing was written");
    assert!(writer.superblock().needs_check);
    writer.needs_check(false, &mut block).expect("a superblock");
    assert!(writer.superblock_written(2) && !writer.superblock().needs_check);
}

#[test]
fn superblocks_are_written_in_two_rounds_and_one_of_them_is_always_whole() {
    let mut disk = formatted(40_000);
    let mut writer = open(&mut disk).unwrap_or_else(|e| panic!("{e}")).writer;
    let mut buf = MetaBuf::try_new().expect("memory");
    let block = buf.get_mut().expect("a block");
    let parts = |writer: &Writer| {
        let of = |r: Round| (r.first, r.places.as_slice().to_vec());
        writer.rounds().map(of)
    };
    let front = (0, vec![Sector(0)]);
    let back = (1, vec![Sector(2048), Sector(32_768)]);
    assert_eq!(parts(&writer), [front.clone(), back.clone()]);
    let mut written = |writer: &mut Writer, ok: u32| {
        writer.needs_check(false, block).expect("a superblock");
        assert!(writer.superblock_written(ok));
    };
    // The half that does not hold the newest has nothing to lose.
    written(&mut writer, 0b001);
    assert_eq!(parts(&writer), [back.clone(), front.clone()]);
    // Two that hold it are never written at once, even if the half without it cannot be written.
    written(&mut writer, 0b110);
    let first = (0, vec![Sector(0), Sector(2048)]);
    assert_eq!(parts(&writer), [first, (2, vec![Sector(32_768)])]);
    written(&mut writer, 0b101);
    assert_eq!(parts(&writer), [front.clone(), back.clone()]);
    // Nor has one that was found bad.
    disk.bytes_mut(Sector(2048), 4096).fill(0x77);
    disk.bytes_mut(Sector(32_768), 4096).fill(0x77);
    let found = found(&mut disk, 40_000).expect("one");
    assert_eq!((found.held, found.stale_places), (0b001, true));
}

#[test]
fn a_round_is_judged_by_the_copies_that_count() {
    let mut disk = lived(0);
    let mut writer = driver(&mut disk).writer;
    let mut buf = MetaBuf::try_new().expect("memory");
    let block = buf.get_mut().expect("a block");
    writer.open_session(block).expect("a session");
    assert!(writer.superblock_written(3));
    let slot = writer.encode_commit(&[], block).expect("a block");
    assert_eq!(writer.outcome(&slot, 0b11), Outcome::Done);
    assert_eq!(writer.outcome(&slot, 0b01), Outcome::Degrade(CopyId::B));
    assert_eq!(writer.outcome(&slot, 0b10), Outcome::Degrade(CopyId::A));
    assert_eq!(writer.outcome(&slot, 0b00), Outcome::Doubt);
    assert_eq!(writer.encode_commit(&[], block), Err(Refused::Busy));
    assert_eq!(writer.begin_checkpoint(), Err(Refused::Busy));
    writer.degrade(CopyId::A, block).expect("a superblock");
    assert!(writer.superblock_written(1));
    writer.acknowledge(slot);
    assert_eq!(writer.degrade(CopyId::B, block), Err(Refused::InDoubt));
    let slot = writer.encode_commit(&[], block).expect("a block");
    assert_eq!(slot.places().as_slice(), [at(CopyId::B, Half::First, 2)]);
    assert_eq!(writer.outcome(&slot, 0b1), Outcome::Done);
    assert_eq!(writer.outcome(&slot, 0b10), Outcome::Doubt);
    writer.acknowledge(slot);
    while writer.room() > 0 {
        let slot = writer.encode_commit(&[], block).expect("a block");
        writer.acknowledge(slot);
    }
    assert!(!writer.fits(1));
    assert_eq!(writer.encode_commit(&[], block), Err(Refused::Full));
}
