// SPDX-License-Identifier: GPL-2.0-only

//! Everything that lies where metadata does, read to the last block: superblocks, both copies of both halves of the
//! log, images of health. Nothing is judged here, and nothing is taken from a block whose checksum is wrong.

use std::collections::BTreeMap;

use anyhow::Result;
use dm_remap_core::{
    health::image::{self, Image, Reader},
    layout::{CopyId, Half, Layout, MetaBlock, MetaBuf, Places, META_BYTES},
    log::{classify, records, Found, Header},
    open::{Area, MAX_TRANSFER},
    record::Record,
    superblock::{decode, Decoded, Superblock},
    units::{Sector, SectorCount},
};

/// What lies at a place of a superblock.
pub(crate) enum PlaceState {
    /// It cannot be read.
    Unreadable,
    /// Zeros.
    Blank,
    /// No superblock, or one whose checksum is wrong.
    Garbage,
    /// A superblock that only newer code understands.
    Unsupported(String),
    /// A superblock that was never written so.
    Strange(String),
    /// A superblock.
    Holds(Superblock),
}

/// A place of a superblock.
pub(crate) struct Place {
    pub(crate) at: Sector,
    pub(crate) state: PlaceState,
}

/// What is wrong with a block of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Unreadable,
    Garbage,
    /// Its checksum is right, and it is of another area.
    Foreign,
}

/// A block of the log as one copy has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) copy: CopyId,
    pub(crate) header: Header,
}

/// An image of health in one of the two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Nothing was ever written there.
    Blank,
    /// It is whole: its number, and its blocks.
    Whole { sequence: u64, blocks: u32 },
    /// Something that is no whole image.
    Broken,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Survey {
    /// The blocks of the log with a right checksum and UUID, by half and index.
    pub(crate) blocks: BTreeMap<(u8, u32), Vec<Seen>>,
    /// What is neither that nor zeros, by copy, half and index.
    pub(crate) wrong: BTreeMap<(u8, u8, u32), Wrong>,
    pub(crate) slots: Vec<Slot>,
}

/// Is told how many bytes were read, and may end the work.
pub(crate) type Step<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

/// Looks at all places of superblocks in an area of `len` sectors.
pub(crate) fn places(area: &mut dyn Area, len: u64) -> Result<Vec<Place>> {
    let mut block: MetaBlock = [0; META_BYTES];
    let places = Places::of_superblocks(SectorCount(len));
    let mut found = Vec::new();
    for &at in places.as_slice() {
        let read = area.read(at, &mut block);
        let state = match read.or_else(|_| area.read(at, &mut block)) {
            Err(_) => PlaceState::Unreadable,
            Ok(()) => match decode(&block).map_err(|_| anyhow::anyhow!("no memory"))? {
                Decoded::Blank => PlaceState::Blank,
                Decoded::Garbage => PlaceState::Garbage,
                Decoded::Unsupported { version, features } => PlaceState::Unsupported(format!(
                    "the area needs a newer dm-remap (version {version}, unknown features {features})"
                )),
                Decoded::Malformed(why) => PlaceState::Strange(why.to_string()),
                Decoded::Superblock(sb) => PlaceState::Holds(sb),
            },
        };
        found.push(Place { at, state });
    }
    Ok(found)
}

/// How many bytes [`look`] reads.
pub(crate) fn bytes_of(layout: &Layout) -> u64 {
    let slots = Image::slot_blocks(layout.health_blocks());
    (u64::from(layout.half_blocks()) * 4 + u64::from(slots) * 2) * META_BYTES as u64
}

/// Reads both copies of both halves of the log, and both images of health.
pub(crate) fn look(area: &mut dyn Area, sb: &Superblock, step: Step<'_>) -> Result<Survey> {
    let mut survey = Survey::default();
    for half in Half::BOTH {
        for copy in CopyId::BOTH {
            each_block(area, &sb.layout, copy, half, step, &mut |index, block| {
                let wrong = match block.map(|block| classify(block, &sb.uuid)) {
                    None => Wrong::Unreadable,
                    Some(Found::Garbage) => Wrong::Garbage,
                    Some(Found::Foreign) => Wrong::Foreign,
                    Some(Found::Blank) => return,
                    Some(Found::Block(header)) => {
                        let at = survey.blocks.entry((half.number(), index)).or_default();
                        at.push(Seen { copy, header });
                        return;
                    }
                };
                let at = (copy.number(), half.number(), index);
                survey.wrong.insert(at, wrong);
            })?;
        }
    }
    for parity in 0..2 {
        survey.slots.push(slot(area, sb, parity)?);
        step(u64::from(Image::slot_blocks(sb.layout.health_blocks())) * META_BYTES as u64)?;
    }
    Ok(survey)
}

/// Goes through one half of one copy; what cannot be read is none.
fn each_block(
    area: &mut dyn Area,
    layout: &Layout,
    copy: CopyId,
    half: Half,
    step: Step<'_>,
    take: &mut dyn FnMut(u32, Option<&MetaBlock>),
) -> Result<()> {
    let mut buf = vec![0; MAX_TRANSFER];
    let mut index = 0;
    while let Some((at, run)) = layout.log_sector(copy, half, index) {
        let count = run.min(u32::try_from(MAX_TRANSFER / META_BYTES)?);
        let bytes = &mut buf[..count as usize * META_BYTES];
        let all = area.read(at, bytes).is_ok();
        for (i, block) in (0..count).zip(bytes.chunks_exact_mut(META_BYTES)) {
            let at = Sector(at.0 + u64::from(i) * 8);
            // What failed together is read one by one, and twice.
            let read = all || area.read(at, block).is_ok() || area.read(at, block).is_ok();
            let block: Option<&MetaBlock> = (&*block).try_into().ok().filter(|_| read);
            take(index + i, block);
        }
        step(u64::from(count) * META_BYTES as u64)?;
        index += count;
    }
    Ok(())
}

/// Where block `index` of image `sequence` lies: odd numbers in the second slot.
pub(crate) fn image_sector(layout: &Layout, sequence: u64, index: u32) -> Option<Sector> {
    let first = match sequence & 1 {
        0 => 0,
        _ => layout.health_blocks() / 2,
    };
    layout.health_sector(first.checked_add(index)?)
}

/// Looks at one slot for images of health.
fn slot(area: &mut dyn Area, sb: &Superblock, parity: u64) -> Result<Slot> {
    let size = Image::slot_blocks(sb.layout.health_blocks());
    let mut block: MetaBlock = [0; META_BYTES];
    let mut read = |sequence: u64, index: u32, block: &mut MetaBlock| {
        let at = image_sector(&sb.layout, sequence, index);
        at.is_some_and(|at| area.read(at, block).is_ok())
    };
    if !read(parity, 0, &mut block) {
        return Ok(Slot::Broken);
    }
    let found = image::examine(&block, &sb.uuid, size);
    let Some(found) = found.filter(|f| f.sequence & 1 == parity) else {
        let blank = block.iter().all(|&byte| byte == 0);
        return Ok(if blank { Slot::Blank } else { Slot::Broken });
    };
    let reader = Reader::new(found, sb.uuid).map_err(|_| anyhow::anyhow!("no memory"));
    let mut reader = reader?;
    let whole = (0..found.blocks)
        .all(|index| read(found.sequence, index, &mut block) && reader.push(&block));
    Ok(match whole {
        true => Slot::Whole {
            sequence: found.sequence,
            blocks: found.blocks,
        },
        false => Slot::Broken,
    })
}

/// The records of a block that was seen; none if it cannot be read again, or says what no code has written.
pub(crate) fn records_of(
    area: &mut dyn Area,
    sb: &Superblock,
    half: u8,
    index: u32,
    seen: &Seen,
) -> Option<Vec<Record>> {
    let mut buf = MetaBuf::try_new().ok()?;
    let block = buf.get_mut()?;
    let half = Half::BOTH.into_iter().find(|h| h.number() == half)?;
    let (at, _) = sb.layout.log_sector(seen.copy, half, index)?;
    area.read(at, block).ok()?;
    // The same block as before, and not another one since.
    if classify(block, &sb.uuid) != Found::Block(seen.header) {
        return None;
    }
    records(block).collect::<Result<_, _>>().ok()
}

impl Survey {
    /// The copies that hold exactly this block.
    pub(crate) fn holders(&self, half: u8, index: u32, crc: u32) -> Vec<CopyId> {
        let seen = self.blocks.get(&(half, index)).into_iter().flatten();
        seen.filter(|seen| seen.header.crc == crc)
            .map(|seen| seen.copy)
            .collect()
    }

    /// What is wrong with a block, if anything is.
    pub(crate) fn wrong(&self, copy: CopyId, half: u8, index: u32) -> Option<Wrong> {
        self.wrong.get(&(copy.number(), half, index)).copied()
    }

    /// The highest generation, epoch and sequence number of a superblock that any block names.
    pub(crate) fn highest(&self) -> (u64, u64, u64) {
        let mut highest = (0, 0, 0);
        for Seen { header, .. } in self.blocks.values().flatten() {
            highest.0 = header.generation.max(highest.0);
            highest.1 = header.epoch.max(highest.1);
            highest.2 = header.superblock.max(highest.2);
        }
        highest
    }
}
