// SPDX-License-Identifier: GPL-2.0-only

//! What is stale never counts: copies that come back, commits in doubt, other areas, other courses of events.

mod core_format_lab;

use core_format_lab::{
    drive::{Driver, End, Power},
    open, plan, refused,
    rot::{at, driver as driver_of, heal, lived, remap, spoil, Rot},
    Twin, LEN,
};
use dm_remap_core::{
    layout::{CopyId, Half, MetaBuf},
    log::Refused,
    open::OpenError,
    units::Sector,
};

/// A commit that fails on one copy, in its write or only in what the device says of it.
#[test]
fn a_copy_that_fails_is_given_up_and_not_believed_when_it_comes_back() {
    for copy in CopyId::BOTH {
        for landed in [false, true] {
            let mut disk = lived(5);
            let mut driver = driver_of(&mut disk);
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
        let mut driver = driver_of(&mut disk);
        let power = &mut Power::default();
        assert_eq!(driver.begin(&mut disk, power), Ok(()));
        for copy in CopyId::BOTH {
            disk.bad_write.insert(at(copy, Half::First, 6).0);
        }
        let sick = disk.clone();
        if let Some(copy) = landed {
            // The block is on the medium, though the device said that it is not.
            disk.bad_write.clear();
            let mut other = driver_of(&mut disk.clone());
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
fn a_superblock_older_than_the_log_is_noticed() {
    let mut disk = lived(0);
    let old: Vec<u8> = disk.bytes(Sector(0), 4096).to_vec();
    let mut first = driver_of(&mut disk);
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
    let mut first = driver_of(&mut disk);
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

/// A block that differs from the right one in nothing but what came before it.
#[test]
fn a_block_of_another_course_of_events_is_not_taken() {
    let mut disk = lived(5);
    let power = &mut Power::default();
    assert_eq!(driver_of(&mut disk).begin(&mut disk, power), Ok(()));
    let course = |first: u64| {
        let mut disk = disk.clone();
        let mut driver = driver_of(&mut disk);
        for i in [first, first + 1] {
            let end = driver.commit(&mut disk, &mut Power::default(), &[remap(i)]);
            assert_eq!(end, Ok(()));
        }
        disk
    };
    let (mut here, there) = (course(10), course(20));
    for copy in CopyId::BOTH {
        let block = there.bytes(at(copy, Half::First, 7), 4096).to_vec();
        assert!(block != here.bytes(at(copy, Half::First, 7), 4096));
        here.bytes_mut(at(copy, Half::First, 7), 4096)
            .copy_from_slice(&block);
    }
    let opened = open(&mut here).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(opened.map.records().count(), 6);
    assert!(opened.map.records().any(|r| r == remap(10)));
}
