// SPDX-License-Identifier: GPL-2.0-only

//! What is said to those who trace the engine.

use super::{Engine, Step};
use crate::record::Record;

impl Engine {
    /// While the log block of a commit is on its way: its generation, and what it records.
    pub fn committing(&self) -> Option<(u64, &[Record])> {
        let slot = self.slot.as_ref().filter(|_| self.step == Step::Commit)?;
        Some((slot.generation(), self.records.as_slice()))
    }
}
