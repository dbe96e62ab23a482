// SPDX-License-Identifier: GPL-2.0-only

//! What a scan of main makes of its sectors, by the map of the moment.

use crate::{
    record::CHUNK_SECTORS,
    snapshot::Snapshot,
    units::{Sector, SectorCount},
};

/// What is done with sectors of main.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// They are read.
    Plain,
    /// Some of them were bad, or have their only data here: each physical block is read alone.
    Marked,
    /// Their data is elsewhere.
    Elsewhere,
}

/// What is done with the first of `len` sectors from `start` on, and how many of them it is done with: at least one,
/// if there is one.
pub fn of_main(map: &Snapshot, start: Sector, len: u32) -> (u32, Part) {
    if map.misses(start, SectorCount(len.into())) {
        return (len, Part::Plain);
    }
    let size = map.block_size();
    let (block, offset) = (size.block_of(start), size.offset_in(start));
    let room = size.sectors().saturating_sub(offset).min(len);
    let last = offset.saturating_add(room).saturating_sub(1);
    let chunk = |at: u32| u16::try_from(at.wrapping_div(CHUNK_SECTORS)).unwrap_or(u16::MAX);
    let mut states = (chunk(offset)..=chunk(last)).map(|n| map.chunk(block, n));
    let part = match map.lookup(block) {
        None if states.all(|s| s.pending() == 0) => Part::Plain,
        Some(_) if states.all(|s| s.unspared() & !s.lost() == 0) => Part::Elsewhere,
        _ => Part::Marked,
    };
    (room, part)
}
