// SPDX-License-Identifier: GPL-2.0-only

//! Why an area is not opened: a text for the table, and the values for the log.

use core::{ffi::CStr, fmt};

use crate::{identity::Mismatch, layout::Half, mem::NoMemory};

/// Why an area is not opened. It was left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// No place of a superblock holds one, and not all of them could be read.
    Unreadable,
    /// The area is neither blank nor formatted.
    Foreign(&'static str),
    /// There are superblocks, and what they say cannot be: a map may be there.
    BadSuperblock(&'static str),
    /// It needs newer code.
    Unsupported {
        /// The version of its format.
        version: u32,
        /// The incompatible features that are not known here.
        features: u64,
    },
    /// It belongs to another main.
    OtherMain(Mismatch),
    /// It belongs to another range of main.
    OtherStart {
        /// The first sector that is recorded.
        recorded: u64,
        /// The one that was asked for.
        given: u64,
    },
    /// Main, or the target, is smaller than it was.
    MainShrunk {
        /// Sectors that are recorded.
        recorded: u64,
        /// Sectors now.
        given: u64,
    },
    /// The area is smaller than it was.
    SpareShrunk {
        /// Sectors that are recorded.
        recorded: u64,
        /// Sectors now.
        given: u64,
    },
    /// Another block size was asked for.
    OtherBlock {
        /// Sectors in a block.
        recorded: u32,
        /// Sectors that were asked for.
        given: u32,
    },
    /// The log was written under a newer superblock than could be found.
    StaleSuperblock {
        /// The sequence number that the log names, or the epoch.
        log: u64,
        /// The superblock's.
        found: u64,
    },
    /// Neither copy of a block of the log could be read, so its end is not known.
    LogUnreadable {
        /// The half of the log.
        half: Half,
        /// The block in it.
        index: u32,
    },
    /// A block of the log is rotten in both copies.
    LogDamaged {
        /// The half of the log.
        half: Half,
        /// The block in it.
        index: u32,
    },
    /// The log ends before a generation that was durable.
    LogLost {
        /// The generation that was durable.
        floor: u64,
        /// The one it ends with.
        found: u64,
    },
    /// Neither half of the log begins with a whole checkpoint.
    NoCheckpoint,
    /// The records contradict each other.
    BadMap(&'static str),
    /// What an interrupted write has left could not be settled, because the area cannot be written.
    Unwritable,
    /// No memory.
    NoMemory,
}

impl OpenError {
    /// One line for the table.
    #[inline(never)]
    pub const fn text(&self) -> &'static CStr {
        match self {
            OpenError::Unreadable => c"superblocks of the spare area cannot be read",
            OpenError::Foreign(_) => c"spare area is neither blank nor formatted",
            OpenError::BadSuperblock(_) => c"superblocks of the spare area contradict themselves",
            OpenError::Unsupported { .. } => c"spare area needs a newer dm-remap",
            OpenError::OtherMain(Mismatch::Unknown) => {
                c"main offers none of the identities that the spare area knows it by"
            }
            OpenError::OtherMain(_) => c"spare area belongs to another main device",
            OpenError::OtherStart { .. } => c"spare area belongs to another start on main",
            OpenError::MainShrunk { .. } => {
                c"target or main is shorter than when the spare area was formatted"
            }
            OpenError::SpareShrunk { .. } => c"spare area is smaller than when it was formatted",
            OpenError::OtherBlock { .. } => c"spare area was formatted with another block_sectors",
            OpenError::StaleSuperblock { .. } => c"newest superblock of the spare area is missing",
            OpenError::LogUnreadable { .. } => {
                c"log of the spare area cannot be read in either copy"
            }
            OpenError::LogDamaged { .. } => c"log of the spare area is damaged in both copies",
            OpenError::LogLost { .. } => c"log of the spare area has lost its end",
            OpenError::NoCheckpoint => c"log of the spare area has no whole checkpoint",
            OpenError::BadMap(_) => c"log of the spare area contradicts itself",
            OpenError::Unwritable => c"spare area cannot be written, and has an unfinished change",
            OpenError::NoMemory => c"not enough memory for the map",
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().to_str().unwrap_or_default())?;
        // One way to print for all: each of its own would be larger than what it says.
        let (what, a, and, b, end) = match *self {
            OpenError::Foreign(why) | OpenError::BadSuperblock(why) | OpenError::BadMap(why) => {
                return write!(f, ": {why}")
            }
            OpenError::OtherMain(Mismatch::Other(kind)) => return write!(f, ": another {kind}"),
            OpenError::Unsupported { version, features } => (
                "version ",
                version.into(),
                ", unknown features ",
                features,
                "",
            ),
            OpenError::OtherMain(Mismatch::Shrunk {
                recorded,
                found: given,
            })
            | OpenError::OtherStart { recorded, given }
            | OpenError::MainShrunk { recorded, given }
            | OpenError::SpareShrunk { recorded, given } => {
                ("", recorded, " sectors recorded, ", given, " found")
            }
            OpenError::OtherBlock { recorded, given } => (
                "",
                recorded.into(),
                " sectors recorded, ",
                given.into(),
                " given",
            ),
            OpenError::StaleSuperblock { log, found } => {
                ("the log names ", log, ", the newest found is ", found, "")
            }
            OpenError::LogUnreadable { half, index } | OpenError::LogDamaged { half, index } => {
                ("half ", half.number().into(), ", block ", index.into(), "")
            }
            OpenError::LogLost { floor, found } => (
                "generation ",
                floor,
                " was durable, ",
                found,
                " is the last",
            ),
            _ => return Ok(()),
        };
        write!(f, ": {what}{a}{and}{b}{end}")
    }
}

impl From<NoMemory> for OpenError {
    fn from(_: NoMemory) -> Self {
        OpenError::NoMemory
    }
}
