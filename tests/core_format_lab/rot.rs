// SPDX-License-Identifier: GPL-2.0-only

//! Areas that have lived a little, and ways to spoil them.

use dm_remap_core::{
    layout::{CopyId, Half},
    record::Record,
    units::{Block, Sector, SpareBlock},
};

use super::{
    drive::{Driver, Power},
    formatted, open, plan,
    twin::Dice,
    Disk, LEN,
};

pub fn remap(n: u64) -> Record {
    Record::Remap {
        block: Block(n * 5),
        spare: SpareBlock(n as u32),
    }
}

pub fn driver(disk: &mut Disk) -> Driver {
    let opened = open(disk).unwrap_or_else(|e| panic!("{e}"));
    Driver::new(opened.map, opened.writer)
}

/// An area with `n` commits in its first half; block 0 is the checkpoint of the empty map.
pub fn lived(n: u64) -> Disk {
    let mut disk = formatted(LEN);
    let mut driver = driver(&mut disk);
    for i in 0..n {
        let end = driver.commit(&mut disk, &mut Power::default(), &[remap(i)]);
        assert_eq!(end, Ok(()));
    }
    disk
}

pub fn at(copy: CopyId, half: Half, index: u32) -> Sector {
    plan(LEN).log_sector(copy, half, index).expect("inside").0
}

/// How a block is spoilt.
#[derive(Clone, Copy, Debug)]
pub enum Rot {
    Zeros,
    OneBit,
    Noise,
    Unreadable,
    Unwritable,
}

pub const ROTS: [Rot; 5] = [
    Rot::Zeros,
    Rot::OneBit,
    Rot::Noise,
    Rot::Unreadable,
    Rot::Unwritable,
];

pub fn spoil(disk: &mut Disk, at: Sector, rot: Rot) {
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

pub fn heal(disk: &mut Disk) {
    disk.bad_read.clear();
    disk.bad_write.clear();
}
