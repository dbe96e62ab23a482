// SPDX-License-Identifier: GPL-2.0-only

//! Where the parts of a job live: cut at the edges of blocks, physical blocks and sector states.

use super::{
    bits::{mask, Parts},
    Engine, Failure, Job, JobKind, Side,
};
use crate::{
    fault::Op,
    record::{ChunkState, CHUNK_SECTORS},
    units::{Block, Sector, SectorCount, SpareBlock},
};

/// Where sectors live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// On main, of a block that is not remapped.
    Main,
    /// Only on main, of a block that is remapped: a write goes to the spare block.
    OnlyMain(SpareBlock),
    /// On the spare block.
    Spare(SpareBlock),
    /// Nowhere: a write goes to the spare block.
    Lost(SpareBlock),
}

impl Home {
    /// The spare block of the block that the sectors belong to.
    pub(super) const fn spare(self) -> Option<SpareBlock> {
        match self {
            Home::Main => None,
            Home::OnlyMain(spare) | Home::Spare(spare) | Home::Lost(spare) => Some(spare),
        }
    }

    /// A write makes the sectors *on spare*, which has to be recorded.
    pub(super) const fn is_filled_by_write(self) -> bool {
        matches!(self, Home::OnlyMain(_) | Home::Lost(_))
    }

    /// The device that an I/O goes to.
    pub(super) const fn side(self, op: Op) -> Side {
        match (self, op) {
            (Home::Main, _) | (Home::OnlyMain(_), Op::Read) => Side::Main,
            _ => Side::Spare,
        }
    }
}

/// A part of a job that is tried alone: it lies in one physical block and in one block, and lives in
/// one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// The index of its job.
    pub(super) slot: usize,
    /// From which sector of the job.
    pub(super) from: u32,
    /// Sectors.
    pub(super) len: u32,
    pub(super) block: Block,
    /// How far into the block.
    pub(super) offset: u32,
    pub(super) home: Home,
    /// How often it was tried.
    pub(super) tries: u8,
    /// How it failed first.
    pub(super) failure: Option<Failure>,
    /// It is a write to pending sectors of main, whose block is held: main has to show that it took it.
    pub(super) proving: bool,
    /// It is a read that failed alone as one of the medium's.
    pub(super) weak: bool,
    /// An I/O elsewhere succeeded after it had failed: one more failure is the medium's.
    pub(super) confirmed: bool,
}

impl Piece {
    /// No piece.
    pub(super) const NONE: Piece = Piece {
        slot: 0,
        from: 0,
        len: 0,
        block: Block(0),
        offset: 0,
        home: Home::Main,
        tries: 0,
        failure: None,
        proving: false,
        weak: false,
        confirmed: false,
    };
}

impl Engine {
    /// The piece of job `slot` that begins at its sector `from`; `None` beyond the target's end.
    pub(super) fn cut(&self, slot: usize, job: &Job, from: u32) -> Option<Piece> {
        let at = job.start.checked_add(SectorCount(u64::from(from)))?;
        let block = self.block.block_of(at);
        let offset = self.block.offset_in(at);
        let room = self.existing(block).checked_sub(offset)?;
        let room = room.min(job.len.checked_sub(from)?);
        if room == 0 {
            return None;
        }
        let (home, len) = match (job.kind, self.map.lookup(block)) {
            (_, None) => (Home::Main, room),
            (JobKind::Io | JobKind::Scan, Some(spare)) => self.home(block, spare, offset, room),
            // Messages speak of blocks.
            (_, Some(spare)) => (Home::Spare(spare), room),
        };
        let len = match job.kind {
            JobKind::Io | JobKind::Scan => {
                len.min(self.physical_room(home.side(job.op), block, offset))
            }
            _ => len,
        };
        Some(Piece {
            slot,
            from,
            len,
            block,
            offset,
            home,
            ..Piece::NONE
        })
    }

    /// Where sector `offset` of `block` lies: on its spare block if one is given, on main if not.
    #[inline(never)]
    pub(super) fn place(
        &self,
        block: Block,
        spare: Option<SpareBlock>,
        offset: u32,
    ) -> Option<Sector> {
        let first = match spare {
            Some(spare) => self.writer.layout().spare_sector(spare)?,
            None => self.block.start_of(block)?,
        };
        first.checked_add(SectorCount(u64::from(offset)))
    }

    /// The states of the sectors of one chunk.
    #[inline(never)]
    pub(super) fn chunk(&self, block: Block, chunk: u16) -> ChunkState {
        self.map.chunk(block, chunk)
    }

    /// How many sectors of `block` exist: the target's last block may be partial.
    #[inline(never)]
    pub(super) fn existing(&self, block: Block) -> u32 {
        let size = self.block.sectors();
        self.block.start_of(block).map_or(0, |start| {
            let left = self.config.target_len.0.saturating_sub(start.0);
            u32::try_from(left).map_or(size, |left| left.min(size))
        })
    }

    /// From sector `offset` of `block` to the next edge of a physical block.
    #[inline(never)]
    pub(super) fn physical_room(&self, side: Side, block: Block, offset: u32) -> u32 {
        let config = &self.config;
        let (size, phase, spare) = match side {
            Side::Main => (config.main_physical, config.main_phase, None),
            Side::Spare => (
                config.spare_physical,
                config.spare_phase,
                self.map.lookup(block),
            ),
        };
        let size = size.max(1);
        let at = self.place(block, spare, offset).unwrap_or(Sector(0)).0;
        let past = at
            .saturating_add(u64::from(phase))
            .checked_rem(u64::from(size));
        size.saturating_sub(past.and_then(|p| u32::try_from(p).ok()).unwrap_or(0))
    }

    /// The physical block of `side` that sector `offset` of `block` lies in, as far as it lies in the
    /// block and exists: its first sector in the block, and its length.
    pub(super) fn physical(&self, side: Side, block: Block, offset: u32) -> (u32, u32) {
        let size = match side {
            Side::Main => self.config.main_physical,
            Side::Spare => self.config.spare_physical,
        };
        let end = offset.saturating_add(self.physical_room(side, block, offset));
        let first = end.saturating_sub(size.max(1));
        let len = end.min(self.existing(block)).saturating_sub(first);
        (first, len)
    }

    /// Where sector `offset` of a remapped block lives, and how many of the next `room` live there too.
    pub(super) fn home(
        &self,
        block: Block,
        spare: SpareBlock,
        offset: u32,
        room: u32,
    ) -> (Home, u32) {
        let mut found: Option<Home> = None;
        let mut len: u32 = 0;
        for (chunk, bits) in Parts::of(offset, room) {
            let state = self.chunk(block, chunk);
            let first = bits.trailing_zeros();
            let home = *found.get_or_insert_with(|| home_of(state, first, spare));
            let alike = bits & like(state, home);
            let run = (alike.wrapping_shr(first)).trailing_ones();
            len = len.saturating_add(run);
            if alike != bits {
                break;
            }
        }
        (found.unwrap_or(Home::Spare(spare)), len.max(1))
    }
}

fn home_of(state: ChunkState, sector: u32, spare: SpareBlock) -> Home {
    let bit = mask(sector, 1);
    if state.lost() & bit != 0 {
        Home::Lost(spare)
    } else if state.unspared() & bit != 0 {
        Home::OnlyMain(spare)
    } else {
        Home::Spare(spare)
    }
}

/// The sectors of a chunk that live in `home`.
const fn like(state: ChunkState, home: Home) -> u64 {
    match home {
        Home::Main => u64::MAX,
        Home::Lost(_) => state.lost(),
        Home::OnlyMain(_) => state.unspared() & !state.lost(),
        Home::Spare(_) => !state.unspared(),
    }
}

/// What of `len` sectors from `start` on lies in the block that is `size` sectors from `first` on: how
/// far into the range, how far into the block, how many sectors.
pub(super) fn overlap(
    start: Sector,
    len: u32,
    first: Sector,
    size: u32,
) -> Option<(u32, u32, u32)> {
    let end = start.0.saturating_add(u64::from(len));
    let block_end = first.0.saturating_add(u64::from(size));
    let low = start.0.max(first.0);
    let high = end.min(block_end);
    let count = u32::try_from(high.checked_sub(low)?).ok()?;
    if count == 0 {
        return None;
    }
    let from = u32::try_from(low.saturating_sub(start.0)).ok()?;
    let into = u32::try_from(low.saturating_sub(first.0)).ok()?;
    Some((from, into, count))
}

// A chunk is one word of bits.
const _: () = assert!(CHUNK_SECTORS == u64::BITS);
