// SPDX-License-Identifier: GPL-2.0-only

//! What a superblock may say that this version does not know, by its class of compatibility.

mod core_format_lab;

use core_format_lab::{
    drive::{Driver, Power},
    formatted, found, open, plan, refused, Disk, LEN,
};
use dm_remap_core::{
    layout::{MetaBlock, Use},
    log::seal_for_test,
    open::OpenError,
    superblock::{encode, Superblock},
    units::Sector,
};

fn edited(change: impl Fn(&mut Superblock)) -> Disk {
    let mut disk = formatted(LEN);
    let mut sb = found(&mut disk, LEN).expect("a superblock").superblock;
    change(&mut sb);
    let mut block = Box::new([0; 4096]);
    encode(&sb, &mut block);
    write_superblock(&mut disk, &block);
    disk
}

fn write_superblock(disk: &mut Disk, block: &MetaBlock) {
    for &place in plan(LEN).places().as_slice() {
        disk.bytes_mut(place, 4096).copy_from_slice(block);
    }
}

#[test]
fn unknown_features_by_their_class() {
    let mut disk = edited(|sb| sb.features.compatible = 1 << 63);
    let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    assert!(!opened.report.read_only);
    // It is kept over sessions.
    let mut driver = Driver::new(opened.map, opened.writer);
    assert_eq!(driver.begin(&mut disk, &mut Power::default()), Ok(()));
    let again = found(&mut disk, LEN).expect("a superblock").superblock;
    assert_eq!((again.features.compatible, again.epoch), (1 << 63, 2));
    let mut disk = edited(|sb| sb.features.read_only = 2);
    let before = disk.medium.clone();
    let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    assert!(opened.report.read_only && disk.medium == before);
    let mut disk = edited(|sb| sb.features.incompatible = 4);
    let why = refused(open(&mut disk));
    let version = 1;
    assert_eq!(
        why,
        OpenError::Unsupported {
            version,
            features: 4
        }
    );
    assert_eq!(why.text(), c"spare area needs a newer dm-remap");
}

#[test]
fn unknown_regions_and_versions_by_their_class() {
    // The last region of the table is of spare blocks; a new one takes the place after it.
    let with = |class: u8| {
        let mut disk = formatted(LEN);
        let mut block = Box::new([0u8; 4096]);
        block.copy_from_slice(disk.bytes(Sector(0), 4096));
        let count = plan(LEN).regions().len();
        let health = plan(LEN)
            .regions()
            .iter()
            .position(|r| r.r#use == Use::Health);
        let health = 832 + 32 * health.expect("one");
        block[health..health + 2].copy_from_slice(&99u16.to_le_bytes());
        block[health + 2] = class;
        block[health + 4..health + 6].copy_from_slice(&[5, 6]);
        assert!(count < 64);
        seal_for_test(&mut block);
        write_superblock(&mut disk, &block);
        disk
    };
    let mut disk = with(0);
    let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    assert!(!opened.report.read_only);
    // It is kept as it is.
    let regions = opened.writer.layout().regions().to_vec();
    let mut driver = Driver::new(opened.map, opened.writer);
    assert_eq!(driver.begin(&mut disk, &mut Power::default()), Ok(()));
    let again = found(&mut disk, LEN).expect("a superblock").superblock;
    assert_eq!(again.layout.regions(), regions);
    assert!(regions.iter().any(|r| r.r#use
        == Use::Unknown {
            kind: 99,
            detail: [5, 6]
        }));
    let opened = open(&mut with(1)).unwrap_or_else(|e| panic!("{e}"));
    assert!(opened.report.read_only);
    assert!(matches!(
        refused(open(&mut with(2))),
        OpenError::Unsupported { .. }
    ));
    assert!(matches!(
        refused(open(&mut with(3))),
        OpenError::BadSuperblock(_)
    ));
    let mut block = Box::new([0u8; 4096]);
    let mut disk = formatted(LEN);
    block.copy_from_slice(disk.bytes(Sector(0), 4096));
    block[12] = 2;
    seal_for_test(&mut block);
    write_superblock(&mut disk, &block);
    let why = refused(open(&mut disk));
    assert_eq!(
        why,
        OpenError::Unsupported {
            version: 2,
            features: 0
        }
    );
}
