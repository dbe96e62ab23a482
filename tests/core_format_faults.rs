// SPDX-License-Identifier: GPL-2.0-only

//! Copies that rot, vanish, fail and come back.

mod core_format_lab;

use core_format_lab::{
    drive::{Driver, End, Fate, Power},
    expect, formatted, found, open, open_with, plan, refused,
    twin::Dice,
    Disk, Twin, LEN,
};
use dm_remap_core::{
    layout::{CopyId, Half, MetaBuf},
    log::{Outcome, Refused},
    open::{load, OpenError},
    record::Record,
    superblock::encode,
    units::{Block, Sector, SpareBlock},
};

fn remap(n: u64) -> Record {
    Record::Remap {
        block: Block(n * 5),
        spare: SpareBlock(n as u32),
    }
}

fn driver(disk: &mut Disk) -> Driver {
    let opened = open(disk).unwrap_or_else(|e| panic!("{e}"));
    Driver::new(opened.map, opened.writer)
}

/// An area with `n` commits in its first half; block 0 is the checkpoint of the empty map.
fn lived(n: u64) -> Disk {
    let mut disk = formatted(LEN);
    let mut driver = driver(&mut disk);
    for i in 0..n {
        let end = driver.commit(&mut disk, &mut Power::default(), &[remap(i)]);
        assert_eq!(end, Ok(()));
    }
    disk
}

fn at(copy: CopyId, half: Half, index: u32) -> Sector {
    plan(LEN).log_sector(copy, half, index).expect("inside").0
}

/// How a block is spoilt.
#[derive(Clone, Copy, Debug)]
enum Rot {
    Zeros,
    OneBit,
    Noise,
    Unreadable,
    Unwritable,
}

const ROTS: [Rot; 5] = [
    Rot::Zeros,
    Rot::OneBit,
    Rot::Noise,
    Rot::Unreadable,
    Rot::Unwritable,
];

fn spoil(disk: &mut Disk, at: Sector, rot: Rot) {
    let mut dice = Dice(at.0);
    match rot {
        Rot::Zeros => disk.bytes_mut(at, 4096).fill(0),
        Rot::OneBit => disk.bytes_mut(at, 4096)[1000] ^= 0x10,
        Rot::Noise => {
            let bytes = disk.bytes_mut(at, 4096);
            bytes.iter_mut().for_each(|b| *b = dice.roll() as u8);
        }
        Rot::Unreadable => drop(disk.bad_read.insert(at.0 + 3)),
        Rot::Unwritable => {
            disk.bytes_mut(at, 4096).fill(0);
            disk.bad_write.insert(at.0 + 3);
        }
    }
}

fn heal(disk: &mut Disk) {
    disk.bad_read.clear();
    disk.bad_write.clear();
}

#[test]
fn each_copy_may_rot_whole_and_is_made_good_from_the_other() {
    let good = lived(40);
    let state = Twin::of(&driver(&mut good.clone()).map);
    assert_eq!(state.homes.len(), 40);
    for copy in CopyId::BOTH {
        for rot in ROTS {
            let mut disk = good.clone();
            for index in 0..41 {
                spoil(&mut disk, at(copy, Half::First, index), rot);
            }
            let opened = open(&mut disk).unwrap_or_else(|e| panic!("{copy:?} {rot:?}: {e}"));
            assert_eq!(Twin::of(&opened.map), state, "{copy:?} {rot:?}");
            let lasting = matches!(rot, Rot::Unwritable);
            assert_eq!(opened.report.degraded != 0, lasting, "{copy:?} {rot:?}");
            assert_eq!(opened.report.repaired, if lasting { 0 } else { 41 });
            heal(&mut disk);
            // Opened again it is whole; now the other copy may rot.
            let again = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(again.report.degraded, 0);
            assert_eq!(again.report.repaired, if lasting { 41 } else { 0 });
            for index in 0..41 {
                spoil(&mut disk, at(copy.other(), Half::First, index), rot);
            }
            let opened = open(&mut disk).unwrap_or_else(|e| panic!("{copy:?} {rot:?}: {e}"));
            assert_eq!(Twin::of(&opened.map), state, "{copy:?} {rot:?}");
        }
    }
}

#[test]
fn rotten_blocks_of_both_copies_are_made_good_where_they_differ() {
    let good = lived(40);
    let state = Twin::of(&driver(&mut good.clone()).map);
    for rot in [Rot::Zeros, Rot::OneBit, Rot::Noise, Rot::Unreadable] {
        let mut disk = good.clone();
        for index in 0..41 {
            let copy = CopyId::BOTH[index as usize / 3 % 2];
            spoil(&mut disk, at(copy, Half::First, index), rot);
        }
        let opened = open(&mut disk).unwrap_or_else(|e| panic!("{rot:?}: {e}"));
        assert_eq!(Twin::of(&opened.map), state, "{rot:?}");
        assert_eq!((opened.report.repaired, opened.report.degraded), (41, 0));
        heal(&mut disk);
        for copy in CopyId::BOTH {
            for index in 0..41 {
                let block = disk.bytes(at(copy, Half::First, index), 4096);
                assert!(block == good.bytes(at(copy, Half::First, index), 4096));
            }
        }
    }
}

#[test]
fn a_block_that_is_bad_in_both_copies_is_refused_and_left() {
    let good = lived(40);
    for index in 0..41u32 {
        for (one, other) in [
            (Rot::Unreadable, Rot::Unreadable),
            (Rot::OneBit, Rot::Unreadable),
            (Rot::Unreadable, Rot::Noise),
            (Rot::OneBit, Rot::OneBit),
            (Rot::Zeros, Rot::Zeros),
        ] {
            let mut disk = good.clone();
            spoil(&mut disk, at(CopyId::A, Half::First, index), one);
            spoil(&mut disk, at(CopyId::B, Half::First, index), other);
            let before = disk.medium.clone();
            let read = matches!(one, Rot::Unreadable) || matches!(other, Rot::Unreadable);
            let half = Half::First;
            match (index, open(&mut disk)) {
                // The very last one cannot be told from one that was never finished.
                (40, Ok(opened)) => {
                    assert!(!read && opened.report.generation == 40);
                    continue;
                }
                (0, Err(OpenError::NoCheckpoint)) => assert!(!read),
                (_, Err(why)) if read => assert_eq!(why, OpenError::LogUnreadable { half, index }),
                (_, Err(why)) => assert_eq!(why, OpenError::LogDamaged { half, index }),
                (_, Ok(_)) => panic!("block {index} {one:?} {other:?}"),
            }
            assert!(disk.medium == before);
        }
    }
}

#[test]
fn the_end_of_a_closed_log_cannot_be_lost() {
    let mut disk = lived(10);
    let mut driver = driver(&mut disk);
    let power = &mut Power::default();
    assert_eq!(driver.commit(&mut disk, power, &[remap(10)]), Ok(()));
    assert_eq!(driver.close(&mut disk, power), Ok(true));
    for copy in CopyId::BOTH {
        spoil(&mut disk, at(copy, Half::First, 11), Rot::Zeros);
    }
    let why = refused(open(&mut disk));
    assert_eq!(why.text(), c"log of the spare area has lost its end");
    assert!(matches!(
        why,
        OpenError::LogLost {
            floor: 12,
            found: 11
        }
    ));
}

#[test]
fn what_only_reads_repairs_nothing() {
    let mut disk = lived(20);
    spoil(&mut disk, at(CopyId::A, Half::First, 7), Rot::Noise);
    spoil(&mut disk, at(CopyId::B, Half::First, 20), Rot::Unreadable);
    spoil(&mut disk, Sector(2048), Rot::Zeros);
    let (before, writes) = (disk.medium.clone(), disk.writes);
    let mut only_read = expect(LEN);
    only_read.writable = false;
    let opened = open_with(&mut disk, &only_read).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(opened.map.records().count(), 20);
    assert!(opened.report.read_only && opened.report.unsettled);
    assert!(disk.medium == before && disk.writes == writes);
    assert!(!opened.writer.session_open());
}

/// A commit that fails on one copy, in its write or only in what the device says of it.
#[test]
fn a_copy_that_fails_is_given_up_and_not_believed_when_it_comes_back() {
    for copy in CopyId::BOTH {
        for landed in [false, true] {
            let mut disk = lived(5);
            let mut driver = driver(&mut disk);
            let power = &mut Power::default();
            for index in 6..12 {
                disk.bad_write.insert(at(copy, Half::First, index).0);
            }
            assert_eq!(driver.commit(&mut disk, power, &[remap(5)]), Ok(()));
            assert_eq!(driver.writer.degraded(), 1 << copy.number());
            if landed {
                // It did reach the medium after all.
                let block = disk.bytes(at(copy.other(), Half::First, 6), 4096).to_vec();
                let to = at(copy, Half::First, 6);
                disk.bytes_mut(to, 4096).copy_from_slice(&block);
            }
            // From now on the other copy alone.
            for i in 6..9 {
                assert_eq!(driver.commit(&mut disk, power, &[remap(i)]), Ok(()));
            }
            let state = Twin::of(&driver.map);
            drop(driver);
            heal(&mut disk);
            // The stale copy comes back, and the good one cannot be read for a moment.
            let stale = disk.clone();
            for index in [0, 3, 6, 8, 10] {
                let mut disk = stale.clone();
                spoil(
                    &mut disk,
                    at(copy.other(), Half::First, index),
                    Rot::Unreadable,
                );
                match open(&mut disk) {
                    // What the stale copy has of the time before is good.
                    Ok(opened) => {
                        assert!(index < 6 || index == 10 && opened.map.records().count() == 9);
                        assert_eq!(Twin::of(&opened.map), state);
                    }
                    Err(why) => {
                        let half = Half::First;
                        assert_eq!(why, OpenError::LogUnreadable { half, index });
                        assert!(disk.medium == stale.medium);
                    }
                }
            }
            let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(Twin::of(&opened.map), state);
            // It was written anew, and counts again.
            assert_eq!(opened.report.degraded, 0);
            assert_eq!(opened.report.repaired, 4);
            for index in 0..10 {
                spoil(&mut disk, at(copy.other(), Half::First, index), Rot::Noise);
            }
            let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(Twin::of(&opened.map), state);
        }
    }
}

#[test]
fn after_a_doubt_nothing_follows_and_the_next_session_decides_for_good() {
    for landed in [None, Some(CopyId::A), Some(CopyId::B)] {
        let mut disk = lived(5);
        let mut driver = driver(&mut disk);
        let power = &mut Power::default();
        assert_eq!(driver.begin(&mut disk, power), Ok(()));
        for copy in CopyId::BOTH {
            disk.bad_write.insert(at(copy, Half::First, 6).0);
        }
        let sick = disk.clone();
        if let Some(copy) = landed {
            // The block is on the medium, though the device said that it is not.
            disk.bad_write.clear();
            let mut other = driver_copy(&disk);
            assert_eq!(other.begin(&mut disk, power), Ok(()));
            assert_eq!(other.commit(&mut disk, power, &[remap(5)]), Ok(()));
            let block = disk.bytes(at(copy, Half::First, 6), 4096).to_vec();
            let superblock = disk.bytes(Sector(0), 4096).to_vec();
            disk = sick.clone();
            disk.bytes_mut(at(copy, Half::First, 6), 4096)
                .copy_from_slice(&block);
            for &place in plan(LEN).places().as_slice() {
                disk.bytes_mut(place, 4096).copy_from_slice(&superblock);
            }
        }
        assert_eq!(
            driver.commit(&mut disk, power, &[remap(5)]),
            Err(End::Doubt)
        );
        assert!(driver.writer.in_doubt());
        let mut buf = MetaBuf::try_new().expect("memory");
        let block = buf.get_mut().expect("a block");
        assert_eq!(
            driver.writer.encode_commit(&[remap(6)], block),
            Err(Refused::InDoubt)
        );
        assert_eq!(driver.writer.begin_checkpoint(), Err(Refused::InDoubt));
        assert_eq!(driver.writer.close_session(block), Err(Refused::InDoubt));
        assert!(driver.writer.needs_check(true, block).is_ok());
        assert!(driver.writer.superblock_written(1));
        assert!(driver.writer.superblock().needs_check);
        heal(&mut disk);
        // Hidden at first: then it is void, also when it can be seen again.
        if let Some(copy) = landed {
            let mut disk = disk.clone();
            spoil(&mut disk, at(copy, Half::First, 6), Rot::Unreadable);
            let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(opened.map.records().count(), 5);
            assert!(opened.report.unsettled && opened.writer.session_open());
            heal(&mut disk);
            for _ in 0..3 {
                let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
                assert_eq!(opened.map.records().count(), 5, "a void commit came back");
            }
        }
        // Seen at first: then it counts, also when the copy that had it is hidden.
        let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
        let count = opened.map.records().count();
        assert_eq!(count, if landed.is_some() { 6 } else { 5 });
        if let Some(copy) = landed {
            spoil(&mut disk, at(copy, Half::First, 6), Rot::Unreadable);
            let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(opened.map.records().count(), 6, "a commit went back");
        }
    }
}

fn driver_copy(disk: &Disk) -> Driver {
    driver(&mut disk.clone())
}

#[test]
fn a_superblock_older_than_the_log_is_noticed() {
    let mut disk = lived(0);
    let old: Vec<u8> = disk.bytes(Sector(0), 4096).to_vec();
    let mut first = driver(&mut disk);
    let power = &mut Power::default();
    assert_eq!(first.commit(&mut disk, power, &[remap(0)]), Ok(()));
    for &place in plan(LEN).places().as_slice() {
        disk.bytes_mut(place, 4096).copy_from_slice(&old);
    }
    let why = refused(open(&mut disk));
    assert!(matches!(why, OpenError::StaleSuperblock { .. }));
    assert_eq!(
        why.text(),
        c"newest superblock of the spare area is missing"
    );
}

#[test]
fn no_superblock_place_may_be_needed_and_one_is_enough() {
    let mut disk = lived(3);
    let mut first = driver(&mut disk);
    for bad in plan(LEN).places().as_slice() {
        disk.bad_write.insert(bad.0);
        let mut power = Power::default();
        assert_eq!(first.close(&mut disk, &mut power), Ok(true));
        assert_eq!(first.begin(&mut disk, &mut power), Ok(()));
        disk.bad_write.clear();
    }
    // With none of them no session is opened, and none is needed to read.
    for place in plan(LEN).places().as_slice() {
        disk.bad_write.insert(place.0);
    }
    assert_eq!(first.close(&mut disk, &mut Power::default()), Ok(false));
    drop(first);
    let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(opened.map.records().count(), 3);
    // But what is not settled is not opened before it can be.
    spoil(&mut disk, at(CopyId::A, Half::First, 3), Rot::Zeros);
    assert_eq!(refused(open(&mut disk)), OpenError::Unwritable);
}

/// Checkpoints that are cut at each of their blocks, with a map that needs several.
#[test]
fn compaction_may_stop_anywhere() {
    let mut disk = formatted(LEN);
    let mut first = driver(&mut disk);
    let (mut dice, mut twin) = (Dice(3), Twin::default());
    for _ in 0..60 {
        let batch = twin.change(&mut dice, 1000, plan(LEN).spare_count());
        batch.iter().for_each(|r| twin.apply(r));
        let end = first.commit(&mut disk, &mut Power::default(), &batch);
        assert_eq!(end, Ok(()));
    }
    drop(first);
    let fates = [Fate::Nothing, Fate::Torn(0x0f), Fate::Whole];
    let mut whole = 0;
    for rounds in 0..12 {
        for (a, b) in fates
            .iter()
            .flat_map(|a| fates.iter().map(move |b| (*a, *b)))
        {
            let mut disk = disk.clone();
            let mut power = Power {
                rounds: Some(rounds),
                fates: vec![a, b],
                ..Power::default()
            };
            let mut driver = driver(&mut disk);
            whole += u32::from(driver.checkpoint(&mut disk, &mut power).is_ok());
            drop(driver);
            for _ in 0..2 {
                let opened =
                    open(&mut disk).unwrap_or_else(|e| panic!("{rounds} {a:?} {b:?}: {e}"));
                assert_eq!(Twin::of(&opened.map), twin);
            }
        }
    }
    assert!(whole > 9, "the checkpoint never came to its end");
}

/// Another area's log, and what an earlier format has left in the place of this one's.
#[test]
fn blocks_of_a_former_format_are_nothing() {
    let mut disk = lived(30);
    let old = disk.clone();
    let mut params = core_format_lab::params(LEN);
    params.uuid = [3; 16];
    dm_remap_core::format::format(&mut disk, params).expect("formats");
    let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        (opened.map.records().count(), opened.report.unsettled),
        (0, false)
    );
    let mut driver = Driver::new(opened.map, opened.writer);
    let power = &mut Power::default();
    for i in 0..5 {
        assert_eq!(driver.commit(&mut disk, power, &[remap(i + 50)]), Ok(()));
    }
    drop(driver);
    assert!(
        old.bytes(at(CopyId::A, Half::First, 9), 4096)
            == disk.bytes(at(CopyId::A, Half::First, 9), 4096)
    );
    let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(opened.map.records().count(), 5);
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
    let places = writer.open_session(&mut block).expect("a session");
    assert!(writer.superblock_written(1) && writer.superblock().needs_check);
    assert_eq!(places, plan(LEN).places());
    writer.needs_check(false, &mut block).expect("a superblock");
    assert!(!writer.superblock_written(0), "nothing was written");
    assert!(writer.superblock().needs_check);
    writer.needs_check(false, &mut block).expect("a superblock");
    assert!(writer.superblock_written(2) && !writer.superblock().needs_check);
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
