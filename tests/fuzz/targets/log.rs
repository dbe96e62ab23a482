// SPDX-License-Identifier: GPL-2.0-only

//! A block of the log, compared with a reader that was written after the page on the format.

use dm_remap_core::{
    log::{classify, records, seal_for_test, Found, Kind},
    record::{ChunkState, Record},
    units::{Block, SpareBlock},
};

use super::{block_of, golden, Target};

pub const LOG: Target = Target {
    name: "log",
    most: 4096,
    run,
    seeds: || golden::blocks(b"dmrm-log"),
    words: &["dmrm-log"],
};

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, &b| (n << 8) | u64::from(b))
}

/// The records, and whether they end in something that is none.
fn described(block: &[u8; 4096]) -> (Vec<Record>, bool) {
    let count = number(&block[72..74]) as usize;
    if count > 251 {
        return (Vec::new(), true);
    }
    let mut rest = &block[80..80 + 16 * count];
    let mut found = Vec::new();
    while let [kind, _, unit @ ..] = rest {
        let spare = SpareBlock(number(&unit[2..6]) as u32);
        let block = Block(number(&unit[6..14]));
        let mut used = 16;
        found.push(match kind {
            1 => Record::Remap { block, spare },
            2 => Record::Unmap { block },
            4 => Record::BadSpare { spare },
            3 if rest.len() >= 48 => {
                used = 48;
                let (unspared, lost, pending) = (
                    number(&rest[16..24]),
                    number(&rest[24..32]),
                    number(&rest[32..40]),
                );
                let Some(state) = ChunkState::new(unspared, lost, pending) else {
                    return (found, true);
                };
                let chunk = number(&unit[..2]) as u16;
                Record::Sectors {
                    block,
                    chunk,
                    state,
                }
            }
            _ => return (found, true),
        });
        rest = &rest[used..];
    }
    (found, false)
}

fn run(data: &[u8]) {
    let mut block = block_of(data);
    let _ = classify(&block, &golden::UUID);
    seal_for_test(&mut block);
    let ours = block.starts_with(b"dmrm-log");
    let of_the_area = block[16..32] == golden::UUID;
    match classify(&block, &golden::UUID) {
        Found::Blank => panic!("a checksum is never blank"),
        Found::Garbage => assert!(!ours, "its checksum is right"),
        Found::Foreign => assert!(ours && !of_the_area),
        Found::Block(header) => {
            assert!(ours && of_the_area);
            let kind = match (block[12], block[13] & 1) {
                (1, _) => Kind::Commit,
                (2, last) => Kind::Checkpoint { last: last == 1 },
                (other, _) => Kind::Unknown(other),
            };
            assert_eq!(header.kind, kind);
            assert_eq!(header.half, block[14]);
            let at = |from: usize, to: usize| number(&block[from..to]);
            let numbers = [
                header.epoch,
                header.generation,
                header.base,
                header.superblock,
            ];
            assert_eq!(numbers, [at(32, 40), at(40, 48), at(48, 56), at(56, 64)]);
            let small = [header.crc, header.prev_crc, header.index].map(u64::from);
            assert_eq!(small, [at(8, 12), at(64, 68), at(68, 72)]);
            let mut found = Vec::new();
            let mut malformed = false;
            for record in records(&block) {
                assert!(!malformed, "nothing comes after what is malformed");
                match record {
                    Ok(record) => found.push(record),
                    Err(_) => malformed = true,
                }
            }
            assert_eq!((found, malformed), described(&block));
        }
    }
}
