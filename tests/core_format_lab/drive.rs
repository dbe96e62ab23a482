// SPDX-License-Identifier: GPL-2.0-only

//! Drives a writer as the engine does, over a disk whose power can fail at every round of writes.

use dm_remap_core::{
    layout::{MetaBuf, Places},
    log::{Outcome, Writer},
    map::{Cursor, Map},
    record::Record,
};

use super::Disk;
use dm_remap_core::open::Area;

/// How a round ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The power failed.
    Cut,
    /// A block is in doubt.
    Doubt,
}

/// What happens to each place of the round in which the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing reaches the medium.
    Nothing,
    /// Some 512-byte pieces do: a bit each.
    Torn(u8),
    /// All of it does.
    Whole,
    /// What was there is gone, and nothing that makes sense is there instead.
    Destroyed,
}

/// When the power fails, and how.
#[derive(Clone, Debug, Default)]
pub struct Power {
    /// After so many more rounds; `None` for never.
    pub rounds: Option<u64>,
    /// The fates of the places of that round.
    pub fates: Vec<Fate>,
    /// Every round so far: the places, and the block.
    pub log: Vec<(Places, Vec<u8>)>,
}

/// The power fails in a round.
pub fn cut(disk: &mut Disk, fates: &[Fate], places: Places, block: &[u8]) {
    for (i, &place) in places.as_slice().iter().enumerate() {
        match fates[i % fates.len()] {
            Fate::Nothing => {}
            Fate::Torn(bits) => disk.tear(place, block, |piece| (bits >> piece) & 1 != 0),
            Fate::Whole => disk.tear(place, block, |_| true),
            Fate::Destroyed => disk.destroy(place, block.len()),
        }
    }
}

/// One round of parallel FUA writes of the same block.
pub fn round(disk: &mut Disk, power: &mut Power, places: Places, block: &[u8]) -> Result<u32, End> {
    if power.rounds == Some(0) {
        cut(disk, &power.fates, places, block);
        return Err(End::Cut);
    }
    power.rounds = power.rounds.map(|n| n - 1);
    power.log.push((places, block.to_vec()));
    let mut ok = 0;
    for (i, &place) in places.as_slice().iter().enumerate() {
        if disk.write(place, block, true).is_ok() {
            ok |= 1 << i;
        }
    }
    Ok(ok)
}

pub struct Driver {
    pub map: Map,
    pub writer: Writer,
    buf: MetaBuf,
}

impl Driver {
    pub fn new(map: Map, writer: Writer) -> Driver {
        Driver {
            map,
            writer,
            buf: MetaBuf::try_new().expect("memory"),
        }
    }

    /// The generation of the block of the log that was made last, if it is one.
    pub fn staged(&self) -> Option<u64> {
        let block = self.buf.get()?;
        let bytes = block[40..48].try_into().expect("eight");
        block
            .starts_with(b"dmrm-log")
            .then(|| u64::from_le_bytes(bytes))
    }

    fn superblock(&mut self, disk: &mut Disk, power: &mut Power) -> Result<bool, End> {
        let mut ok = 0;
        for part in self.writer.rounds() {
            let block = self.buf.get().expect("a block");
            ok |= round(disk, power, part.places, block)? << part.first;
        }
        Ok(self.writer.superblock_written(ok))
    }

    pub fn begin(&mut self, disk: &mut Disk, power: &mut Power) -> Result<(), End> {
        if self.writer.session_open() {
            return Ok(());
        }
        let block = self.buf.get_mut().expect("a block");
        self.writer.open_session(block).expect("a session");
        match self.superblock(disk, power)? {
            true => Ok(()),
            false => Err(End::Doubt),
        }
    }

    pub fn close(&mut self, disk: &mut Disk, power: &mut Power) -> Result<bool, End> {
        let block = self.buf.get_mut().expect("a block");
        self.writer.close_session(block).expect("an end");
        self.superblock(disk, power)
    }

    fn finish(
        &mut self,
        disk: &mut Disk,
        power: &mut Power,
        slot: dm_remap_core::log::Slot,
    ) -> Result<(), End> {
        let ok = round(disk, power, slot.places(), self.buf.get().expect("a block"))?;
        match self.writer.outcome(&slot, ok) {
            Outcome::Done => self.writer.acknowledge(slot),
            Outcome::Degrade(copy) => {
                let block = self.buf.get_mut().expect("a block");
                self.writer.degrade(copy, block).expect("a whole copy");
                if !self.superblock(disk, power)? {
                    self.writer.doubt(slot);
                    return Err(End::Doubt);
                }
                self.writer.acknowledge(slot);
            }
            Outcome::Doubt => {
                self.writer.doubt(slot);
                return Err(End::Doubt);
            }
        }
        Ok(())
    }

    pub fn checkpoint(&mut self, disk: &mut Disk, power: &mut Power) -> Result<(), End> {
        self.begin(disk, power)?;
        self.writer.begin_checkpoint().expect("a checkpoint");
        let mut cursor = Cursor::new();
        while self.writer.in_checkpoint() {
            let map = &self.map;
            let block = self.buf.get_mut().expect("a block");
            let slot = self
                .writer
                .encode_checkpoint(&mut || map.next_record(&mut cursor), block)
                .expect("room");
            self.finish(disk, power, slot)?;
        }
        Ok(())
    }

    /// Commits a batch, with the session and the checkpoint that it may need before it.
    pub fn commit(
        &mut self,
        disk: &mut Disk,
        power: &mut Power,
        batch: &[Record],
    ) -> Result<(), End> {
        self.begin(disk, power)?;
        if self.writer.room() == 0 {
            self.checkpoint(disk, power)?;
        }
        let block = self.buf.get_mut().expect("a block");
        let slot = self.writer.encode_commit(batch, block).expect("room");
        self.finish(disk, power, slot)?;
        for record in batch {
            self.map.apply(record).expect("a change that makes sense");
        }
        Ok(())
    }
}
