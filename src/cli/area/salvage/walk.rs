// SPDX-License-Identifier: GPL-2.0-only

//! Going through a log that the kernel refuses: which chain is the map's, what it says, and what of it is missing.

use anyhow::{anyhow, Context, Result};
use dm_remap_core::{layout::CopyId, log::Kind, record::Record, superblock::Superblock};

use super::Lost;
use crate::area::{
    chain::{bases, is_void, Chain},
    document::target_blocks,
    file::AreaFile,
    knowledge::{block_of, Knowledge},
    survey::{records_of, Seen, Survey, Wrong},
    twins,
};

/// How the log ends.
enum End {
    /// There, for all that can be known.
    There,
    /// Something followed.
    Lost(Option<u64>),
}

/// Goes through the log of one area.
pub(super) struct Walk<'a> {
    pub(super) area: &'a mut AreaFile,
    pub(super) sb: &'a Superblock,
    pub(super) survey: &'a Survey,
    /// Some place of a superblock could not be read.
    pub(super) unread: bool,
    /// The log names a newer superblock than there is.
    pub(super) stale: bool,
    /// The last generation of a checkpoint that the older half stands in for; 0 for none.
    pub(super) checkpointed: u64,
    pub(super) lost: Vec<Lost>,
    pub(super) notes: Vec<String>,
}

impl Walk<'_> {
    /// What the log says, and the last generation of it.
    pub(super) fn all(&mut self) -> Result<(Knowledge, u64)> {
        let counts = |seen: &Seen| !is_void(self.sb, seen);
        let chains = bases(self.survey);
        let chains = chains.iter().rev();
        let find = |&(base, half): &(u64, u8)| Chain::find(self.survey, half, base, &counts);
        let mut begun = None;
        let mut active = None;
        for chain in chains.filter_map(find) {
            let ended = chain.has_checkpoint()
                || chain.base == self.sb.adopted
                || self.sb.log_floor >= chain.base;
            if ended {
                active = Some(chain);
                break;
            }
            begun.get_or_insert(chain);
        }
        let active = active.ok_or_else(|| {
            anyhow!("nothing can be saved: no checkpoint of the log is left, in neither copy")
        })?;
        if self.stale {
            self.notes.push(
                "the newest superblock is gone: which blocks of the log it called void is not known".to_owned(),
            );
        }
        let older = self.older(&active)?;
        let mut known = self.follow(&active, older.as_ref(), true)?;
        let last = active.last().context("an empty chain")?;
        let generation = last.generation.max(self.checkpointed);
        let proven = begun
            .as_ref()
            .filter(|chain| chain.half != active.half)
            .and_then(Chain::head)
            .map(|head| head.prev_crc == last.crc);
        match self.end(&active, proven) {
            End::There if self.stale && proven != Some(true) => {
                if let Some(records) = self.records(&active, active.tail) {
                    known.doubt(&records);
                }
            }
            End::There => {}
            End::Lost(to) => {
                known.gap();
                self.lost.push(Lost {
                    what: "end",
                    half: active.half,
                    first_index: active.tail + 1,
                    last_index: None,
                    first_generation: Some(generation + 1),
                    last_generation: to,
                    first_block: None,
                    last_block: None,
                });
            }
        }
        Ok((known, generation))
    }

    fn records(&mut self, chain: &Chain, index: u32) -> Option<Vec<Record>> {
        let seen = chain.blocks.get(&index)?;
        let copies = self.survey.holders(chain.half, index, seen.header.crc);
        copies.into_iter().find_map(|copy| {
            let seen = Seen { copy, ..*seen };
            records_of(self.area, self.sb, chain.half, index, &seen)
        })
    }

    /// What the other half still says of the time when this chain began, and whether that is exactly what its checkpoint
    /// says: nothing was committed between the last block of the one and the first of the other.
    fn older(&mut self, chain: &Chain) -> Result<Option<(Knowledge, bool)>> {
        let bases = bases(self.survey);
        let before = |at: &&(u64, u8)| at.1 != chain.half && at.0 < chain.base;
        let Some(&(base, half)) = bases.iter().rev().find(before) else {
            return Ok(None);
        };
        let before = |seen: &Seen| seen.header.generation < chain.base;
        let Some(older) = Chain::find(self.survey, half, base, &before) else {
            return Ok(None);
        };
        let linked = match (chain.head(), older.last()) {
            (Some(head), Some(last)) => head.prev_crc == last.crc,
            // Each generation is used once.
            (None, Some(last)) => last.generation + 1 == chain.base,
            _ => false,
        };
        let known = self.follow(&older, None, false)?;
        let same = linked && older.is_whole() && known.is_sure();
        Ok(Some((known, same)))
    }

    /// Goes through one chain. What is missing is told of if `tell`.
    fn follow(
        &mut self,
        chain: &Chain,
        older: Option<&(Knowledge, bool)>,
        tell: bool,
    ) -> Result<Knowledge> {
        let mut known = Knowledge::new(self.sb);
        let kinds = || {
            chain
                .blocks
                .iter()
                .map(|(&at, seen)| (at, seen.header.kind))
        };
        let end = kinds().find(|(_, kind)| *kind == Kind::Checkpoint { last: true });
        let commit = kinds().find(|(_, kind)| *kind == Kind::Commit);
        let stop = end.map(|(at, _)| at + 1).or(commit.map(|(at, _)| at));
        let mut stop = stop.unwrap_or(chain.tail + 1);
        // Holes of the checkpoint: the blocks of the log, and those of the target that they may have told of.
        let mut holes = Vec::new();
        let (mut low, mut open) = (0, None);
        for index in 0..stop {
            let Some(records) = self.records(chain, index) else {
                open.get_or_insert((index, low));
                continue;
            };
            if let Some((from, low)) = open.take() {
                let high = match records.first() {
                    Some(Record::Remap { block, .. }) => block.0.saturating_sub(1),
                    Some(Record::Sectors { block, .. }) => block.0,
                    _ => u64::MAX,
                };
                holes.push((from, index - 1, low, high));
            }
            for record in &records {
                if let Record::Remap { block, .. } | Record::Sectors { block, .. } = record {
                    low = block.0;
                }
            }
            self.apply(chain, index, &records, &mut known, tell);
        }
        if let Some((from, low)) = open {
            holes.push((from, stop - 1, low, u64::MAX));
        } else if end.is_none() {
            holes.push((stop, stop, low, u64::MAX));
        }
        match older {
            Some((older, true)) if !holes.is_empty() => {
                known = older.clone();
                // What is missing behind the checkpoint are commits.
                stop = known.checkpoint_blocks();
                self.checkpointed = chain.base + u64::from(stop) - 1;
                self.notes.push(
                    "a part of the checkpoint is gone: what it said is what the older half ends with, which it names as the one before it"
                        .to_owned(),
                );
            }
            _ => {
                for &hole in &holes {
                    self.hole(chain, hole, &mut known, older, tell);
                }
                // One block is missing before the first commit: the last one of the checkpoint. Of more, some may have been
                // commits.
                let one = holes.last().is_some_and(|(from, to, ..)| from == to) && commit.is_some();
                if end.is_none() && !one {
                    let from = holes.last().map_or(0, |(from, ..)| *from);
                    self.commits(chain, (from, 0), stop, None, &mut known, tell);
                }
            }
        }
        let mut missing = None;
        let mut before = 0;
        for index in stop..=chain.tail {
            let generation = chain.blocks.get(&index).map(|s| s.header.generation);
            match self.records(chain, index) {
                None => {
                    missing.get_or_insert((index, before));
                }
                Some(records) => {
                    if let Some(from) = missing.take() {
                        let to = generation.map(|g| g.saturating_sub(1));
                        self.commits(chain, from, index - 1, to, &mut known, tell);
                    }
                    self.apply(chain, index, &records, &mut known, tell);
                }
            }
            before = generation.unwrap_or(before);
        }
        if let Some(from) = missing {
            let last = chain.last().map(|h| h.generation);
            self.commits(chain, from, chain.tail, last, &mut known, tell);
        }
        Ok(known)
    }

    /// Takes what a block says. Where there are two, what only one of them says is not sure.
    fn apply(
        &mut self,
        chain: &Chain,
        index: u32,
        records: &[Record],
        known: &mut Knowledge,
        tell: bool,
    ) {
        records.iter().for_each(|record| known.apply(record));
        let Some(twin) = twins::twin(self.sb, self.survey, chain, index) else {
            return;
        };
        if tell {
            self.notes.push(twins::in_words(index, &twin));
        }
        // One that says what cannot be was never written.
        let says = records_of(self.area, self.sb, chain.half, index, &twin);
        let Some(says) = says.filter(|says| says != records) else {
            return;
        };
        let only = |these: &[Record], others: &[Record]| -> Vec<Record> {
            let only = these.iter().filter(|record| !others.contains(record));
            only.copied().collect()
        };
        let others = only(&says, records);
        known.doubt(&only(records, &says));
        known.doubt(&others);
        if tell && !others.is_empty() {
            let generation = Some(twin.header.generation);
            let blocks = || others.iter().filter_map(block_of);
            self.lost.push(Lost {
                what: "twin",
                half: chain.half,
                first_index: index,
                last_index: Some(index),
                first_generation: generation,
                last_generation: generation,
                first_block: blocks().min(),
                last_block: blocks().max(),
            });
        }
    }

    fn hole(
        &mut self,
        chain: &Chain,
        (from, to, low, high): (u32, u32, u64, u64),
        known: &mut Knowledge,
        older: Option<&(Knowledge, bool)>,
        tell: bool,
    ) {
        // The blocks at either edge may be told of in part.
        known.doubt_block(low);
        if high != u64::MAX {
            known.doubt_block(high);
        }
        let nothing = Knowledge::new(self.sb);
        let older = older.map_or(&nothing, |(older, _)| older);
        if known.fill_from(older, low, high) && tell {
            self.notes.push(format!(
                "what the older half says of blocks {low} and up is taken for want of newer word: it is stale, and not sure"
            ));
        }
        if tell {
            let blocks = target_blocks(self.sb);
            self.lost.push(Lost {
                what: "checkpoint",
                half: chain.half,
                first_index: from,
                last_index: Some(to),
                first_generation: None,
                last_generation: None,
                first_block: Some(low),
                last_block: Some(high.min(blocks.saturating_sub(1))),
            });
        }
    }

    fn commits(
        &mut self,
        chain: &Chain,
        (from, before): (u32, u64),
        to: u32,
        last: Option<u64>,
        known: &mut Knowledge,
        tell: bool,
    ) {
        known.gap();
        if tell {
            self.lost.push(Lost {
                what: "commits",
                half: chain.half,
                first_index: from,
                last_index: Some(to),
                first_generation: Some(before + 1).filter(|_| before != 0),
                last_generation: last,
                first_block: None,
                last_block: None,
            });
        }
    }

    /// Whether the chain ends where it seems to.
    fn end(&mut self, chain: &Chain, proven: Option<bool>) -> End {
        let last = chain.last().map_or(0, |h| h.generation);
        let last = last.max(self.checkpointed);
        match proven {
            Some(true) => return End::There,
            Some(false) => return End::Lost(None),
            None => {}
        }
        if self.sb.log_floor > last {
            return End::Lost(Some(self.sb.log_floor));
        }
        if self.sb.clean && self.sb.log_floor == last && !self.stale {
            return End::There;
        }
        let index = chain.tail + 1;
        if index >= self.sb.layout.half_blocks() {
            return End::There;
        }
        let state = |copy| self.survey.wrong(copy, chain.half, index);
        let counts = |copy: &CopyId| !self.sb.is_degraded(*copy);
        let copies = || CopyId::BOTH.into_iter().filter(counts);
        let unreadable = copies().any(|copy| state(copy) == Some(Wrong::Unreadable));
        let told =
            copies().any(|copy| !matches!(state(copy), Some(Wrong::Unreadable | Wrong::Garbage)));
        if unreadable && (!told || self.unread) {
            return End::Lost(None);
        }
        if !told {
            self.notes.push(format!(
                "behind the end of the log (half {}, block {index}) no copy is whole: a write that was cut off, or a commit of which nothing is left",
                chain.half
            ));
        }
        End::There
    }
}
