// SPDX-License-Identifier: GPL-2.0-only
//! Makes a spare area of which many blocks are in use, as if so many had moved: a million of them in
//! seconds. What they hold is what lies there.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{anyhow, ensure, Context, Result};
use dm_remap_core::{
    format::{format, Params},
    identity::{Identities, Identity},
    layout::{Layout, MetaBuf},
    log::{Outcome, Writer},
    open::{examine, load, Area, Examined, Expect, IoFailed, MAX_TRANSFER},
    record::Record,
    units::{Block, BlockSize, Sector, SectorCount, SpareBlock},
};

use crate::pattern::{mix, Buffer, Device, SECTOR};

pub struct Plan {
    pub device: String,
    /// Sectors of main, all of which the target has.
    pub main: u64,
    pub entries: u64,
    /// Sectors from one entry to the next.
    pub step: u64,
    /// Where the second half of the entries begins; behind the first half if it says 0.
    pub second: u64,
}

/// Sectors of a block.
const BLOCK: u64 = 8;

struct OnDevice {
    device: Device,
    buffer: Buffer,
}

impl Area for OnDevice {
    fn read(&mut self, at: Sector, buf: &mut [u8]) -> Result<(), IoFailed> {
        let part = &mut self.buffer[..buf.len()];
        self.device.read(part, at.0).map_err(|_| IoFailed)?;
        buf.copy_from_slice(part);
        Ok(())
    }

    fn write(&mut self, at: Sector, buf: &[u8], _fua: bool) -> Result<(), IoFailed> {
        let part = &mut self.buffer[..buf.len()];
        part.copy_from_slice(buf);
        self.device.write(part, at.0, false).map_err(|_| IoFailed)
    }

    fn flush(&mut self) -> Result<(), IoFailed> {
        self.device.flush().map_err(|_| IoFailed)
    }
}

pub fn run(plan: &Plan) -> Result<()> {
    let device = Device::open(&plan.device)?;
    let len = SectorCount(device.sectors()?);
    let block = BlockSize::new(BLOCK).context("a block size")?;
    let mut area = OnDevice {
        device,
        buffer: Buffer::new(MAX_TRANSFER / SECTOR)?,
    };
    let layout = Layout::plan(len, block, SectorCount(1), SectorCount(0))
        .map_err(|why| anyhow!("{why:?}"))?;
    let room = layout.spare_count();
    ensure!(
        plan.entries <= room.into() && plan.step >= BLOCK && plan.step % BLOCK == 0,
        "there are {room} spare blocks, of {BLOCK} sectors each"
    );
    let names = |sectors| {
        let mut names = Identities::NONE;
        names.add(Identity::size(SectorCount(sectors)));
        names
    };
    let expect = Expect {
        main: names(plan.main),
        spare: names(len.0),
        main_start: Sector(0),
        main_len: SectorCount(plan.main),
        spare_start: Sector(0),
        spare_len: len,
        block: Some(block),
        writable: true,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut seed = now.as_nanos() as u64;
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        *byte = mix(&mut seed) as u8;
    }
    let params = Params {
        uuid,
        main: expect.main,
        spare: expect.spare,
        main_start: expect.main_start,
        main_len: expect.main_len,
        spare_start: expect.spare_start,
        created: now.as_secs(),
        layout,
    };
    format(&mut area, params).map_err(|why| anyhow!("{why}"))?;
    let found = match examine(&mut area, len, None).map_err(|why| anyhow!("{why}"))? {
        Examined::Formatted(found) => found,
        Examined::Blank => return Err(anyhow!("what was written is not there")),
    };
    let opened = load(&mut area, &found, &expect).map_err(|why| anyhow!("{why}"))?;
    fill(&mut area, opened.writer, plan)?;
    area.device.flush()?;
    Ok(())
}

/// The superblock that was made, to all its places.
fn superblock(area: &mut OnDevice, writer: &mut Writer, block: &MetaBuf) -> Result<()> {
    let mut ok = 0;
    for round in writer.rounds() {
        for (bit, &place) in (round.first..).zip(round.places.as_slice()) {
            let bytes = block.get().context("a block")?;
            if area.write(place, bytes, true).is_ok() {
                ok |= 1 << bit;
            }
        }
    }
    ensure!(writer.superblock_written(ok), "no superblock is written");
    Ok(())
}

/// Writes a checkpoint of all entries, in a session of its own.
fn fill(area: &mut OnDevice, mut writer: Writer, plan: &Plan) -> Result<()> {
    let no = |why| anyhow!("the log takes nothing: {why:?}");
    let mut block = MetaBuf::try_new().map_err(|_| anyhow!("no memory"))?;
    writer
        .open_session(block.get_mut().context("a block")?)
        .map_err(no)?;
    superblock(area, &mut writer, &block)?;
    let half = plan.entries / 2;
    let mut records = (0..plan.entries).map(|n| {
        let at = match (n < half, plan.second) {
            (true, _) | (_, 0) => n * plan.step,
            (false, second) => second + (n - half) * plan.step,
        };
        Record::Remap {
            block: Block(at / BLOCK),
            spare: SpareBlock(n as u32),
        }
    });
    writer.begin_checkpoint().map_err(no)?;
    while writer.in_checkpoint() {
        let bytes = block.get_mut().context("a block")?;
        let slot = writer
            .encode_checkpoint(&mut || records.next(), bytes)
            .map_err(no)?;
        for &place in slot.places().as_slice() {
            let written = area.write(place, bytes, true);
            written.map_err(|_| anyhow!("the log cannot be written"))?;
        }
        ensure!(writer.outcome(&slot, 3) == Outcome::Done, "two copies");
        writer.acknowledge(slot);
    }
    let bytes = block.get_mut().context("a block")?;
    writer.close_session(bytes).map_err(no)?;
    superblock(area, &mut writer, &block)
}
