// SPDX-License-Identifier: GPL-2.0-only

//! Loading: from a superblock to a map and a writer.

use crate::{
    layout::{CopyId, MetaBuf},
    log::{Start, Writer},
    map::Map,
    mem::Shared,
    open::{
        check,
        examine::Formatted,
        reader::Reader,
        settle,
        walk::{Chain, Shape, Walk},
        Area, Expect, OpenError,
    },
    superblock::{Names, Superblock},
    units::{BlockSize, SectorCount},
};

/// How far epochs and sequence numbers jump over those of a superblock that could not be read.
const JUMP: u64 = 1 << 16;

/// What was found and done while loading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The last generation of the log.
    pub generation: u64,
    /// The last session had ended in order.
    pub clean: bool,
    /// The metadata has to be checked before the map may change.
    pub needs_check: bool,
    /// The map must not change: the area cannot be written, or needs newer code for that.
    pub read_only: bool,
    /// A bit for each copy of the log that is degraded, A in the lowest.
    pub degraded: u8,
    /// Something at the end of the log could turn out otherwise another time. If the area may be written,
    /// that is over.
    pub unsettled: bool,
    /// Blocks of the log that were written again from the other copy.
    pub repaired: u32,
    /// Places of superblocks that could not be written.
    pub bad_places: u32,
    /// The target has grown since.
    pub grown: bool,
    /// The spare is on another device than it was, or elsewhere on it.
    pub moved: bool,
}

/// An area that is open.
pub struct Opened {
    /// The map, as the last commit left it.
    pub map: Map,
    /// What writes the log on.
    pub writer: Writer,
    /// What was found and done.
    pub report: Report,
}

/// Loads an area. Nothing is written before it is known that it will be used; if it may be written, what is
/// bad in one copy of the log is written again from the other, and if anything at the end of the log
/// could turn out otherwise another time, a new session is made durable at once, so that it cannot.
pub fn load(area: &mut dyn Area, found: &Formatted, expect: &Expect) -> Result<Opened, OpenError> {
    let mut place = None;
    load_to(area, found, expect, &mut place)?;
    place.ok_or(OpenError::NoMemory)
}

/// The same, put to `place`: what is below has no more copies of it on the stack.
#[inline(never)] // kernel stacks are small
pub(super) fn load_to(
    area: &mut dyn Area,
    found: &Formatted,
    expect: &Expect,
    place: &mut Option<Opened>,
) -> Result<(), OpenError> {
    let sb = &found.superblock;
    check(sb, expect)?;
    let layout = sb.layout.clone();
    let shape = Shape {
        block: layout.block_size(),
        blocks: blocks_of(expect.main_len, layout.block_size()),
    };
    let mut walk = Walk {
        reader: Reader::new(area, &layout, sb.uuid)?,
        sb,
        seen: 0,
        unsettled: false,
        all_places_read: !found.unread_places,
    };
    let (chain, map) = walk.find(shape)?;
    if chain.generation < sb.log_floor {
        return Err(OpenError::LogLost {
            floor: sb.log_floor,
            found: chain.generation,
        });
    }
    let mut block = MetaBuf::try_new()?;
    // A commit that is in one copy alone was never acknowledged, and could be gone the next time.
    let repairs = chain.repairs.as_slice();
    let half_told = repairs.iter().any(|r| r.to == chain.next);
    let unsettled = walk.unsettled || half_told || found.unread_places;
    let lacking = found.stale_places || !repairs.is_empty() || sb.degraded != [0; 2];
    let mut new = sb.clone();
    let moved = rename(&mut new, expect)?;
    let start = start(sb, &chain, found.unread_places, unsettled, walk.seen);
    let mut writer = Writer::new(new, found.held, start);
    let mut report = Report {
        generation: chain.generation,
        clean: sb.clean,
        needs_check: sb.needs_check,
        unsettled,
        grown: expect.main_len > sb.main_len,
        moved,
        ..Report::default()
    };
    let writable = expect.writable && !sb.read_only();
    if !writable {
        report.read_only = true;
        if expect.writable && unsettled {
            return Err(OpenError::Unwritable);
        }
    } else if unsettled || lacking {
        let repaired = settle::repair(&mut walk.reader, &layout, &chain);
        report.repaired = repaired.blocks;
        writer.amend(|new| new.degraded = degraded(sb.degraded, repaired.failed));
        // If neither copy could be repaired, no superblock can say so.
        let hopeless = repaired.failed.iter().all(|&since| since != 0);
        let written = !hopeless && {
            let area = &mut *walk.reader.area;
            let (written, bad_places) = settle::open_session(area, &mut writer, &mut block)?;
            report.bad_places = bad_places;
            written
        };
        if !written {
            if unsettled {
                return Err(OpenError::Unwritable);
            }
            writer.amend(|new| new.degraded = sb.degraded);
            report.read_only = true;
        }
    }
    report.degraded = writer.degraded();
    *place = Some(Opened {
        map,
        writer,
        report,
    });
    Ok(())
}

/// A copy that was repaired is whole again; one that could not be is not to be trusted from the first
/// block on that it may lack.
fn degraded(before: [u64; 2], failed: [u64; 2]) -> [u64; 2] {
    let mut after = failed;
    for copy in CopyId::BOTH {
        let (before, at) = (copy.of(before), copy.of_mut(&mut after));
        if *at != 0 && before != 0 {
            *at = before.min(*at);
        }
    }
    after
}

/// Lets the next superblock say what the devices are now. True if the spare is not where it was.
pub(crate) fn rename(sb: &mut Superblock, expect: &Expect) -> Result<bool, OpenError> {
    let moved =
        sb.spare_start != expect.spare_start || sb.names.spare.compare(&expect.spare).is_err();
    // A path to main that offers fewer identities takes none away.
    let fewer = expect.main.len() < sb.names.main.len();
    let main = if fewer { sb.names.main } else { expect.main };
    if sb.names.main != main || sb.names.spare != expect.spare {
        sb.names = Shared::try_new(Names {
            main,
            spare: expect.spare,
        })?;
    }
    sb.main_len = expect.main_len;
    sb.spare_start = expect.spare_start;
    Ok(moved)
}

fn start(sb: &Superblock, chain: &Chain, unread: bool, unsettled: bool, seen: u64) -> Start {
    // A block that could not be read may carry any generation up to the end of a whole checkpoint.
    let unseen = u64::from(sb.layout.half_blocks()).saturating_add(1024);
    let highest = seen.max(chain.generation).max(sb.sealed).max(sb.log_floor);
    let skip = |yes, by: u64| if yes { by.saturating_add(1) } else { 1 };
    Start {
        half: chain.half,
        next: chain.next,
        commits: chain.commits,
        base: chain.base,
        generation: chain.generation,
        prev_crc: chain.prev_crc,
        next_generation: highest.saturating_add(skip(unsettled, unseen)),
        next_seq: sb.seq.saturating_add(skip(unread, JUMP)),
        next_epoch: sb.epoch.saturating_add(skip(unread, JUMP)),
    }
}

/// How many blocks a target of `len` sectors has; the last may be partial.
pub(crate) fn blocks_of(len: SectorCount, block: BlockSize) -> u64 {
    let past = u64::from(block.sectors()).wrapping_sub(1);
    len.0.saturating_add(past).wrapping_shr(block.shift())
}
