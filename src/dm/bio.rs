// SPDX-License-Identifier: GPL-2.0-only

//! A bio of device-mapper's as an owned value, in three types: what may be done with one depends on
//! where it is.
//!
//! - [`MapBio`]: in `map`. It ends by being remapped, killed, requeued, or deferred.
//! - [`EndBio`]: in `end_io`. It ends by being done, requeued, or deferred.
//! - [`Bio`]: deferred, so the target's own. It ends by being completed or submitted again.
//!
//! What `map` and `end_io` return is made by consuming the bio that they were given, so each bio
//! ends exactly once. Dropping one completes it with an error: a bio that is forgotten fails.
//!
//! The block layer uses up a bio's iterator, so the glue records it before `map`; all questions
//! about a bio are answered from the record, and have the same answer everywhere.
//!
//! Completing a deferred bio enters the target's `end_io` hook a second time. The glue lets that
//! pass: a target's `end_io` sees only what a device completed.

mod ended;
mod mapped;
mod owned;

pub(crate) use ended::{EndBio, EndIo};
pub(crate) use mapped::{Map, MapBio};
pub(crate) use owned::Bio;

use super::{
    context::Common,
    registration::Holder,
    target::Target, //
};
use crate::bindings;
use core::{
    marker::PhantomData,
    mem,
    ptr::NonNull, //
};
use dm_remap_core::units::{Sector, SectorCount, SECTOR_SHIFT};
use kernel::ffi;

const OP_MASK: u32 = (1 << bindings::REQ_OP_BITS) - 1;
const FUA: u32 = 1 << bindings::req_flag_bits___REQ_FUA;
const PREFLUSH: u32 = 1 << bindings::req_flag_bits___REQ_PREFLUSH;
const RAHEAD: u32 = 1 << bindings::req_flag_bits___REQ_RAHEAD;
const NOWAIT: u32 = 1 << bindings::req_flag_bits___REQ_NOWAIT;
const POLLED: u32 = 1 << bindings::req_flag_bits___REQ_POLLED;
const ATOMIC: u32 = 1 << bindings::req_flag_bits___REQ_ATOMIC;

/// What a bio wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BioOp {
    /// Data from the device.
    Read,
    /// Data to the device; or a flush, which carries no data ([`BioRef::is_flush`]).
    Write,
    /// The range is not needed any more.
    Discard,
    /// As discard, and nothing may be left of it.
    SecureErase,
    /// Zeros to the device, without data in memory.
    WriteZeroes,
    /// Anything else.
    Other,
}

/// The per-bio data: the record, and the target's own.
pub(super) struct PerBio<T: Target> {
    /// The target; null once the bio was completed by its owner.
    target: *mut bindings::dm_target,
    iter: bindings::bvec_iter,
    opf: u32,
    flags: ffi::c_ushort,
    user: T::PerBio,
}

impl<T: Target> PerBio<T> {
    /// Device-mapper aligns per-bio data to 8 bytes and never drops it.
    const CHECKED: () = {
        assert!(mem::align_of::<Self>() <= 8, "per-bio data is aligned to 8");
        assert!(!mem::needs_drop::<T::PerBio>(), "nobody drops per-bio data");
    };

    /// The size that device-mapper is told.
    pub(super) const SIZE: usize = {
        let () = Self::CHECKED;
        mem::size_of::<Self>()
    };
}

/// A bio and its per-bio data: what can be asked of any bio.
///
/// # Invariants
///
/// `bio` is a clone that device-mapper made for a target of type `T`, not yet ended, and nobody
/// else uses it. `data` is its per-bio data, initialised, and its `target`, unless null, is valid
/// at least as long as the bio.
pub(crate) struct BioRef<T: Target> {
    bio: NonNull<bindings::bio>,
    data: NonNull<PerBio<T>>,
}

impl<T: Target> BioRef<T> {
    #[inline]
    fn record(&self) -> &PerBio<T> {
        // SAFETY: valid and ours by the type invariant.
        unsafe { self.data.as_ref() }
    }

    #[inline]
    fn record_mut(&mut self) -> &mut PerBio<T> {
        // SAFETY: valid and ours by the type invariant.
        unsafe { self.data.as_mut() }
    }

    #[inline]
    fn raw_mut(&mut self) -> &mut bindings::bio {
        // SAFETY: valid and ours by the type invariant.
        unsafe { self.bio.as_mut() }
    }

    /// The bio's target, which must not have finished with it.
    #[inline]
    fn common(&self) -> &Common {
        // SAFETY: a bio that can still be remapped has a valid target, by the type invariant.
        let private = unsafe { (*self.record().target).private };
        // SAFETY: the private pointer of a constructed target of type `T` is its holder.
        unsafe { &(*private.cast::<Holder<T>>()).common }
    }

    #[inline]
    fn has(&self, flag: u32) -> bool {
        self.record().opf & flag != 0
    }

    /// What the bio wants.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn op(&self) -> BioOp {
        match self.record().opf & OP_MASK {
            bindings::req_op_REQ_OP_READ => BioOp::Read,
            bindings::req_op_REQ_OP_WRITE => BioOp::Write,
            bindings::req_op_REQ_OP_DISCARD => BioOp::Discard,
            bindings::req_op_REQ_OP_SECURE_ERASE => BioOp::SecureErase,
            bindings::req_op_REQ_OP_WRITE_ZEROES => BioOp::WriteZeroes,
            _ => BioOp::Other,
        }
    }

    /// Whether it is a flush. Device-mapper sends those without data.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn is_flush(&self) -> bool {
        self.has(PREFLUSH)
    }

    /// Whether it is a flush, or has to be durable: neither is frequent.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn is_flush_or_fua(&self) -> bool {
        self.has(PREFLUSH | FUA)
    }

    /// Whether its data must be on the medium when it completes.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn is_fua(&self) -> bool {
        self.has(FUA)
    }

    /// Whether it is read-ahead: it may fail at any time, and that says nothing.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn is_rahead(&self) -> bool {
        self.has(RAHEAD)
    }

    /// Whether it must not wait.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn is_nowait(&self) -> bool {
        self.has(NOWAIT)
    }

    /// Whether it must be written whole or not at all.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn is_atomic(&self) -> bool {
        self.has(ATOMIC)
    }

    /// Whether its submitter polls for it.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn is_polled(&self) -> bool {
        self.has(POLLED)
    }

    /// Whether it carries data in memory.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn has_data(&self) -> bool {
        matches!(self.op(), BioOp::Read | BioOp::Write) && self.len().0 != 0
    }

    /// Its first sector in the target.
    ///
    /// # Context
    ///
    /// Any, before the bio has ended.
    #[inline]
    pub(crate) fn sector(&self) -> Sector {
        // SAFETY: a bio that has not ended has a valid target, by the type invariant.
        let begin = unsafe { (*self.record().target).begin };
        Sector(self.record().iter.bi_sector.wrapping_sub(begin))
    }

    /// Its length; a flush has none.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn len(&self) -> SectorCount {
        SectorCount(u64::from(self.record().iter.bi_size >> SECTOR_SHIFT))
    }

    /// Which of the copies of a flush this is, counted from 0.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn copy_number(&self) -> u32 {
        // SAFETY: valid by the type invariant, and a clone of device-mapper's.
        unsafe { bindings::dm_bio_get_target_bio_nr(self.bio.as_ptr()) }
    }

    /// The target's data for this bio.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn data(&self) -> &T::PerBio {
        &self.record().user
    }

    /// The target's data for this bio.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn data_mut(&mut self) -> &mut T::PerBio {
        &mut self.record_mut().user
    }
}

/// Ties a verdict to the bio of the same call: invariant in `'a`.
type Call<'a> = PhantomData<fn(&'a ()) -> &'a ()>;
