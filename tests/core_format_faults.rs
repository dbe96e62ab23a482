// SPDX-License-Identifier: GPL-2.0-only

//! Copies that rot, vanish, fail and come back.

mod core_format_lab;

use core_format_lab::{
    drive::{Fate, Power},
    expect, formatted, open, open_with, plan, refused,
    rot::{at, driver, heal, lived, remap, spoil, Rot, ROTS},
    twin::Dice,
    Twin, LEN,
};
use dm_remap_core::{
    layout::{CopyId, Half},
    open::OpenError,
    units::Sector,
};

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
