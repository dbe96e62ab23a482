// SPDX-License-Identifier: GPL-2.0-only

//! An area in which there is one of everything that the format knows: the golden images are of it, and fuzzing begins with it.

use dm_remap_core::{
    layout::{CopyId, Half},
    record::{ChunkState, Record},
    units::{Block, SpareBlock},
};

use super::{
    drive::{Driver, Power},
    formatted, open, plan, Disk,
};

fn remap(block: u64, spare: u32) -> Record {
    Record::Remap {
        block: Block(block),
        spare: SpareBlock(spare),
    }
}

fn sectors(block: u64, unspared: u64, lost: u64, pending: u64) -> Record {
    Record::Sectors {
        block: Block(block),
        chunk: 0,
        state: ChunkState::new(unspared, lost, pending).expect("a subset"),
    }
}

/// An area of `len` sectors, and its past: a session with a checkpoint in it that ended in order, and one that was cut off while copy B was failing.
pub fn image(len: u64) -> Disk {
    let mut disk = formatted(len);
    let power = &mut Power::default();
    let begin = |disk: &mut Disk| {
        let opened = open(disk).unwrap_or_else(|e| panic!("{e}"));
        Driver::new(opened.map, opened.writer)
    };
    let mut driver = begin(&mut disk);
    let bad = Record::BadSpare {
        spare: SpareBlock(0),
    };
    for batch in [
        vec![remap(3, 0), remap(125_000, 1), remap(7, 3)],
        vec![remap(3, 2), bad, sectors(3, 0xff, 0x01, 0)],
        vec![sectors(9, 0, 0, 0x81), Record::Unmap { block: Block(7) }],
    ] {
        assert_eq!(driver.commit(&mut disk, power, &batch), Ok(()));
    }
    assert_eq!(driver.checkpoint(&mut disk, power), Ok(()));
    let batch = [sectors(9, 0, 0, 0x80)];
    assert_eq!(driver.commit(&mut disk, power, &batch), Ok(()));
    assert_eq!(driver.close(&mut disk, power), Ok(true));
    let mut driver = begin(&mut disk);
    let batch = [sectors(3, 0x0f, 0x01, 0x06)];
    assert_eq!(driver.commit(&mut disk, power, &batch), Ok(()));
    let (at, _) = plan(len)
        .log_sector(CopyId::B, Half::Second, 3)
        .expect("inside");
    disk.bad_write.insert(at.0);
    assert_eq!(driver.commit(&mut disk, power, &[remap(90_000, 5)]), Ok(()));
    assert_eq!(driver.writer.degraded(), 0b10);
    disk
}
