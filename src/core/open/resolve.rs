// SPDX-License-Identifier: GPL-2.0-only

//! Opening an area anew while it is in use, so that what is in doubt is decided for good.

use crate::{
    layout::MetaBuf,
    open::{examine, load, settle, Area, Examined, Expect, OpenError, Opened},
};

/// Reads the whole log again, and makes durable that it means what it was found to mean: the session that
/// follows says where the log ends, so that what is not there now never comes back; then the superblock says
/// that the metadata needs no check any more.
///
/// Nothing else may write the area meanwhile. If this fails, the area still says that it needs a check.
pub fn resolve(area: &mut dyn Area, expect: &Expect) -> Result<Opened, OpenError> {
    let found = match examine(area, expect.spare_len, None)? {
        Examined::Formatted(found) => found,
        Examined::Blank => return Err(OpenError::Unreadable),
    };
    let mut opened = load(area, &found, expect)?;
    if opened.report.read_only {
        return Err(OpenError::Unwritable);
    }
    let mut block = MetaBuf::try_new()?;
    let writer = &mut opened.writer;
    if !writer.session_open() {
        settle::open_session(area, writer, &mut block)?;
    }
    if !writer.session_open() {
        return Err(OpenError::Unwritable);
    }
    let (checked, _) = settle::superblock(area, writer, &mut block, |writer, block| {
        writer.needs_check(false, block)
    })?;
    if !checked {
        return Err(OpenError::Unwritable);
    }
    opened.report.needs_check = false;
    Ok(opened)
}
