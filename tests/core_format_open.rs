// SPDX-License-Identifier: GPL-2.0-only

//! What is opened, what is formatted, and what is refused and left as it is.

mod core_format_lab;

use std::ffi::CStr;

use core_format_lab::{
    drive::{Driver, Power},
    expect, formatted, found, main_ids, open, open_with, params, plan, refused, Disk, LEN,
    MAIN_LEN,
};
use dm_remap_core::{
    format::{format, FormatError},
    identity::{Identities, Identity, Mismatch},
    layout::{CopyId, Half, Use},
    mem::host,
    open::{check, examine, Examined, Expect, OpenError},
    record::Record,
    superblock::{decode, Decoded},
    units::{Block, BlockSize, Sector, SectorCount, SpareBlock},
};

fn look(disk: &mut Disk) -> Result<Examined, OpenError> {
    let len = disk.sectors();
    examine(disk, SectorCount(len), Some(&plan(len)))
}

#[test]
fn zeros_are_blank() {
    assert!(matches!(look(&mut Disk::new(LEN)), Ok(Examined::Blank)));
    // Spare blocks may hold anything.
    let mut disk = Disk::new(LEN);
    let layout = plan(LEN);
    for spare in 0..layout.spare_count() {
        let at = layout.spare_sector(SpareBlock(spare)).expect("inside");
        disk.bytes_mut(at, 4096).fill(0x5a);
    }
    assert!(matches!(look(&mut disk), Ok(Examined::Blank)));
    // Without a plan nothing is called blank.
    let seen = examine(&mut disk, SectorCount(LEN), None);
    assert!(matches!(seen, Err(OpenError::Foreign(_))));
}

#[test]
fn one_byte_of_data_where_metadata_would_go_is_not_blank() {
    let layout = plan(LEN);
    let mut spots: Vec<Sector> = layout.places().as_slice().to_vec();
    for region in layout.regions().iter().filter(|r| r.r#use != Use::Spare) {
        spots.push(region.start);
        spots.push(Sector(region.start.0 + region.len.0 - 1));
    }
    for at in spots {
        let mut disk = Disk::new(LEN);
        disk.bytes_mut(at, 512)[511] = 1;
        assert!(
            matches!(look(&mut disk), Err(OpenError::Foreign(_))),
            "{at:?}"
        );
        let mut disk = Disk::new(LEN);
        disk.bad_read.insert(at.0);
        assert_eq!(look(&mut disk).err(), Some(OpenError::Unreadable), "{at:?}");
    }
}

#[test]
fn each_superblock_is_valid_alone() {
    let whole = formatted(40_000);
    let places = plan(40_000).places();
    assert_eq!(places.as_slice().len(), 3);
    for &kept in places.as_slice() {
        for how in 0..3 {
            let mut disk = whole.clone();
            for &other in places.as_slice().iter().filter(|&&p| p != kept) {
                match how {
                    0 => disk.bytes_mut(other, 4096).fill(0),
                    1 => disk.bytes_mut(other, 4096)[100] ^= 4,
                    _ => drop(disk.bad_read.insert(other.0)),
                }
            }
            let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
            // The others are written again before anything is done.
            assert!(opened.writer.session_open());
            assert_eq!(opened.report.bad_places, 0);
            disk.bad_read.clear();
            let found = found(&mut disk, 40_000).expect("a superblock");
            assert!(!found.stale_places);
            assert!(found.superblock.seq > 1 && found.superblock.epoch > 1);
        }
    }
}

#[test]
fn a_format_whose_last_write_was_destroyed_is_never_half_an_area() {
    for last in 1.. {
        let mut disk = Disk::new(LEN);
        disk.fuse = Some(last);
        let result = format(&mut disk, params(LEN));
        disk.fuse = None;
        disk.lose_power(|| false);
        match (result, look(&mut disk)) {
            (Ok(_), Ok(Examined::Formatted(_))) => {
                assert_eq!(last, 5, "two copies of the log, two superblocks");
                return;
            }
            (Err(FormatError::Write(_)), Ok(Examined::Formatted(_))) => {
                assert!(open(&mut disk).is_ok());
            }
            (Err(FormatError::Write(_)), Err(OpenError::Foreign(_))) => assert!(last <= 3),
            (result, seen) => panic!("write {last}: {result:?} {seen:?}"),
        }
    }
}

#[test]
fn a_format_that_was_interrupted_is_never_half_an_area() {
    // Cut after each write, with what was not flushed lost.
    for cut in 0.. {
        struct Cut {
            disk: Disk,
            left: u64,
        }
        impl dm_remap_core::open::Area for Cut {
            fn read(
                &mut self,
                at: Sector,
                buf: &mut [u8],
            ) -> Result<(), dm_remap_core::open::IoFailed> {
                self.disk.read(at, buf)
            }
            fn write(
                &mut self,
                at: Sector,
                buf: &[u8],
                fua: bool,
            ) -> Result<(), dm_remap_core::open::IoFailed> {
                if self.left == 0 {
                    return Err(dm_remap_core::open::IoFailed);
                }
                self.left -= 1;
                self.disk.write(at, buf, fua)
            }
            fn flush(&mut self) -> Result<(), dm_remap_core::open::IoFailed> {
                self.disk.flush()
            }
        }
        let mut area = Cut {
            disk: Disk::new(LEN),
            left: cut,
        };
        let result = format(&mut area, params(LEN));
        let mut disk = area.disk;
        disk.lose_power(|| false);
        match (result, look(&mut disk)) {
            (Ok(_), Ok(Examined::Formatted(_))) => {
                assert!(cut >= 4);
                return;
            }
            (Err(FormatError::Write(_)), Ok(Examined::Blank)) => assert_eq!(cut, 0),
            // One superblock is enough.
            (Err(FormatError::Write(_)), Ok(Examined::Formatted(_))) => {
                assert!(open(&mut disk).is_ok());
            }
            // The logs alone are no area.
            (Err(FormatError::Write(_)), Err(OpenError::Foreign(_))) => assert!(cut <= 2),
            (result, seen) => panic!("cut {cut}: {result:?} {seen:?}"),
        }
    }
}

#[test]
fn superblocks_of_two_areas_are_refused() {
    let mut disk = formatted(LEN);
    let mut other = Disk::new(LEN);
    let mut params = params(LEN);
    params.uuid = [9; 16];
    format(&mut other, params).expect("formats");
    let foreign = other.bytes(Sector(2048), 4096).to_vec();
    disk.bytes_mut(Sector(2048), 4096).copy_from_slice(&foreign);
    let why = refused(open(&mut disk));
    assert_eq!(why, OpenError::BadSuperblock("they are of two areas"));
}

#[test]
fn an_area_of_another_main_is_refused() {
    let (size, start) = (2_000_000, 2048);
    let other = move |id: Option<Identity>| {
        let mut ids = Identities::NONE;
        assert!(ids.add(Identity::size(SectorCount(size))) && ids.add(id));
        ids
    };
    type Change = Box<dyn Fn(&mut Expect)>;
    let cases: [(&str, &CStr, Change); 8] = [
        (
            "another disk",
            c"spare area belongs to another main device",
            Box::new(move |e| e.main = other(Identity::disk(3, b"naa.5000c500a1b2c3d5"))),
        ),
        (
            "a disk without names",
            c"main offers none of the identities that the spare area knows it by",
            Box::new(move |e| e.main = other(Identity::disk(1, b"naa.5000c500a1b2c3d4"))),
        ),
        (
            "another partition",
            c"spare area belongs to another main device",
            Box::new(move |e| {
                e.main = other(Identity::partition(b"0fc63daf-8483-4772-8e79-3d69d8477de5"));
            }),
        ),
        (
            "another start",
            c"spare area belongs to another start on main",
            Box::new(move |e| e.main_start = Sector(start + 8)),
        ),
        (
            "a shorter target",
            c"target or main is shorter than when the spare area was formatted",
            Box::new(|e| e.main_len.0 -= 1),
        ),
        (
            "a smaller device",
            c"target or main is shorter than when the spare area was formatted",
            Box::new(move |e| e.main = main_ids(size - 1)),
        ),
        (
            "a shorter area",
            c"spare area is smaller than when it was formatted",
            Box::new(|e| e.spare_len.0 -= 8),
        ),
        (
            "another block size",
            c"spare area was formatted with another block_sectors",
            Box::new(|e| e.block = BlockSize::new(16)),
        ),
    ];
    for (what, text, change) in cases {
        let mut disk = formatted(LEN);
        let before = disk.medium.clone();
        let mut given = expect(LEN);
        change(&mut given);
        let why = refused(open_with(&mut disk, &given));
        assert_eq!(why.text(), text, "{what}");
        assert!(format!("{why}").starts_with(text.to_str().expect("ASCII")));
        // What only compares says the same, and nothing was written.
        let sb = found(&mut disk, LEN).expect("a superblock").superblock;
        assert_eq!(check(&sb, &given), Err(why), "{what}");
        assert!(disk.medium == before && disk.writes == 4, "{what}");
    }
    let mut given = expect(LEN);
    given.main_len.0 -= 3;
    let why = refused(open_with(&mut formatted(LEN), &given));
    let text = "target or main is shorter than when the spare area was formatted: \
                1000003 sectors recorded, 1000000 found";
    assert_eq!(format!("{why}"), text);
    assert!(!matches!(why, OpenError::OtherMain(Mismatch::Unknown)));
}

#[test]
fn main_and_spare_may_grow() {
    let mut disk = formatted(LEN);
    let mut given = expect(LEN);
    given.block = BlockSize::new(8);
    given.main = main_ids(3_000_000);
    given.main_len = SectorCount(MAIN_LEN + 1_000_000);
    disk.medium.resize(8192 * 512, 0xee);
    given.spare_len = SectorCount(8192);
    let opened = open_with(&mut disk, &given).unwrap_or_else(|e| panic!("{e}"));
    assert!(opened.report.grown && !opened.report.unsettled);
    let mut driver = Driver::new(opened.map, opened.writer);
    // A block that was not there before.
    let record = Record::Remap {
        block: Block((MAIN_LEN + 999_999) / 8),
        spare: SpareBlock(0),
    };
    let power = &mut Power::default();
    assert_eq!(driver.commit(&mut disk, power, &[record]), Ok(()));
    // From now on this is the size.
    let why = refused(open_with(&mut disk, &expect(LEN)));
    assert!(matches!(why, OpenError::MainShrunk { .. }));
    let opened = open_with(&mut disk, &given).unwrap_or_else(|e| panic!("{e}"));
    assert!(!opened.report.grown);
    assert_eq!(opened.map.records().collect::<Vec<_>>(), [record]);
    assert!(disk.medium[LEN as usize * 512..].iter().all(|&b| b == 0xee));
}

#[test]
fn a_spare_that_was_copied_to_another_disk_is_told() {
    let mut disk = formatted(LEN);
    let mut given = expect(LEN);
    given.spare_start = Sector(0);
    assert!(given.spare.add(Identity::disk(3, b"another")));
    let opened = open_with(&mut disk, &given).unwrap_or_else(|e| panic!("{e}"));
    assert!(opened.report.moved);
    let mut driver = Driver::new(opened.map, opened.writer);
    assert_eq!(driver.begin(&mut disk, &mut Power::default()), Ok(()));
    let opened = open_with(&mut disk, &given).unwrap_or_else(|e| panic!("{e}"));
    assert!(!opened.report.moved);
}

#[test]
fn each_allocation_may_fail() {
    let mut disk = formatted(LEN);
    let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    let mut driver = Driver::new(opened.map, opened.writer);
    let power = &mut Power::default();
    for i in 0..100 {
        let record = Record::Remap {
            block: Block(i * 3),
            spare: SpareBlock(i as u32),
        };
        assert_eq!(driver.commit(&mut disk, power, &[record]), Ok(()));
    }
    // A torn superblock, so that there is something to do.
    disk.bytes_mut(Sector(2048), 512).fill(0);
    let before = disk.medium.clone();
    let live = host::live_bytes();
    let mut refusals = 0;
    loop {
        disk.medium.copy_from_slice(&before);
        host::refuse_after(Some(refusals));
        let result = open(&mut disk);
        host::refuse_after(None);
        match result {
            Ok(opened) => {
                assert_eq!(opened.map.records().count(), 100);
                break;
            }
            Err(why) => {
                assert_eq!(why, OpenError::NoMemory);
                assert!(disk.medium == before, "refusal {refusals} wrote");
                refusals += 1;
            }
        }
        assert_eq!(host::live_bytes(), live, "a leak at refusal {refusals}");
    }
    assert!(refusals > 10);
    for n in 0.. {
        let mut disk = Disk::new(LEN);
        let params = params(LEN);
        host::refuse_after(Some(n));
        let result = format(&mut disk, params);
        host::refuse_after(None);
        match result {
            Ok(_) => break,
            Err(why) => assert_eq!(why, FormatError::NoMemory),
        }
        assert!(disk.medium.iter().all(|&b| b == 0));
    }
}

#[test]
fn the_logs_of_a_new_area_are_the_same_in_both_copies() {
    let mut disk = formatted(LEN);
    let layout = plan(LEN);
    let at = |copy| layout.log_sector(copy, Half::First, 0).expect("inside").0;
    let a = disk.bytes(at(CopyId::A), 4096).to_vec();
    assert_eq!(a, disk.bytes(at(CopyId::B), 4096));
    assert!(matches!(
        decode(disk.bytes(Sector(0), 4096).try_into().expect("4096")),
        Ok(Decoded::Superblock(_))
    ));
    assert!(look(&mut disk).is_ok());
}
