// SPDX-License-Identifier: GPL-2.0-only

//! The replies of messages that ask: one line for each run of sectors that share a fate.

use core::fmt::{self, Write};

use super::{message::Listed, Out};
use crate::health::{monitor::Health, Region};
use crate::map::Cursor;
use crate::record::{ChunkState, Record, CHUNK_SECTORS};
use crate::snapshot::Snapshot;
use crate::units::{Block, Sector, SectorCount, SpareBlock};

/// How many lines a list has before it says where to go on.
pub const MAX_LINES: u32 = 256;

/// Says where the sector `at` lives: `<sector> main`, `<sector> spare <spare block> <offset>`,
/// `<sector> only-on-main` or `<sector> lost`, with ` pending` after it if its last read failed.
pub fn query(map: &Snapshot, at: Sector, out: &mut dyn Write) -> fmt::Result {
    let mut out = Out::new(out);
    let size = map.block_size();
    let block = size.block_of(at);
    let offset = size.offset_in(at);
    let (chunk, bit) = place(offset);
    let state = map.chunk(block, chunk);
    out.number("", at.0);
    match map.lookup(block) {
        None => out.text(" main"),
        Some(_) if state.lost() & bit != 0 => out.text(" lost"),
        Some(_) if state.unspared() & bit != 0 => out.text(" only-on-main"),
        Some(spare) => {
            out.number(" spare ", spare.0.into());
            out.number(" ", offset.into());
        }
    }
    if state.pending() & bit != 0 {
        out.text(" pending");
    }
    out.text("\n");
    out.result
}

/// The lowest score in each of `parts` equal parts of a target of `target_len` sectors, in one line.
pub fn health(
    health: &Health,
    target_len: SectorCount,
    parts: u32,
    out: &mut dyn Write,
) -> fmt::Result {
    let mut out = Out::new(out);
    let edge = |n: u32| {
        // The product of a length below 2^55 and a number of parts below 2^11 would not fit.
        let last = target_len.0.saturating_sub(1);
        let last = Region::of(Sector(last)).0;
        let regions = u64::from(last).saturating_add(1);
        let edge = regions.saturating_mul(n.into());
        edge.checked_div(parts.into()).unwrap_or(0)
    };
    let region = |n: u64| Region(u32::try_from(n).unwrap_or(u32::MAX));
    for part in 0..parts {
        let first = edge(part);
        let last = edge(part.saturating_add(1)).saturating_sub(1).max(first);
        let lowest = health
            .map
            .lowest(health.hour(), region(first), region(last));
        out.number(if part == 0 { "" } else { " " }, lowest.into());
    }
    out.text("\n");
    out.result
}

/// The chunk in which a sector lies that is `offset` into its block, and its bit there.
fn place(offset: u32) -> (u16, u64) {
    let chunk = offset.wrapping_shr(CHUNK_SECTORS.trailing_zeros());
    let within = offset & CHUNK_SECTORS.wrapping_sub(1);
    let chunk = u16::try_from(chunk).unwrap_or(u16::MAX);
    (chunk, 1u64.wrapping_shl(within))
}

/// Lists what is special of a target of `target_len` sectors, in order of sectors from the block of
/// `from` on: `<first sector> <sectors> remapped <spare block>`, `... pending`, `... lost`. A list that
/// is not at its end after [`MAX_LINES`] has a last line `more from S`.
pub fn list(
    map: &Snapshot,
    target_len: SectorCount,
    what: Listed,
    from: Sector,
    out: &mut dyn Write,
) -> fmt::Result {
    let mut last = None;
    let mut page = Page {
        map,
        target_len,
        what,
        out: Out::new(out),
        lines: 0,
    };
    let mut cursor = Cursor::at(map.block_size().block_of(from));
    while let Some(record) = map.next_record(&mut cursor) {
        let block = match record {
            Record::Remap { block, .. } | Record::Sectors { block, .. } => block,
            // A snapshot gives none of these.
            Record::BadSpare { .. } | Record::Unmap { .. } => continue,
        };
        // A page ends between blocks, so that the next one starts with a whole one.
        if page.lines >= MAX_LINES && last != Some(block) {
            page.more(block);
            break;
        }
        last = Some(block);
        match record {
            Record::Remap { spare, .. } => page.remapped(block, spare),
            Record::Sectors { chunk, state, .. } => page.sectors(block, chunk, state),
            Record::BadSpare { .. } | Record::Unmap { .. } => {}
        }
    }
    page.out.result
}

/// What the lines of a list are made with.
struct Page<'a> {
    map: &'a Snapshot,
    target_len: SectorCount,
    what: Listed,
    out: Out<'a>,
    lines: u32,
}

impl Page<'_> {
    fn start(&self, block: Block) -> u64 {
        self.map
            .block_size()
            .start_of(block)
            .map_or(u64::MAX, |s| s.0)
    }

    /// Writes a line: the sectors, cut at the end of the target, and what is so of them.
    fn line(&mut self, start: u64, len: u64, what: &str) {
        self.lines = self.lines.saturating_add(1);
        let len = len.min(self.target_len.0.saturating_sub(start));
        self.out.number("", start);
        self.out.number(" ", len);
        self.out.text(what);
    }

    fn remapped(&mut self, block: Block, spare: SpareBlock) {
        if matches!(self.what, Listed::All | Listed::Remapped) {
            let len = u64::from(self.map.block_size().sectors());
            self.line(self.start(block), len, " remapped");
            self.out.number(" ", spare.0.into());
            self.out.text("\n");
        }
    }

    fn sectors(&mut self, block: Block, chunk: u16, state: ChunkState) {
        let before = u64::from(chunk).saturating_mul(u64::from(CHUNK_SECTORS));
        let start = self.start(block).saturating_add(before);
        if matches!(self.what, Listed::All | Listed::Pending) {
            self.runs(start, state.pending(), " pending\n");
        }
        if matches!(self.what, Listed::All | Listed::Lost) {
            self.runs(start, state.lost(), " lost\n");
        }
    }

    /// A line for each run of set bits; `start` is the sector of the lowest.
    fn runs(&mut self, start: u64, mut bits: u64, what: &str) {
        while bits != 0 {
            let first = bits.trailing_zeros();
            let len = bits.wrapping_shr(first).trailing_ones();
            self.line(start.saturating_add(first.into()), len.into(), what);
            let past = u64::MAX
                .checked_shl(first.saturating_add(len))
                .unwrap_or_default();
            bits &= past;
        }
    }

    fn more(&mut self, block: Block) {
        self.out.number("more from ", self.start(block));
        self.out.text("\n");
    }
}
