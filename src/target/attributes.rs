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

/// One file: its name and what it says.
struct File {
    name: &'static CStr,
    show: fn(&Summary, &mut Page<'_>) -> core::fmt::Result,
}

const FILES: [File; 9] = [
    File {
        name: c"uuid",
        show: |s, out| write_uuid(out, &s.uuid),
    },
    File {
        name: c"state",
        show: |s, out| out.write_str(state_word(s.engine.state)),
    },
    File {
        name: c"needs_check",
        show: |s, out| write!(out, "{}", u8::from(s.engine.needs_check)),
    },
    File {
        name: c"remapped",
        show: |s, out| write!(out, "{}", s.counters.remapped),
    },
    File {
        name: c"pending",
        show: |s, out| write!(out, "{}", s.counters.pending_sectors),
    },
    File {
        name: c"lost",
        show: |s, out| write!(out, "{}", s.counters.lost_sectors),
    },
    File {
        name: c"spare_total",
        show: |s, out| write!(out, "{}", s.counters.spare_total),
    },
    File {
        name: c"spare_free",
        show: |s, out| write!(out, "{}", s.counters.spare_free),
    },
    File {
        name: c"spare_failed",
        show: |s, out| write!(out, "{}", s.counters.spare_failed),
    },
];

impl Attributes for Worker<Volume> {
    const FILES: &'static [Attribute] = &{
        let mut files = [Attribute {
            name: c"",
            writable: false,
        }; FILES.len()];
        let mut i = 0;
        while i < FILES.len() {
            files[i].name = FILES[i].name;
            i += 1;
        }
        files
    };

    fn show(&self, index: usize, out: &mut Page<'_>) -> Result {
        let file = FILES.get(index).ok_or(EIO)?;
        (file.show)(&self.summary(), out).map_err(|_| ENOSPC)?;
        out.write_str("\n").map_err(|_| ENOSPC)
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
