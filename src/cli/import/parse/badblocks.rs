// SPDX-License-Identifier: GPL-2.0-only

//! Lists of bad blocks as badblocks(8) writes them: a decimal number a line.

use super::{lines, shown, Bad, Place, Run, Wrong};

/// The sectors of the blocks of `block_bytes` that are listed.
pub fn parse(bytes: &[u8], block_bytes: u64, size_sectors: u64) -> Result<Vec<Run>, Wrong> {
    let mut bad = Bad::on(size_sectors);
    for line in lines(bytes) {
        let (line, text) = line?;
        let place = Place::Line(line);
        let wrong = |what| Wrong {
            place,
            what: format!("{} {what}", shown(text)),
        };
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong("is no block number"));
        }
        let block = text.parse::<u64>().ok();
        let first = block.and_then(|block| block.checked_mul(block_bytes));
        let first = first.ok_or_else(|| wrong("is too large a block number"))?;
        bad.add_block(place, first, block_bytes)?;
    }
    Ok(bad.runs())
}
