// SPDX-License-Identifier: GPL-2.0-only

//! A small area with a past, as blocks: what inputs of blocks begin with.

use std::{collections::BTreeMap, sync::OnceLock};

use dm_remap_core::{
    layout::{CopyId, Half},
    open::{Area, IoFailed},
    record::{ChunkState, Record},
    units::{Block, Sector, SpareBlock},
};

use super::lab::{
    drive::{Driver, Power},
    formatted, open, plan, Disk,
};

/// The area, in sectors: few blocks, so that each of them counts.
pub const LEN: u64 = 2560;

/// Its UUID.
pub const UUID: [u8; 16] = *b"\x10\x32\x54\x76\x98\xba\xdc\xfeFEDCBA98";

/// An area in memory: its blocks of 4096 bytes that are not zeros.
#[derive(Clone)]
pub struct Sparse {
    pub blocks: BTreeMap<u64, [u8; 4096]>,
    pub writable: bool,
}

/// The area: two sessions, with a checkpoint in the first and a copy that fails in the second.
pub fn area() -> Sparse {
    static AREA: OnceLock<Sparse> = OnceLock::new();
    AREA.get_or_init(made).clone()
}

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

fn made() -> Sparse {
    let mut disk = formatted(LEN);
    let power = &mut Power::default();
    let begin = |disk: &mut Disk| {
        let opened = open(disk).unwrap_or_else(|e| panic!("{e}"));
        Driver::new(opened.map, opened.writer)
    };
    let mut driver = begin(&mut disk);
    let bad = Record::BadSpare {
        spare: SpareBlock(0),
    };
    let first = [remap(3, 0), remap(125_000, 1), remap(7, 3)];
    assert_eq!(driver.commit(&mut disk, power, &first), Ok(()));
    let second = [remap(3, 2), bad, sectors(3, 0xff, 1, 0)];
    assert_eq!(driver.commit(&mut disk, power, &second), Ok(()));
    assert_eq!(driver.checkpoint(&mut disk, power), Ok(()));
    let third = [sectors(9, 0, 0, 0x81), Record::Unmap { block: Block(7) }];
    assert_eq!(driver.commit(&mut disk, power, &third), Ok(()));
    assert_eq!(driver.close(&mut disk, power), Ok(true));
    let mut driver = begin(&mut disk);
    let fourth = [sectors(3, 0x0f, 1, 6)];
    assert_eq!(driver.commit(&mut disk, power, &fourth), Ok(()));
    let at = plan(LEN).log_sector(CopyId::B, Half::Second, 3);
    disk.bad_write.insert(at.expect("inside").0 .0);
    let last = [remap(90_000, 5)];
    assert_eq!(driver.commit(&mut disk, power, &last), Ok(()));
    let blocks = (0..).zip(disk.medium.chunks(4096));
    let blocks = blocks.filter(|(_, block)| block.iter().any(|&b| b != 0));
    Sparse {
        blocks: blocks
            .map(|(at, block)| (at, super::block_of(block)))
            .collect(),
        writable: false,
    }
}

/// Its blocks that begin with `magic`, without the zeros at their ends.
pub fn blocks(magic: &[u8]) -> Vec<Vec<u8>> {
    let with = |block: &[u8; 4096]| block.starts_with(magic).then(|| trimmed(block));
    area().blocks.values().filter_map(with).collect()
}

/// Bytes without the zeros at their end.
pub fn trimmed(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1);
    bytes[..end].to_vec()
}

impl Area for Sparse {
    fn read(&mut self, at: Sector, buf: &mut [u8]) -> Result<(), IoFailed> {
        assert!(at.0 % 8 == 0 && buf.len() % 4096 == 0, "whole blocks");
        if at.0 + buf.len() as u64 / 512 > LEN {
            return Err(IoFailed);
        }
        for (index, to) in (at.0 / 8..).zip(buf.chunks_mut(4096)) {
            match self.blocks.get(&index) {
                Some(block) => to.copy_from_slice(block),
                None => to.fill(0),
            }
        }
        Ok(())
    }

    fn write(&mut self, at: Sector, buf: &[u8], _fua: bool) -> Result<(), IoFailed> {
        assert!(self.writable, "nothing is to be written");
        assert!(at.0 % 8 == 0 && buf.len() % 4096 == 0, "whole blocks");
        assert!(at.0 + buf.len() as u64 / 512 <= LEN, "inside the area");
        for (index, from) in (at.0 / 8..).zip(buf.chunks(4096)) {
            let block = from.try_into().expect("a block");
            self.blocks.insert(index, block);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), IoFailed> {
        Ok(())
    }
}
