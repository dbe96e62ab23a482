// SPDX-License-Identifier: GPL-2.0-only

//! Making a new area that holds a map from the start. Its superblocks are written last, all else being durable, so what
//! was interrupted is no area.

use std::{error::Error, fmt};

use anyhow::{anyhow, bail, ensure, Context, Result};
use dm_remap_core::{
    format::{format, Params},
    layout::{Layout, MetaBlock, MetaBuf, Places, Use, MAX_REGIONS, META_BYTES},
    log::{units_of, Outcome, Writer, UNITS},
    map::{Cursor, Map},
    mem::Buf,
    open::{examine, load, Area, Examined, IoFailed, OpenError, MAX_TRANSFER},
    superblock::{decode, encode, Decoded, Superblock},
    units::{Sector, SectorCount},
};

use super::{as_recorded, file::AreaFile, newest, survey::Step, uuid_text};

/// Numbers above all that an area has used, so that nothing that it has left can be taken for newer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) generation: u64,
    pub(crate) epoch: u64,
    pub(crate) superblock: u64,
}

/// An area whose superblocks are kept back.
struct Held<'a> {
    area: &'a mut dyn Area,
    places: Places,
    kept: Option<Box<MetaBlock>>,
}

impl Area for Held<'_> {
    fn read(&mut self, at: Sector, buf: &mut [u8]) -> Result<(), IoFailed> {
        if let (true, Some(kept)) = (self.is_place(at), &self.kept) {
            buf.copy_from_slice(kept.get(..buf.len()).ok_or(IoFailed)?);
            return Ok(());
        }
        self.area.read(at, buf)
    }

    fn write(&mut self, at: Sector, buf: &[u8], fua: bool) -> Result<(), IoFailed> {
        if self.is_place(at) {
            // All places get the same.
            self.kept = Some(Box::new(buf.try_into().map_err(|_| IoFailed)?));
            return Ok(());
        }
        self.area.write(at, buf, fua)
    }

    fn flush(&mut self) -> Result<(), IoFailed> {
        Ok(())
    }
}

impl Held<'_> {
    fn is_place(&self, at: Sector) -> bool {
        self.places.as_slice().contains(&at)
    }

    /// Changes the superblock that is kept.
    fn change(&mut self, change: &dyn Fn(&mut Superblock)) -> Result<()> {
        let kept = self.kept.as_mut().context("no superblock was made")?;
        let Ok(Decoded::Superblock(mut sb)) = decode(kept) else {
            bail!("the superblock that was made is none");
        };
        change(&mut sb);
        encode(&sb, kept);
        Ok(())
    }
}

/// The same division once more.
pub(crate) fn layout_again(layout: &Layout) -> Result<Layout> {
    let mut regions = Buf::new();
    regions.try_reserve(MAX_REGIONS).map_err(|_| no_memory())?;
    for &region in layout.regions() {
        regions.push(region).map_err(|_| no_memory())?;
    }
    let quota = layout.pending_quota();
    Layout::new(layout.len(), layout.block_size(), quota, regions).map_err(|e| anyhow!("{e}"))
}

/// How many bytes [`make`] tells of.
pub(crate) fn bytes_of(map: &Map) -> u64 {
    let units: u64 = map.records().map(|record| units_of(&record)).sum();
    (units.div_ceil(UNITS - 2) + 1) * 2 * META_BYTES as u64
}

fn no_memory() -> anyhow::Error {
    anyhow!("not enough memory")
}

/// An area is there already.
#[derive(Debug)]
pub(crate) struct Taken(String);

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the area is not blank: area {} is there", self.0)
    }
}

impl Error for Taken {}

/// Sees to it that an area as `layout` divides it may be made here. What is there has to be blank, or an area of which
/// it was said exactly that it is to be replaced.
pub(crate) fn may_make(
    area: &mut AreaFile,
    layout: &Layout,
    replace: Option<[u8; 16]>,
) -> Result<()> {
    let (need, have) = (layout.len().0, area.len());
    ensure!(
        have >= need,
        "the area needs {need} sectors, and {have} are there"
    );
    let Some(uuid) = replace else {
        return match examine(area, SectorCount(need), Some(layout)) {
            Ok(Examined::Blank) => Ok(()),
            Ok(Examined::Formatted(found)) => Err(Taken(uuid_text(&found.superblock.uuid)).into()),
            Err(OpenError::Unreadable) => bail!("the area cannot be read to its end"),
            Err(why) => bail!("the area is not blank, and no area of ours either: {why}"),
        };
    };
    let found = newest(area, need).map_err(|why| anyhow!("there is no area to replace: {why}"))?;
    let there = uuid_text(&found.superblock.uuid);
    ensure!(
        found.superblock.uuid == uuid,
        "the area there is {there}: it is not to be replaced"
    );
    Ok(())
}

/// Makes all metadata of an area zeros, the superblocks first: from then on it is none.
pub(crate) fn wipe(area: &mut AreaFile, layout: &Layout, step: Step<'_>) -> Result<()> {
    let zeros = vec![0; MAX_TRANSFER];
    let fail = |area: &AreaFile| anyhow!("{}", area.why());
    for &place in layout.places().as_slice() {
        let done = area.write(place, &zeros[..META_BYTES], true);
        done.map_err(|_| fail(area))?;
    }
    area.flush().map_err(|_| fail(area))?;
    for region in layout.regions().iter().filter(|r| r.r#use != Use::Spare) {
        let mut done = 0;
        while done < region.len.0 {
            let now = (region.len.0 - done).min((MAX_TRANSFER / 512) as u64);
            let bytes = &zeros[..usize::try_from(now)? * 512];
            let at = Sector(region.start.0 + done);
            area.write(at, bytes, false).map_err(|_| fail(area))?;
            done += now;
            step(now * 512)?;
        }
    }
    area.flush().map_err(|_| fail(area))
}

/// Makes the area that `like` describes, with the map `map`: UUID, shape, devices, features and `needs_check` are those
/// of `like`, the numbers are new ones.
pub(crate) fn make(
    area: &mut AreaFile,
    like: &Superblock,
    map: &Map,
    numbers: Numbers,
    step: Step<'_>,
) -> Result<()> {
    ensure!(
        !like.read_only(),
        "the area has features or regions that only a newer dm-remap may write"
    );
    let mut held = Held {
        places: like.layout.places(),
        area,
        kept: None,
    };
    let result = put_together(&mut held, like, map, numbers, step);
    let kept = held.kept.take();
    match (result, kept) {
        (Ok(()), Some(kept)) => publish(area, like, &kept),
        (Err(e), _) if area.failed() => Err(e.context(area.why())),
        (result, _) => result.and_then(|()| bail!("no superblock was made")),
    }
}

/// Everything but the superblocks.
fn put_together(
    held: &mut Held<'_>,
    like: &Superblock,
    map: &Map,
    numbers: Numbers,
    step: Step<'_>,
) -> Result<()> {
    let params = Params {
        uuid: like.uuid,
        main: like.names.main,
        spare: like.names.spare,
        main_start: like.main_start,
        main_len: like.main_len,
        spare_start: like.spare_start,
        created: like.created,
        layout: layout_again(&like.layout)?,
    };
    format(held, params).map_err(|e| anyhow!("{e}"))?;
    held.change(&|sb| {
        sb.seq = sb.seq.max(numbers.superblock.saturating_add(1));
        sb.epoch = sb.epoch.max(numbers.epoch.saturating_add(1));
        sb.sealed = sb.sealed.max(numbers.generation);
    })?;
    let len = like.layout.len();
    let found = newest(held, len.0).map_err(|e| anyhow!("{e}"))?;
    let expect = as_recorded(&found.superblock, len, true);
    let opened = load(held, &found, &expect).map_err(|e| anyhow!("{e}"))?;
    checkpoint(held, opened.writer, map, step)?;
    held.change(&|sb| {
        sb.features = like.features;
        sb.needs_check = like.needs_check;
    })
}

/// A session of one checkpoint.
fn checkpoint(held: &mut Held<'_>, mut writer: Writer, map: &Map, step: Step<'_>) -> Result<()> {
    let no = |why| anyhow!("the log takes nothing: {why:?}");
    let mut buf = MetaBuf::try_new().map_err(|_| no_memory())?;
    let block = buf.get_mut().ok_or_else(no_memory)?;
    writer.open_session(block).map_err(no)?;
    superblock(held, &mut writer, block)?;
    writer.begin_checkpoint().map_err(no)?;
    let mut cursor = Cursor::new();
    while writer.in_checkpoint() {
        let next = &mut || map.next_record(&mut cursor);
        let slot = writer.encode_checkpoint(next, block).map_err(no)?;
        for &place in slot.places().as_slice() {
            let written = held.area.write(place, block, true);
            written.map_err(|_| anyhow!("the log cannot be written"))?;
        }
        ensure!(
            writer.outcome(&slot, 0b11) == Outcome::Done,
            "the log has no two copies"
        );
        writer.acknowledge(slot);
        step(2 * META_BYTES as u64)?;
    }
    writer.close_session(block).map_err(no)?;
    superblock(held, &mut writer, block)
}

/// The superblock that was made is kept, in all places.
fn superblock(held: &mut Held<'_>, writer: &mut Writer, block: &MetaBlock) -> Result<()> {
    held.kept = Some(Box::new(*block));
    ensure!(
        writer.superblock_written(u32::MAX),
        "the superblock is not taken"
    );
    Ok(())
}

/// All else is durable: now the area is one. Places are written one by one, as for a new area.
fn publish(area: &mut AreaFile, like: &Superblock, kept: &MetaBlock) -> Result<()> {
    area.flush().map_err(|_| anyhow!("{}", area.why()))?;
    for &place in like.layout.places().as_slice() {
        let written = area.write(place, kept, true);
        written.map_err(|_| anyhow!("{}", area.why()))?;
    }
    area.flush().map_err(|_| anyhow!("{}", area.why()))
}
