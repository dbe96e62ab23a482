// SPDX-License-Identifier: GPL-2.0-only

//! What the tests of the format share: a disk in memory, a naive twin of the map, and a driver.
#![allow(dead_code, unused_imports)] // each test uses its own part

pub mod disk;
pub mod drive;
pub mod life;
pub mod past;
pub mod rot;
pub mod twin;

pub use disk::Disk;
pub use twin::Twin;

use dm_remap_core::{
    format::{format, Params},
    identity::{Identities, Identity},
    layout::Layout,
    open::{examine, load, Area, Examined, Expect, Formatted, OpenError, Opened},
    units::{BlockSize, Sector, SectorCount},
};

/// A small area, in sectors: 3 MiB.
pub const LEN: u64 = 6144;

/// The length of the target that belongs to it.
pub const MAIN_LEN: u64 = 1_000_003;

/// The disk that main is on.
pub fn main_ids(size: u64) -> Identities {
    let mut ids = Identities::NONE;
    assert!(ids.add(Identity::size(SectorCount(size))));
    assert!(ids.add(Identity::disk(3, b"naa.5000c500a1b2c3d4")));
    assert!(ids.add(Identity::partition(b"0fc63daf-8483-4772-8e79-3d69d8477de4")));
    ids
}

pub fn spare_ids() -> Identities {
    let mut ids = Identities::NONE;
    assert!(ids.add(Identity::size(SectorCount(1 << 21))));
    ids
}

pub fn block8() -> BlockSize {
    BlockSize::new(8).expect("a block size")
}

pub fn plan(len: u64) -> Layout {
    Layout::plan(SectorCount(len), block8(), SectorCount(8), SectorCount(0)).expect("a layout")
}

pub fn params(len: u64) -> Params {
    Params {
        uuid: *b"\x10\x32\x54\x76\x98\xba\xdc\xfeFEDCBA98",
        main: main_ids(2_000_000),
        spare: spare_ids(),
        main_start: Sector(2048),
        main_len: SectorCount(MAIN_LEN),
        spare_start: Sector(4096),
        created: 1_700_000_000,
        layout: plan(len),
    }
}

pub fn expect(len: u64) -> Expect {
    Expect {
        main: main_ids(2_000_000),
        spare: spare_ids(),
        main_start: Sector(2048),
        main_len: SectorCount(MAIN_LEN),
        spare_start: Sector(4096),
        spare_len: SectorCount(len),
        block: None,
        writable: true,
    }
}

/// A formatted area.
pub fn formatted(len: u64) -> Disk {
    let mut disk = Disk::new(len);
    format(&mut disk, params(len)).expect("formats");
    disk
}

/// The superblock of an area that has one.
pub fn found(area: &mut dyn Area, len: u64) -> Result<Formatted, OpenError> {
    match examine(area, SectorCount(len), None)? {
        Examined::Formatted(found) => Ok(found),
        Examined::Blank => panic!("blank"),
    }
}

pub fn open_with(area: &mut dyn Area, expect: &Expect) -> Result<Opened, OpenError> {
    let found = found(area, expect.spare_len.0)?;
    load(area, &found, expect)
}

pub fn open(disk: &mut Disk) -> Result<Opened, OpenError> {
    let len = disk.sectors();
    open_with(disk, &expect(len))
}

/// The error of what must not succeed.
pub fn refused(result: Result<Opened, OpenError>) -> OpenError {
    match result {
        Ok(_) => panic!("opened"),
        Err(why) => why,
    }
}
