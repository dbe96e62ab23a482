// SPDX-License-Identifier: GPL-2.0-only

//! The files of `/sys/block/dm-N/remap/`, documented in docs/sysfs.md.

use core::fmt::Write;

use kernel::prelude::*;

use dm_remap_core::engine::State;

use crate::{
    kernel_ext::{
        sysfs::{Attribute, Attributes, Page},
        workqueue::Worker,
    },
    target::volume::{Summary, Volume},
};

mod care;

/// What a file says.
#[derive(Clone, Copy)]
enum Says {
    Uuid,
    State,
    NeedsCheck,
    Remapped,
    Pending,
    Lost,
    SpareTotal,
    SpareFree,
    SpareFailed,
}

/// The files, each with what it says.
const FILES: [(&CStr, Says); 9] = [
    (c"uuid", Says::Uuid),
    (c"state", Says::State),
    (c"needs_check", Says::NeedsCheck),
    (c"remapped", Says::Remapped),
    (c"pending", Says::Pending),
    (c"lost", Says::Lost),
    (c"spare_total", Says::SpareTotal),
    (c"spare_free", Says::SpareFree),
    (c"spare_failed", Says::SpareFailed),
];

fn write(says: Says, summary: &Summary, out: &mut Page<'_>) -> core::fmt::Result {
    let counters = &summary.counters;
    let number = match says {
        Says::Uuid => return write_uuid(out, &summary.uuid),
        Says::State => return out.write_str(state_word(summary.engine.state)),
        Says::NeedsCheck => summary.engine.needs_check.into(),
        Says::Remapped => counters.remapped,
        Says::Pending => counters.pending_sectors,
        Says::Lost => counters.lost_sectors,
        Says::SpareTotal => counters.spare_total.into(),
        Says::SpareFree => counters.spare_free.into(),
        Says::SpareFailed => counters.spare_failed.into(),
    };
    write!(out, "{number}")
}

const ALL: usize = FILES.len() + care::FILES.len();

impl Attributes for Worker<Volume> {
    const FILES: &'static [Attribute] = &{
        let mut files = [Attribute {
            name: c"",
            folder: None,
            writable: false,
        }; ALL];
        let mut i = 0;
        while i < FILES.len() {
            files[i].name = FILES[i].0;
            i += 1;
        }
        while i < ALL {
            let (folder, name, writable, _) = care::FILES[i - FILES.len()];
            files[i] = Attribute {
                name,
                folder: Some(folder),
                writable,
            };
            i += 1;
        }
        files
    };

    fn show(&self, index: usize, out: &mut Page<'_>) -> Result {
        let written = match FILES.get(index) {
            Some(&(_, says)) => write(says, &self.summary(), out),
            None => care::show(self, index.wrapping_sub(FILES.len()), out),
        };
        written.map_err(|_| ENOSPC)?;
        out.write_str("\n").map_err(|_| ENOSPC)
    }

    fn store(&self, index: usize, text: &[u8]) -> Result {
        care::store(self, index.wrapping_sub(FILES.len()), text)
    }
}

/// The word for a state, here and in the status line.
pub(crate) fn state_word(state: State) -> &'static str {
    match state {
        State::Rw => "rw",
        State::Ro => "ro",
        State::Fail => "fail",
    }
}

/// A UUID in the usual text: groups of 8, 4, 4, 4 and 12 digits.
fn write_uuid(out: &mut impl Write, uuid: &[u8; 16]) -> core::fmt::Result {
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.write_str("-")?;
        }
        write!(out, "{byte:02x}")?;
    }
    Ok(())
}
