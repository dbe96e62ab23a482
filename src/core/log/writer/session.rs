// SPDX-License-Identifier: GPL-2.0-only

//! The superblocks that a writer makes: sessions, degraded copies, the need of a check.

use crate::{
    layout::{CopyId, MetaBlock, Places},
    log::writer::{Refused, Writer},
    superblock,
};

/// What a new superblock says that the one before did not.
enum Update {
    Open,
    Close,
    Degrade(CopyId),
    NeedsCheck(bool),
}

/// Half of the places of superblocks: written at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// The places.
    pub places: Places,
    /// Which of all places the first of them is.
    pub first: u32,
}

impl Writer {
    /// The rounds in which a superblock is written: half of the places, and after that the others. What is
    /// in flight when the power goes may be destroyed, and one place at least has to be spared by that. So a
    /// half that does not hold the superblock in force comes first.
    ///
    /// If only one half holds it, because the other cannot be written, that half is divided.
    pub fn rounds(&self) -> [Round; 2] {
        let all = self.sb.layout.places();
        let all = all.as_slice();
        let count = u32::try_from(all.len()).unwrap_or(0);
        let half = count.wrapping_shr(1);
        // At least one place that holds it on either side, if it has two.
        let first = self.held.trailing_zeros().saturating_add(1);
        let last = u32::BITS
            .saturating_sub(self.held.leading_zeros())
            .saturating_sub(1);
        let middle = match first <= last {
            true => half.max(first).min(last),
            false => half,
        };
        let at = usize::try_from(middle).unwrap_or(0);
        let (front, back) = all.split_at_checked(at).unwrap_or((all, &[]));
        let round = |places, first| Round {
            places: Places::new(places),
            first,
        };
        let (front, back) = (round(front, 0), round(back, middle));
        match self.held.wrapping_shr(middle) {
            0 => [back, front],
            _ => [front, back],
        }
    }

    /// Makes the superblock that opens a session: a new epoch, and the end of the log as it is now.
    pub fn open_session(&mut self, block: &mut MetaBlock) -> Result<(), Refused> {
        self.stage(Update::Open, block)
    }

    /// Makes the superblock that closes the session.
    pub fn close_session(&mut self, block: &mut MetaBlock) -> Result<(), Refused> {
        self.stage(Update::Close, block)
    }

    /// Makes the superblock that gives up one copy of the log, from the block after the last acknowledged
    /// one on.
    pub fn degrade(&mut self, copy: CopyId, block: &mut MetaBlock) -> Result<(), Refused> {
        self.stage(Update::Degrade(copy), block)
    }

    /// Makes the superblock that says whether the metadata has to be checked.
    pub fn needs_check(&mut self, yes: bool, block: &mut MetaBlock) -> Result<(), Refused> {
        self.stage(Update::NeedsCheck(yes), block)
    }

    /// The superblock that was made last was written to the places of `ok` (a bit each). True if that
    /// makes it the one in force; if it is not, the one before still is.
    pub fn superblock_written(&mut self, ok: u32) -> bool {
        let Some(sb) = self.staged.take() else {
            return false;
        };
        let places = u32::try_from(sb.layout.places().as_slice().len()).unwrap_or(0);
        let ours = 1u32.wrapping_shl(places).wrapping_sub(1);
        if ok & ours == 0 {
            return false;
        }
        if sb.epoch != self.sb.epoch {
            self.session = true;
        }
        if sb.clean {
            self.session = false;
            self.checkpoint = None;
        }
        self.sb = sb;
        self.held = ok & ours;
        true
    }

    fn stage(&mut self, update: Update, block: &mut MetaBlock) -> Result<(), Refused> {
        if self.doubt && !matches!(update, Update::NeedsCheck(_)) {
            return Err(Refused::InDoubt);
        }
        let mut sb = self.sb.clone();
        match update {
            Update::Open => {
                sb.epoch = self.start.next_epoch;
                self.start.next_epoch = sb.epoch.checked_add(1).ok_or(Refused::Exhausted)?;
                sb.sealed = self.start.generation;
                sb.adopted = self.start.base;
                sb.clean = false;
            }
            Update::Close => sb.clean = true,
            Update::Degrade(copy) => {
                if sb.is_degraded(copy.other()) {
                    return Err(Refused::InDoubt);
                }
                *copy.of_mut(&mut sb.degraded) = self.start.generation.saturating_add(1);
            }
            Update::NeedsCheck(yes) => sb.needs_check = yes,
        }
        // A sequence number is used up even if nothing of it was written, as far as is known.
        sb.seq = self.start.next_seq;
        self.start.next_seq = sb.seq.checked_add(1).ok_or(Refused::Exhausted)?;
        sb.log_floor = self.start.generation;
        superblock::encode(&sb, block);
        self.staged = Some(sb);
        Ok(())
    }
}
