// SPDX-License-Identifier: GPL-2.0-only

//! The steps of the machine.

use super::retest::Back;
use crate::layout::CopyId;

/// Where the machine stands. In each step either nothing is under way and the step decides what is
/// next, or its one action is under way and the step is what its event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// No jobs.
    Idle,
    /// Chooses the next piece of the next job, or begins a round, or ends the batch.
    Select,
    /// The block of a piece that is pending is held, and earlier I/O to it waited for.
    Guard,
    /// The piece's data goes to scratch.
    Gather,
    /// The piece is tried alone.
    Try,
    /// What was written to a pending piece is flushed, read back and compared.
    Prove(Back),
    /// The piece's data goes to its job.
    Scatter,
    /// It goes to the spare block as well, for main hardly gave it.
    Fill,
    /// Whether an I/O elsewhere on the same device succeeds: the n-th try.
    Probe(u8),
    /// The blocks that are to move are held, and earlier I/O to them is waited for.
    Hold,
    /// Chooses the next block to move, or ends this part of the round.
    Pick,
    /// What the jobs do not overwrite is read.
    Salvage,
    /// The jobs' data is laid over it.
    Merge,
    /// The spare block is written.
    Spare,
    /// Whether an I/O elsewhere on the spare succeeds: the n-th try.
    SpareProbe(u8),
    /// The block goes back to main, in four steps.
    Back(Back),
    /// A physical block that is pending is read.
    Reread,
    /// What was written on the spare becomes durable.
    Flush,
    /// The next map and what will be published are made: after this nothing needs memory.
    Prepare,
    /// The session is opened on disk, if it is not.
    Open,
    /// The log is written anew, in its other half.
    Compact,
    /// The log block is written.
    Commit,
    /// One copy failed: a superblock says so before the change counts.
    Degrade(Degraded, CopyId),
    /// It is not known whether the change is durable: a superblock says so if it can be written.
    Doubt,
    /// The map that is true now is published.
    Publish,
    /// The map is published as it is, for I/O has to tell of other things than before.
    Watch,
    /// Finished jobs are completed, one by one.
    Settle,
    /// The map was loaded anew: it is published, and earlier I/O waited for.
    Replaced,
    /// The session is closed on disk.
    Close,
}

/// What went to one copy only, and is true once that is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Degraded {
    /// A block of the compaction.
    Compaction,
    /// The log block.
    Commit,
}
