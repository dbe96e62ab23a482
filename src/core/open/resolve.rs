// SPDX-License-Identifier: GPL-2.0-only

//! Reading the metadata anew while it is in use: what is in doubt is decided for good, and what is bad in
//! one copy is written again from the other.

use crate::{
    layout::MetaBuf,
    open::{examine, load::load_to, settle, Area, Examined, Expect, OpenError, Opened},
};

/// Reads the whole log again, writes what one copy lacks from the other, and makes durable that the log means
/// what it was found to mean: the session that follows says where the log ends, so that what is not there now
/// never comes back; then the superblock says that the metadata needs no check any more.
///
/// `generation` is the last one that was acknowledged: a log that ends before it has lost something. The area is
/// put to `place`, so that it lies nowhere else; that means nothing if this fails.
///
/// Nothing else may write the area meanwhile. If this fails, the area still says that it needs a check if it did
/// before. After [`OpenError::Unwritable`] a new session may have begun all the same, so that what the writer of
/// the one before writes on does not count; after any other error the superblocks are as they were.
pub fn resolve(
    area: &mut dyn Area,
    expect: &Expect,
    generation: u64,
    place: &mut Option<Opened>,
) -> Result<(), OpenError> {
    // Once a session has begun, nothing may fail for want of memory.
    let mut block = MetaBuf::try_new()?;
    read_again(area, expect, generation, place)?;
    match place {
        Some(opened) => make_durable(area, opened, &mut block),
        None => Err(OpenError::Unreadable),
    }
}

/// Reads it all.
#[inline(never)] // kernel stacks are small
fn read_again(
    area: &mut dyn Area,
    expect: &Expect,
    generation: u64,
    place: &mut Option<Opened>,
) -> Result<(), OpenError> {
    let mut found = match examine(area, expect.spare_len, None)? {
        Examined::Formatted(found) => found,
        Examined::Blank => return Err(OpenError::Unreadable),
    };
    let floor = &mut found.superblock.log_floor;
    *floor = generation.max(*floor);
    load_to(area, &found, expect, place)
}

/// Makes it durable.
#[inline(never)] // kernel stacks are small
fn make_durable(
    area: &mut dyn Area,
    opened: &mut Opened,
    block: &mut MetaBuf,
) -> Result<(), OpenError> {
    if opened.report.read_only {
        return Err(OpenError::Unwritable);
    }
    let writer = &mut opened.writer;
    if !writer.session_open() {
        settle::open_session(area, writer, block)?;
    }
    if !writer.session_open() {
        return Err(OpenError::Unwritable);
    }
    let (checked, bad_places) = settle::superblock(area, writer, block, |writer, block| {
        writer.needs_check(false, block)
    })?;
    if !checked {
        return Err(OpenError::Unwritable);
    }
    opened.report.needs_check = false;
    opened.report.bad_places = bad_places;
    opened.report.degraded = opened.writer.degraded();
    Ok(())
}
