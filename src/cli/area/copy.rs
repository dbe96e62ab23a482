// SPDX-License-Identifier: GPL-2.0-only

//! Copying what spare blocks hold, to the same places of another area.

use anyhow::{anyhow, Context, Result};
use dm_remap_core::{
    map::Map,
    open::Area,
    record::{Record, CHUNK_SECTORS},
    superblock::Superblock,
    units::{Block, Sector, SpareBlock},
};

use super::{file::AreaFile, survey::Step};

/// What was copied.
#[derive(Default)]
pub(crate) struct Copied {
    pub(crate) bytes: u64,
    /// Sectors that are on the spare and could not be read there: their block, and which of the target's they are.
    pub(crate) unreadable: Vec<(u64, u64)>,
}

/// How many bytes [`data`] tells of.
pub(crate) fn bytes_of(map: &Map) -> u64 {
    map.counters().remapped * u64::from(map.block_size().sectors()) * 512
}

/// Copies the spare blocks that are in use. What cannot be read is zeros in the copy, and told of if it is needed.
pub(crate) fn data(
    from: &mut AreaFile,
    to: &mut AreaFile,
    sb: &Superblock,
    map: &Map,
    step: Step<'_>,
) -> Result<Copied> {
    let size = sb.layout.block_size();
    let mut buf = vec![0; size.sectors() as usize * 512];
    let mut copied = Copied::default();
    for record in map.records() {
        let Record::Remap { block, spare } = record else {
            continue;
        };
        let bad = read(from, sb, spare, &mut buf)?;
        let first = size.start_of(block).context("a block that cannot be")?.0;
        let needed = bad.iter().filter(|&&n| is_on_spare(map, block, n));
        let missing = needed.map(|n| (block.0, first + n));
        copied.unreadable.extend(missing);
        let at = sb.layout.spare_sector(spare);
        let at = at.context("a spare block that cannot be")?;
        to.write(at, &buf, false)
            .map_err(|_| anyhow!("{}", to.why()))?;
        copied.bytes += buf.len() as u64;
        step(buf.len() as u64)?;
    }
    Ok(copied)
}

/// Reads a spare block, and gives the sectors of it that cannot be read; these are zeros.
fn read(
    from: &mut AreaFile,
    sb: &Superblock,
    spare: SpareBlock,
    buf: &mut [u8],
) -> Result<Vec<u64>> {
    let at = sb.layout.spare_sector(spare);
    let at = at.context("a spare block that cannot be")?;
    let mut bad = Vec::new();
    if from.read(at, buf).is_ok() {
        return Ok(bad);
    }
    let grain = from.grain();
    let parts = buf.chunks_mut(usize::try_from(grain * 512)?);
    for (n, part) in (0..).step_by(usize::try_from(grain)?).zip(parts) {
        let at = Sector(at.0 + n);
        if from
            .read(at, part)
            .or_else(|_| from.read(at, part))
            .is_err()
        {
            part.fill(0);
            bad.extend(n..n + grain);
        }
    }
    Ok(bad)
}

/// The spare block is where sector `n` of the block is read.
fn is_on_spare(map: &Map, block: Block, n: u64) -> bool {
    let chunk = u16::try_from(n / u64::from(CHUNK_SECTORS)).unwrap_or(u16::MAX);
    let bit = n % u64::from(CHUNK_SECTORS);
    (map.chunk(block, chunk).unspared() >> bit) & 1 == 0
}
