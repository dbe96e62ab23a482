// SPDX-License-Identifier: GPL-2.0-only

//! A target that grows while its area is in use.

use super::Engine;
use crate::{
    open::{blocks_of, rename, Expect, OpenError},
    units::SectorCount,
};

impl Engine {
    /// How long the target is.
    pub fn target_len(&self) -> SectorCount {
        self.config.target_len
    }

    /// The devices are what `expect` says from now on, and the target is as long: never shorter than it
    /// was. Only while idle. What is new of the last block is main's, as with any growth.
    ///
    /// The next superblock says so. A session that is closed is opened before the map changes, so that
    /// comes before any record of a block that was not there.
    ///
    /// # Context
    ///
    /// Process context: allocates.
    pub fn grow(&mut self, expect: &Expect) -> Result<(), OpenError> {
        self.map.grow(blocks_of(expect.main_len, self.block))?;
        self.writer.amend(|superblock| rename(superblock, expect))?;
        // Only now: up to here a failure leaves the target as long as it was.
        self.config.target_len = expect.main_len;
        Ok(())
    }
}
