// SPDX-License-Identifier: GPL-2.0-only

//! Going through the log: which half counts, what each index holds, and where the end is.

use crate::{
    layout::{CopyId, Half},
    log::{records, Found, Header, Kind},
    map::{Builder, Map, MapError},
    mem::Buf,
    open::{
        reader::{Look, Reader},
        OpenError,
    },
    superblock::Superblock,
    units::BlockSize,
};

/// How many blocks behind the end are looked at for one that must not be there.
const LOOK_AHEAD: u32 = 64;

/// Blocks of one copy that have to be written again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repair {
    pub(super) copy: CopyId,
    pub(super) from: u32,
    pub(super) to: u32,
    /// If they cannot be written, the copy is not to be trusted from this generation on.
    pub(super) since: u64,
}

/// What the log has turned out to be.
pub(super) struct Chain {
    pub(super) half: Half,
    pub(super) base: u64,
    /// The index after the last block.
    pub(super) next: u32,
    /// The index after the last block of the checkpoint.
    pub(super) commits: u32,
    /// The last block's.
    pub(super) generation: u64,
    pub(super) prev_crc: u32,
    epoch: u64,
    pub(super) repairs: Buf<Repair>,
}

/// The size of the map that is to be built.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) block: BlockSize,
    pub(super) blocks: u64,
}

/// The state of one index over both copies.
struct Index {
    /// The block that continues the chain, and the copy to take it from.
    pick: Option<(CopyId, Header)>,
    /// The copies that have to be repaired from it.
    bad: [bool; 2],
    /// A copy that counts could be read, and is neither torn nor rotten: what it says is so.
    told: bool,
    /// A copy that counts could not be read.
    unreadable: bool,
    /// A copy that counts holds a torn or rotten block.
    garbage: bool,
}

/// Walks the log of one area.
pub(super) struct Walk<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) sb: &'a Superblock,
    /// The highest generation of any block that was seen.
    pub(super) seen: u64,
    /// Something at an end of the log could still turn out otherwise when it is read again.
    pub(super) unsettled: bool,
    /// Every place of a superblock was read: this one is the newest, and says which copy counts.
    pub(super) all_places_read: bool,
}

impl From<MapError> for OpenError {
    fn from(e: MapError) -> Self {
        match e {
            MapError::NoMemory => OpenError::NoMemory,
            MapError::Inconsistent(why) => OpenError::BadMap(why),
        }
    }
}

impl Walk<'_> {
    /// Looks at one block, and takes a void one for what it is: not there.
    fn look(&mut self, copy: CopyId, half: Half, index: u32) -> Result<Look, OpenError> {
        let look = self.reader.look(copy, half, index);
        let Look::Read(Found::Block(header)) = look else {
            return Ok(look);
        };
        let sb = self.sb;
        self.seen = self.seen.max(header.generation);
        if header.epoch > sb.epoch || header.superblock > sb.seq {
            let by_epoch = header.epoch > sb.epoch;
            return Err(OpenError::StaleSuperblock {
                log: if by_epoch {
                    header.epoch
                } else {
                    header.superblock
                },
                found: if by_epoch { sb.epoch } else { sb.seq },
            });
        }
        let former = header.epoch < sb.epoch;
        let sealed_off = former && (header.generation > sb.sealed || header.base != sb.adopted);
        let since = copy.of(sb.degraded);
        let distrusted = since != 0 && header.generation >= since;
        if sealed_off || distrusted {
            return Ok(Look::Read(Found::Foreign));
        }
        Ok(look)
    }

    /// What both copies have at an index, where `fits` tells the block that is looked for.
    fn index(
        &mut self,
        half: Half,
        index: u32,
        fits: &dyn Fn(&Header) -> bool,
    ) -> Result<Index, OpenError> {
        let mut state = Index {
            pick: None,
            bad: [true; 2],
            told: false,
            unreadable: false,
            garbage: false,
        };
        for copy in CopyId::BOTH {
            let counts = !self.sb.is_degraded(copy);
            let found = match self.look(copy, half, index)? {
                Look::Read(Found::Garbage) => {
                    state.garbage |= counts;
                    continue;
                }
                Look::Read(found) => found,
                Look::Unreadable => {
                    state.unreadable |= counts;
                    continue;
                }
            };
            state.told |= counts;
            match (found, state.pick) {
                (Found::Block(header), pick) if fits(&header) => match pick {
                    Some((_, other)) if other.crc == header.crc => state.bad = [false; 2],
                    Some((_, other)) if other.generation >= header.generation => {}
                    _ => {
                        state.bad = [true; 2];
                        *copy.of_mut(&mut state.bad) = false;
                        state.pick = Some((copy, header));
                    }
                },
                _ => {}
            }
        }
        Ok(state)
    }

    /// Finds the newest whole checkpoint, and the map as its half's last commit left it.
    #[inline(never)] // kernel stacks are small
    pub(super) fn find(&mut self, shape: Shape) -> Result<(Chain, Map), OpenError> {
        let mut heads = [None::<(Half, u64)>; 4];
        let mut torn = [false; 2];
        let mut slot = heads.iter_mut();
        for (half, torn) in Half::BOTH.into_iter().zip(&mut torn) {
            let is_head = |h: &Header| is_head(h, half);
            for copy in CopyId::BOTH {
                if let Look::Read(Found::Block(header)) = self.look(copy, half, 0)? {
                    if let (true, Some(slot)) = (is_head(&header), slot.next()) {
                        *slot = Some((half, header.base));
                    }
                }
            }
            let state = self.index(half, 0, &is_head)?;
            if state.unreadable && !(state.told && self.all_places_read) {
                return Err(OpenError::LogUnreadable { half, index: 0 });
            }
            *torn = state.garbage && !state.told;
            self.unsettled |= state.unreadable || state.garbage;
        }
        let mut tried = None;
        loop {
            // The newest first. The same head from both copies is tried once.
            let newest = heads.iter_mut().max_by_key(|h| h.map(|(_, base)| base));
            let Some((half, base)) = newest.and_then(Option::take) else {
                return Err(OpenError::NoCheckpoint);
            };
            if tried == Some((half, base)) {
                continue;
            }
            tried = Some((half, base));
            if let Some((chain, map)) = self.walk(half, base, shape)? {
                let [first, second] = torn;
                let other_torn = match half {
                    Half::First => second,
                    Half::Second => first,
                };
                if other_torn {
                    self.look_behind(half.other(), 0, chain.generation)?;
                }
                return Ok((chain, map));
            }
            // A checkpoint that was begun and did not come to its end.
            self.unsettled = true;
        }
    }

    /// Follows one chain; `None` if its checkpoint has no end.
    ///
    /// The checkpoint and the commits have frames of their own: what builds a map from the one is large, and so
    /// is what lies below each of them.
    #[inline(never)] // kernel stacks are small
    fn walk(
        &mut self,
        half: Half,
        base: u64,
        shape: Shape,
    ) -> Result<Option<(Chain, Map)>, OpenError> {
        let mut chain = Chain {
            half,
            base,
            next: 0,
            commits: 0,
            generation: 0,
            prev_crc: 0,
            epoch: 0,
            repairs: Buf::new(),
        };
        let Some(mut map) = self.checkpoint(&mut chain, shape)? else {
            return Ok(None);
        };
        self.commits(&mut chain, &mut map)?;
        Ok(Some((chain, map)))
    }

    /// The map as the checkpoint has it.
    #[inline(never)] // kernel stacks are small
    fn checkpoint(&mut self, chain: &mut Chain, shape: Shape) -> Result<Option<Map>, OpenError> {
        let layout = &self.sb.layout;
        let mut builder = Builder::new(
            shape.block,
            shape.blocks,
            layout.spare_count(),
            layout.pending_quota(),
        )?;
        while let Some((copy, header)) = self.next(chain, true)? {
            let damaged = chain.damaged();
            let block = self.reader.block(copy, chain.half, chain.next);
            for record in records(block.ok_or(damaged)?) {
                builder.push(&record.map_err(|_| damaged)?)?;
            }
            chain.go_on(&header);
            if header.kind == (Kind::Checkpoint { last: true }) {
                chain.commits = chain.next;
                return Ok(Some(builder.finish()?));
            }
        }
        Ok(None)
    }

    /// The map after the commits.
    #[inline(never)] // kernel stacks are small
    fn commits(&mut self, chain: &mut Chain, map: &mut Map) -> Result<(), OpenError> {
        while let Some((copy, header)) = self.next(chain, false)? {
            let damaged = chain.damaged();
            let block = self.reader.block(copy, chain.half, chain.next);
            for record in records(block.ok_or(damaged)?) {
                map.apply(&record.map_err(|_| damaged)?)?;
            }
            chain.go_on(&header);
        }
        Ok(())
    }

    /// The block that continues the chain, and the copy to take it from; `None` at its end.
    #[inline(never)] // kernel stacks are small
    fn next(
        &mut self,
        chain: &mut Chain,
        in_checkpoint: bool,
    ) -> Result<Option<(CopyId, Header)>, OpenError> {
        let (half, at) = (chain.half, chain.next);
        if at >= self.sb.layout.half_blocks() {
            return Ok(None);
        }
        let state = self.index(half, at, &|h| chain.continues(h, in_checkpoint))?;
        if state.pick.is_none() {
            if state.unreadable && !(state.told && self.all_places_read) {
                return Err(OpenError::LogUnreadable { half, index: at });
            }
            self.unsettled |= state.unreadable || state.garbage;
            self.look_behind(half, at, chain.generation)?;
            return Ok(None);
        }
        for bad in CopyId::BOTH {
            if bad.of(state.bad) {
                chain.repair(bad)?;
            }
        }
        Ok(state.pick)
    }

    /// The log seems to end at `at`. A later block was written only after the one at `at` was
    /// acknowledged, so if there is one, the end is no end.
    fn look_behind(&mut self, half: Half, at: u32, last: u64) -> Result<(), OpenError> {
        let first = at.saturating_add(1);
        let end = first
            .saturating_add(LOOK_AHEAD)
            .min(self.sb.layout.half_blocks());
        for index in first..end {
            for copy in CopyId::BOTH {
                if let Look::Read(Found::Block(header)) = self.look(copy, half, index)? {
                    if header.half == half.number()
                        && header.index == index
                        && header.generation > last
                    {
                        return Err(OpenError::LogDamaged { half, index: at });
                    }
                }
            }
        }
        Ok(())
    }
}

/// The block could be the first of a half.
fn is_head(h: &Header, half: Half) -> bool {
    let checkpoint = matches!(h.kind, Kind::Checkpoint { .. });
    checkpoint && h.half == half.number() && h.index == 0 && h.generation == h.base
}

impl Chain {
    /// The block at hand has a right checksum, and what it says cannot be.
    fn damaged(&self) -> OpenError {
        OpenError::LogDamaged {
            half: self.half,
            index: self.next,
        }
    }

    /// The block at hand is the last one so far.
    fn go_on(&mut self, header: &Header) {
        self.next = self.next.saturating_add(1);
        self.generation = header.generation;
        self.prev_crc = header.crc;
        self.epoch = header.epoch;
    }

    /// The block could be the next of this chain.
    fn continues(&self, h: &Header, in_checkpoint: bool) -> bool {
        let kind = match h.kind {
            Kind::Checkpoint { .. } => in_checkpoint,
            Kind::Commit => !in_checkpoint,
            Kind::Unknown(_) => false,
        };
        let follows = if self.next == 0 {
            is_head(h, self.half)
        } else {
            h.prev_crc == self.prev_crc && h.generation > self.generation && h.epoch >= self.epoch
        };
        kind && follows
            && h.half == self.half.number()
            && h.index == self.next
            && h.base == self.base
    }

    /// Notes that `copy` has to be repaired at the next index.
    fn repair(&mut self, copy: CopyId) -> Result<(), OpenError> {
        let at = self.next;
        let to = at.saturating_add(1);
        let mut last = self.repairs.as_mut_slice().iter_mut().rev().take(2);
        if let Some(range) = last.find(|r| r.copy == copy && r.to == at) {
            range.to = to;
            return Ok(());
        }
        self.repairs.push(Repair {
            copy,
            from: at,
            to,
            since: self.generation.saturating_add(1),
        })?;
        Ok(())
    }
}
