// SPDX-License-Identifier: GPL-2.0-only

//! The replies of messages that ask: one line for each run of sectors that share a fate.

use core::fmt::{self, Write};

use super::message::Listed;
use crate::map::Cursor;
use crate::record::{ChunkState, Record, CHUNK_SECTORS};
use crate::snapshot::Snapshot;
use crate::units::{Block, Sector, SectorCount, SpareBlock};

/// How many lines a list has before it says where to go on.
pub const MAX_LINES: u32 = 256;

/// Says where the sector `at` lives: `<sector> main`, `<sector> spare <spare block> <offset>`,
/// `<sector> only-on-main` or `<sector> lost`, with ` pending` after it if its last read failed.
pub fn query(map: &Snapshot, at: Sector, out: &mut impl Write) -> fmt::Result {
    let size = map.block_size();
    let block = size.block_of(at);
    let offset = size.offset_in(at);
    let (chunk, bit) = place(offset);
    let state = map.chunk(block, chunk);
    write!(out, "{} ", at.0)?;
    match map.lookup(block) {
        None => out.write_str("main")?,
        Some(_) if state.lost() & bit != 0 => out.write_str("lost")?,
        Some(_) if state.unspared() & bit != 0 => out.write_str("only-on-main")?,
        Some(spare) => write!(out, "spare {} {offset}", spare.0)?,
    }
    if state.pending() & bit != 0 {
        out.write_str(" pending")?;
    }
    out.write_char('\n')
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
    out: &mut impl Write,
) -> fmt::Result {
    let mut lines = 0u32;
    let mut last = None;
    let mut cursor = Cursor::at(map.block_size().block_of(from));
    while let Some(record) = map.next_record(&mut cursor) {
        let mut page = Page {
            map,
            target_len,
            what,
            out,
            lines: 0,
        };
        let block = match record {
            Record::Remap { block, spare } => {
                // A page ends between blocks, so that the next one starts with a whole one.
                if lines >= MAX_LINES && last != Some(block) {
                    return page.more(block);
                }
                page.remapped(block, spare)?;
                block
            }
            Record::Sectors {
                block,
                chunk,
                state,
            } => {
                if lines >= MAX_LINES && last != Some(block) {
                    return page.more(block);
                }
                page.sectors(block, chunk, state)?;
                block
            }
            // A snapshot gives none of these.
            Record::BadSpare { .. } | Record::Unmap { .. } => continue,
        };
        lines = lines.saturating_add(page.lines);
        last = Some(block);
    }
    Ok(())
}

/// What the lines of a list are made with.
struct Page<'a, W> {
    map: &'a Snapshot,
    target_len: SectorCount,
    what: Listed,
    out: &'a mut W,
    lines: u32,
}

impl<W: Write> Page<'_, W> {
    fn start(&self, block: Block) -> u64 {
        self.map
            .block_size()
            .start_of(block)
            .map_or(u64::MAX, |s| s.0)
    }

    /// Writes the sectors of a line, cut at the end of the target.
    fn begin(&mut self, start: u64, len: u64) -> fmt::Result {
        self.lines = self.lines.saturating_add(1);
        let len = len.min(self.target_len.0.saturating_sub(start));
        write!(self.out, "{start} {len} ")
    }

    fn remapped(&mut self, block: Block, spare: SpareBlock) -> fmt::Result {
        if !matches!(self.what, Listed::All | Listed::Remapped) {
            return Ok(());
        }
        let len = u64::from(self.map.block_size().sectors());
        self.begin(self.start(block), len)?;
        writeln!(self.out, "remapped {}", spare.0)
    }

    fn sectors(&mut self, block: Block, chunk: u16, state: ChunkState) -> fmt::Result {
        let before = u64::from(chunk).saturating_mul(u64::from(CHUNK_SECTORS));
        let start = self.start(block).saturating_add(before);
        if matches!(self.what, Listed::All | Listed::Pending) {
            self.runs(start, state.pending(), "pending")?;
        }
        if matches!(self.what, Listed::All | Listed::Lost) {
            self.runs(start, state.lost(), "lost")?;
        }
        Ok(())
    }

    /// A line for each run of set bits; `start` is the sector of the lowest.
    fn runs(&mut self, start: u64, mut bits: u64, word: &str) -> fmt::Result {
        while bits != 0 {
            let first = bits.trailing_zeros();
            let len = bits.wrapping_shr(first).trailing_ones();
            self.begin(start.saturating_add(u64::from(first)), u64::from(len))?;
            writeln!(self.out, "{word}")?;
            let past = u64::MAX
                .checked_shl(first.saturating_add(len))
                .unwrap_or_default();
            bits &= past;
        }
        Ok(())
    }

    fn more(&mut self, block: Block) -> fmt::Result {
        writeln!(self.out, "more from {}", self.start(block))
    }
}
