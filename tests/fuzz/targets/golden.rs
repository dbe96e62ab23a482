// SPDX-License-Identifier: GPL-2.0-only

//! A small area with a past, as blocks: what inputs of blocks begin with.

use std::{collections::BTreeMap, sync::OnceLock};

use dm_remap_core::{
    open::{Area, IoFailed},
    units::Sector,
};

use super::lab::past::image;

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

/// The area: that of the golden images, but smaller.
pub fn area() -> Sparse {
    static AREA: OnceLock<Sparse> = OnceLock::new();
    AREA.get_or_init(made).clone()
}

fn made() -> Sparse {
    let disk = image(LEN);
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
