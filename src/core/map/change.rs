// SPDX-License-Identifier: GPL-2.0-only

//! Changes of the map: built beside it, then installed.

use super::{chunk_key, Home, Map, MapError, Shape, State};
use crate::mem::{Buf, NoMemory};
use crate::record::{ChunkState, Record};
use crate::snapshot::Snapshot;
use crate::spare::Spares;
use crate::units::{Block, SpareBlock};

/// What becomes of a spare block.
#[derive(Clone, Copy)]
enum Fate {
    Used(SpareBlock),
    Free(SpareBlock),
    Bad(SpareBlock),
}

/// A version of the map that is not installed yet. Dropping it leaves everything as it is.
pub struct Next {
    shape: Shape,
    state: State,
    fates: Buf<Fate>,
}

impl Next {
    /// What readers are to see once this version is installed, as [`Map::snapshot`] would give it then.
    pub fn snapshot(&self, holds: &[Block], doubts: &[Block]) -> Result<Snapshot, NoMemory> {
        self.state.snapshot(&self.shape, holds, doubts)
    }

    /// What the changes so far make of `spare`.
    fn fate(&self, spare: SpareBlock) -> Option<Fate> {
        let of = |fate: &&Fate| match **fate {
            Fate::Used(s) | Fate::Free(s) | Fate::Bad(s) => s == spare,
        };
        self.fates.as_slice().iter().rev().find(of).copied()
    }

    fn is_used(&self, spares: &Spares, spare: SpareBlock) -> bool {
        match self.fate(spare) {
            Some(fate) => matches!(fate, Fate::Used(_)),
            None => spares.is_used(spare),
        }
    }

    fn is_bad(&self, spares: &Spares, spare: SpareBlock) -> bool {
        spares.is_bad(spare) || matches!(self.fate(spare), Some(Fate::Bad(_)))
    }

    /// Makes the change that `record` states.
    fn apply(&mut self, spares: &Spares, record: &Record) -> Result<(), MapError> {
        match *record {
            Record::Remap { block, spare } => self.remap(spares, block, spare),
            Record::Unmap { block } => self.unmap(block),
            Record::Sectors {
                block,
                chunk,
                state,
            } => self.sectors(block, chunk, state),
            Record::BadSpare { spare } => self.bad_spare(spares, spare),
        }
    }

    fn remap(&mut self, spares: &Spares, block: Block, spare: SpareBlock) -> Result<(), MapError> {
        self.shape.check_block(block)?;
        check_spare(spares, spare)?;
        let old = self.state.homes.get(block.0);
        if old.is_some_and(|home| home.spare() == spare) {
            return Ok(());
        }
        if self.is_used(spares, spare) {
            return Err(MapError::Inconsistent("two blocks live on one spare block"));
        }
        if self.is_bad(spares, spare) {
            return Err(MapError::Inconsistent(
                "a block lives on a failed spare block",
            ));
        }
        let partial = match old {
            Some(home) => {
                self.fates.push(Fate::Free(home.spare()))?;
                home.is_partial()
            }
            None => {
                // INVARIANT: the block's chunks, none of which has an unspared sector, are of a remapped
                // block from here on.
                let chunks = self.state.chunks_of(block);
                let chunks = chunks.fold(0u32, |n, _| n.saturating_add(1));
                let pending = self.state.pending_records;
                self.state.pending_records = pending.saturating_sub(chunks);
                chunks != 0
            }
        };
        self.fates.push(Fate::Used(spare))?;
        let home = Home::new(spare, partial);
        self.state.homes = self.state.homes.insert(block.0, home)?;
        Ok(())
    }

    fn unmap(&mut self, block: Block) -> Result<(), MapError> {
        self.shape.check_block(block)?;
        let first = |state: &State| state.chunks_of(block).next();
        while let Some((key, _)) = first(&self.state) {
            self.put_chunk(block, key, ChunkState::PLAIN)?;
        }
        if let Some(home) = self.state.homes.get(block.0) {
            self.fates.push(Fate::Free(home.spare()))?;
            self.state.homes = self.state.homes.remove(block.0)?;
        }
        Ok(())
    }

    fn sectors(&mut self, block: Block, chunk: u16, state: ChunkState) -> Result<(), MapError> {
        self.shape.check_chunk(block, chunk, state)?;
        let key = chunk_key(block, chunk);
        self.put_chunk(block, key, state)
    }

    /// Gives the chunk at `key`, which is one of `block`, the state `state`.
    fn put_chunk(&mut self, block: Block, key: u64, state: ChunkState) -> Result<(), MapError> {
        let home = self.state.homes.get(block.0);
        if home.is_none() && state.unspared() != 0 {
            return Err(MapError::Inconsistent(
                "a sector of a block that is not remapped is off its spare block",
            ));
        }
        let old = self.state.chunks.get(key);
        let next = &mut self.state;
        next.chunks = if state.is_plain() {
            next.chunks.remove(key)?
        } else {
            next.chunks.insert(key, state)?
        };
        let old_state = old.unwrap_or_default();
        next.pending_sectors = recount(next.pending_sectors, old_state.pending(), state.pending());
        next.lost_sectors = recount(next.lost_sectors, old_state.lost(), state.lost());
        match home {
            None => match (old.is_some(), !state.is_plain()) {
                (true, false) => next.pending_records = next.pending_records.saturating_sub(1),
                (false, true) => {
                    if next.pending_records >= self.shape.pending_quota {
                        return Err(MapError::Inconsistent(
                            "there are more pending records than there may be",
                        ));
                    }
                    next.pending_records = next.pending_records.saturating_add(1);
                }
                _ => {}
            },
            Some(home) => {
                let partial = next.chunks_of(block).next().is_some();
                if partial != home.is_partial() {
                    // INVARIANT: asked of all chunks just now.
                    let home = Home::new(home.spare(), partial);
                    next.homes = next.homes.insert(block.0, home)?;
                }
            }
        }
        Ok(())
    }

    fn bad_spare(&mut self, spares: &Spares, spare: SpareBlock) -> Result<(), MapError> {
        check_spare(spares, spare)?;
        if self.is_used(spares, spare) {
            return Err(MapError::Inconsistent(
                "a spare block failed on which a block still lives",
            ));
        }
        self.fates.push(Fate::Bad(spare))?;
        Ok(())
    }
}

/// `count` bits, of which those of `old` have become those of `new`.
pub(super) fn recount(count: u64, old: u64, new: u64) -> u64 {
    count.saturating_add(ones(new)).saturating_sub(ones(old))
}

/// How many bits are set. Without an instruction for it this is long.
#[inline(never)]
fn ones(bits: u64) -> u64 {
    u64::from(bits.count_ones())
}

/// `spare` exists.
pub(super) fn check_spare(spares: &Spares, spare: SpareBlock) -> Result<(), MapError> {
    if spares.contains(spare) {
        Ok(())
    } else {
        Err(MapError::Inconsistent(
            "a record names a spare block past the last one",
        ))
    }
}

impl Map {
    /// The version after `records`, in their order. The map itself stays as it is.
    ///
    /// A block that leaves a failed spare block is remapped first, and its old spare block called bad then.
    pub fn prepare(&self, records: &[Record]) -> Result<Next, MapError> {
        let mut next = Next {
            shape: self.shape,
            state: self.state.clone(),
            fates: Buf::new(),
        };
        for record in records {
            next.apply(&self.spares, record)?;
        }
        Ok(next)
    }

    /// Installs `next`. Spare blocks that it uses are no longer handed out but in use; those that it
    /// leaves can be handed out at once, so what may still read them is waited for before.
    ///
    /// `next` must have been prepared from the version that the map has: whoever owns the map finishes
    /// one change before the next begins.
    pub fn commit(&mut self, next: Next) {
        self.state = next.state;
        for fate in next.fates.as_slice() {
            match *fate {
                Fate::Used(spare) => self.spares.take(spare),
                Fate::Free(spare) => self.spares.free(spare),
                Fate::Bad(spare) => self.spares.spoil(spare),
            }
        }
    }

    /// Makes the change that `record` states, or none at all.
    pub fn apply(&mut self, record: &Record) -> Result<(), MapError> {
        let next = self.prepare(core::slice::from_ref(record))?;
        self.commit(next);
        Ok(())
    }
}
