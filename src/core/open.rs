// SPDX-License-Identifier: GPL-2.0-only

//! Opening an area: what is there, whose it is, and what its map says.
//!
//! Three questions are asked of every block that should be there and is not: could it be read, is it torn
//! or rotten, or was it never written? Only a copy that counts and that could be read says that the log
//! ends; what could not be read is never taken for what is not there.

mod error;
mod examine;
mod load;
mod reader;
mod resolve;
mod settle;
mod walk;

pub use error::OpenError;
pub use examine::{check, examine, Examined, Formatted};
pub(crate) use load::{blocks_of, rename};
pub use load::{load, Opened, Report};
pub use resolve::resolve;

use crate::{
    identity::Identities,
    units::{BlockSize, Sector, SectorCount},
};

/// How many bytes are read or written at once at most.
pub const MAX_TRANSFER: usize = 1 << 20;

/// An I/O that failed: which error it was makes no difference here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoFailed;

/// The spare area, as sectors from its start.
pub trait Area {
    /// Reads whole metadata blocks, [`MAX_TRANSFER`] bytes at most.
    fn read(&mut self, at: Sector, buf: &mut [u8]) -> Result<(), IoFailed>;

    /// Writes whole metadata blocks, [`MAX_TRANSFER`] bytes at most; with `fua` they are durable when this
    /// returns.
    fn write(&mut self, at: Sector, buf: &[u8], fua: bool) -> Result<(), IoFailed>;

    /// Makes durable what was written without `fua`.
    fn flush(&mut self) -> Result<(), IoFailed>;
}

/// What the table line and the devices say, to be compared with the superblock.
#[derive(Clone, Copy, Debug)]
pub struct Expect {
    /// Main, as it is.
    pub main: Identities,
    /// The spare device, as it is.
    pub spare: Identities,
    /// The target's first sector on main.
    pub main_start: Sector,
    /// The target's length.
    pub main_len: SectorCount,
    /// The area's first sector on the spare device.
    pub spare_start: Sector,
    /// The area's length.
    pub spare_len: SectorCount,
    /// The block size, if one was asked for.
    pub block: Option<BlockSize>,
    /// The area may be written to.
    pub writable: bool,
}
