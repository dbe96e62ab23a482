// SPDX-License-Identifier: GPL-2.0-only

//! Making good what was found bad, before anything is done with the map.

use crate::{
    layout::{Layout, MetaBlock, MetaBuf},
    log::{Found, Refused, Writer},
    open::{
        reader::{Look, Reader, WINDOW},
        walk::{Chain, Repair},
        Area, OpenError,
    },
};

/// What the repair has come to.
#[derive(Default)]
pub(super) struct Repaired {
    /// How many blocks were written again.
    pub(super) blocks: u32,
    /// For each copy, from which generation on it could not be repaired; 0 if it could.
    pub(super) failed: [u64; 2],
}

/// Writes the blocks that one copy lacks from the other, with FUA.
pub(super) fn repair(reader: &mut Reader<'_>, layout: &Layout, chain: &Chain) -> Repaired {
    let mut done = Repaired::default();
    for range in chain.repairs.as_slice() {
        // The first failure of a copy is its lowest: the ranges are in order.
        let failed = range.copy.of_mut(&mut done.failed);
        if *failed != 0 {
            continue;
        }
        let mut blocks = 0;
        if write(reader, layout, chain, range, &mut blocks).is_none() {
            *failed = range.since;
        }
        done.blocks = done.blocks.saturating_add(blocks);
    }
    done
}

fn write(
    reader: &mut Reader<'_>,
    layout: &Layout,
    chain: &Chain,
    range: &Repair,
    blocks: &mut u32,
) -> Option<()> {
    let from = range.copy.other();
    let mut at = range.from;
    while at < range.to {
        let (sector, run) = layout.log_sector(range.copy, chain.half, at)?;
        let most = run.min(range.to.saturating_sub(at)).min(WINDOW);
        // What was good a moment ago is looked at again: nothing rotten is ever copied.
        let mut good = 0u32;
        while good < most {
            let index = at.saturating_add(good);
            if good > 0 && !reader.holds(from, chain.half, at, index) {
                break;
            }
            match reader.look(from, chain.half, index) {
                Look::Read(Found::Block(h)) if h.base == chain.base && h.index == index => {
                    good = good.saturating_add(1);
                }
                _ => break,
            }
        }
        let (area, bytes) = reader.run(from, chain.half, at, good)?;
        if bytes.is_empty() {
            return None;
        }
        area.write(sector, bytes, true).ok()?;
        at = at.saturating_add(good);
        *blocks = blocks.saturating_add(good);
    }
    Some(())
}

/// Opens the session, so that what was void stays void. False if no superblock could be written.
pub(super) fn open_session(
    area: &mut dyn Area,
    writer: &mut Writer,
    block: &mut MetaBuf,
) -> Result<(bool, u32), OpenError> {
    superblock(area, writer, block, Writer::open_session)
}

/// Writes the superblock that `make` makes to all its places: whether it is the one in force then, and how
/// many places could not be written.
pub(super) fn superblock(
    area: &mut dyn Area,
    writer: &mut Writer,
    block: &mut MetaBuf,
    make: fn(&mut Writer, &mut MetaBlock) -> Result<(), Refused>,
) -> Result<(bool, u32), OpenError> {
    let Some(bytes) = block.get_mut() else {
        return Err(OpenError::NoMemory);
    };
    if make(writer, bytes).is_err() {
        return Ok((false, 0));
    }
    let (mut ok, mut bad) = (0u32, 0u32);
    for round in writer.rounds() {
        let mut bit = 1u32.wrapping_shl(round.first);
        for &place in round.places.as_slice() {
            if area.write(place, bytes, true).is_ok() {
                ok |= bit;
            } else {
                bad = bad.saturating_add(1);
            }
            bit = bit.wrapping_shl(1);
        }
    }
    Ok((writer.superblock_written(ok), bad))
}
