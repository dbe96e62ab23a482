// SPDX-License-Identifier: GPL-2.0-only

//! The log: the map as a checkpoint, followed by the changes since.
//!
//! Two copies with the same bytes at the same index, each of two halves. A half is a checkpoint, the last
//! block of which says so, and then one block for each commit. Each block carries its generation, which
//! grows over all sessions and is never used twice, and the checksum of its predecessor.

mod block;
mod writer;

pub use block::{
    classify, records, seal_for_test, units_of, Found, Header, Kind, Malformed, Records,
};
pub use writer::{Outcome, Refused, Round, Slot, Writer};

pub(crate) use block::{checksum, close, encode, Stamp};
pub(crate) use writer::Start;

/// How many 16-byte units of records a block has room for.
pub const UNITS: u64 = 251;

/// How many of them a [`Record::Sectors`](crate::record::Record::Sectors) takes; the others take one.
pub const SECTORS_UNITS: u64 = 3;
