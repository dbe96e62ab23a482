// SPDX-License-Identifier: GPL-2.0-only

//! What an I/O error says about the medium, under each `error_policy`.

/// What went wrong with one I/O, as far as dm-remap tells errors apart.
///
/// Made from the block layer's status where it is known; the status itself travels beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The device names the medium (`BLK_STS_MEDIUM`).
    Medium,
    /// A plain I/O error (`BLK_STS_IOERR`): what most write faults of real drives become.
    Io,
    /// The target failed (`BLK_STS_TARGET`): hardware sense, SATA device faults.
    Target,
    /// An error that never speaks of the medium: not supported, invalid, no space, again,
    /// timeout, transport, offline, reservation. It is passed up as it is.
    Never,
    /// Any other error: counted as the medium's by `any` alone.
    Other,
}

/// The direction of an I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// From the device.
    Read,
    /// To the device.
    Write,
}

/// The feature `error_policy`: which errors count as the medium's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorPolicy {
    /// [`Fault::Medium`] only.
    Medium,
    /// That, and for a write also [`Fault::Io`] and [`Fault::Target`], when the same block failed again
    /// alone, an I/O elsewhere on main succeeded after it, and the block then failed once more.
    #[default]
    Confirm,
    /// Every error but [`Fault::Never`].
    Any,
}

/// The feature `pending_writes`: what becomes of a write to pending sectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PendingWrites {
    /// Their block moves to the spare.
    #[default]
    Remap,
    /// It goes to main first, which has to give back what was written.
    Main,
}

/// What a policy says of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the medium.
    Medium,
    /// It may be the medium: to be confirmed by a success elsewhere on the same device.
    Confirm,
    /// It is not the medium: the error is passed up as it is.
    PassUp,
}

impl ErrorPolicy {
    /// Judges `fault` of an `op`.
    ///
    /// # Context
    ///
    /// Any: end_io asks this.
    #[inline]
    pub const fn judge(self, op: Op, fault: Fault) -> Verdict {
        match (self, fault) {
            (_, Fault::Never) => Verdict::PassUp,
            (_, Fault::Medium) | (ErrorPolicy::Any, _) => Verdict::Medium,
            (ErrorPolicy::Confirm, Fault::Io | Fault::Target) => match op {
                Op::Write => Verdict::Confirm,
                Op::Read => Verdict::PassUp,
            },
            _ => Verdict::PassUp,
        }
    }
}
