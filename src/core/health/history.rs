// SPDX-License-Identifier: GPL-2.0-only

//! What former sessions knew, found in the health region.
//!
//! What cannot be read, for an error or for want of memory, is never taken for what is not there: it may be whole,
//! and newer than what can. So the next image gets a higher number, and the other slot if there is a choice.

use crate::{
    health::image::{examine, sector, Image, Reader},
    identity::Marks,
    layout::{Layout, MetaBuf},
    open::Area,
};

/// What was found.
#[derive(Debug, Default)]
pub struct Past {
    /// The newest image that is whole and may be of this disk.
    pub reader: Option<Reader>,
    /// Above every number that was given; its parity is the slot that is not written next.
    pub sequence: u64,
    /// What tells the disk.
    pub main: Marks,
    /// The newest one of another disk; 0 for none.
    pub other: u64,
    /// Something that may be a newer one could not be read.
    pub unread: bool,
}

impl Past {
    /// What is to be taken up. What came before another disk is not known to be of this one, whatever it says.
    pub fn image(&self) -> Option<&Reader> {
        self.reader.as_ref().filter(|r| r.sequence > self.other)
    }
}

/// Finds the newest image of `main`; `unix` is in seconds since 1970.
#[inline(never)]
pub fn find(area: &mut dyn Area, layout: &Layout, uuid: &[u8; 16], main: Marks, unix: u64) -> Past {
    let mut past = Past {
        main,
        ..Past::default()
    };
    let mut buf = MetaBuf::try_new().unwrap_or_default();
    let (mut keep, mut missed) = (None, 0);
    for parity in 0..2 {
        // Of what cannot be read it is not known. No count from 1 comes as far.
        let mut number = unix;
        let done = read(&mut past, area, layout, uuid, parity, &mut buf, &mut number);
        if done.is_none() {
            keep = Some(parity);
            missed = number;
        }
        past.sequence = past.sequence.max(number);
    }
    let taken = past.image().map(|r| r.sequence);
    past.unread = missed > taken.unwrap_or(0);
    if let Some(keep) = taken.or(keep) {
        let off = (keep ^ past.sequence) & 1;
        past.sequence = past.sequence.wrapping_add(off);
    }
    past
}

/// Reads the image of one slot, and takes it if it is the newest so far. Tells its number as soon as that is known, 0 if there is
/// none. `None`: an error, or no memory.
#[inline(never)]
fn read(
    past: &mut Past,
    area: &mut dyn Area,
    layout: &Layout,
    uuid: &[u8; 16],
    parity: u64,
    buf: &mut MetaBuf,
    number: &mut u64,
) -> Option<()> {
    let block = buf.get_mut()?;
    let slot = Image::slot_blocks(layout.health_blocks());
    area.read(sector(layout, parity, 0)?, block).ok()?;
    *number = 0;
    let found = examine(block, uuid, slot).filter(|f| f.sequence & 1 == parity);
    let Some(mut found) = found else {
        return Some(());
    };
    *number = found.sequence;
    if !found.main.join(&past.main) {
        past.other = found.sequence.max(past.other);
        return Some(());
    }
    let mut reader = Reader::new(found, *uuid).ok()?;
    let mut index = 0;
    while reader.push(block) {
        index = u32::wrapping_add(index, 1);
        if index >= found.blocks {
            let newest = past.reader.as_ref().map_or(0, |r| r.sequence);
            if newest < found.sequence {
                past.reader = Some(reader);
            }
            break;
        }
        area.read(sector(layout, parity, index)?, block).ok()?;
    }
    Some(())
}
