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

use super::{
    context::{Common, Device},
    registration::Holder,
    status::Status,
    target::Target, //
};
use crate::bindings;
use core::{
    marker::PhantomData,
    mem,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull}, //
};
use dm_remap_core::units::{Sector, SectorCount, SECTOR_BYTES, SECTOR_SHIFT};
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

/// A bio that the target owns.
pub(crate) struct Bio<T: Target>(BioRef<T>);

// SAFETY: a bio that was deferred is used by its owner alone, and may be completed anywhere.
unsafe impl<T: Target> Send for Bio<T> {}

impl<T: Target> Bio<T> {
    /// # Safety
    ///
    /// As the invariants of [`BioRef`]; the ownership moves to the result.
    #[inline]
    pub(super) unsafe fn from_raw(bio: NonNull<bindings::bio>) -> Self {
        // SAFETY: by the safety requirements of this function it is device-mapper's clone for a
        // target of type `T`, whose per-bio data has this size.
        let data = unsafe { bindings::dm_per_bio_data(bio.as_ptr(), PerBio::<T>::SIZE) };
        // INVARIANT: by the safety requirements of this function.
        Self(BioRef {
            bio,
            // SAFETY: the data lies in front of the bio, so it is not null.
            data: unsafe { NonNull::new_unchecked(data.cast()) },
        })
    }

    /// Gives up the ownership without ending the bio.
    #[inline]
    pub(super) fn into_raw(self) -> NonNull<bindings::bio> {
        let bio = self.0.bio;
        mem::forget(self);
        bio
    }

    /// Ends the bio with `status`.
    ///
    /// # Context
    ///
    /// Any; not while a lock is held that a submitter may take.
    pub(crate) fn complete(mut self, status: Status) {
        self.end(status);
        mem::forget(self);
    }

    fn end(&mut self, status: Status) {
        // The second entry of the end_io hook sees this, and lets it pass.
        self.0.record_mut().target = ptr::null_mut();
        let flags = self.0.record().flags;
        let bio = self.0.raw_mut();
        // What a first way through a device left there is settled already.
        bio.bi_flags = flags;
        bio.bi_status = status.code();
        // SAFETY: the bio is ours, and this gives it up: the callers do not use it any more.
        unsafe { bindings::bio_endio(self.0.bio.as_ptr()) };
    }

    /// Sends the bio, as it came, to sector `at` of `device`. It may wait now, is not polled for
    /// and is not read-ahead any more; FUA stays. What becomes of it is seen by `end_io`.
    ///
    /// # Context
    ///
    /// Process context.
    pub(crate) fn resubmit(mut self, device: Device, at: Sector) {
        let bdev = self.0.common().devices.bdev(device);
        if bdev.is_null() {
            return self.complete(Status::IOERR);
        }
        let mut iter = self.0.record().iter;
        iter.bi_sector = at.0;
        let opf = self.0.record().opf & !(NOWAIT | POLLED | RAHEAD);
        let flags = self.0.record().flags;
        let bio = self.0.raw_mut();
        bio.bi_iter = iter;
        bio.bi_opf = opf;
        bio.bi_flags = flags;
        bio.bi_status = Status::OK.code();
        let bio = self.into_raw().as_ptr();
        // SAFETY: the bio is ours and not in flight.
        unsafe { bindings::bio_reset_remaining(bio) };
        // SAFETY: as above; the device is open as long as the bio's target lives.
        unsafe { bindings::bio_set_dev(bio, bdev) };
        // SAFETY: as above. Device-mapper waits for the bio before it destroys the target.
        unsafe { bindings::dm_submit_bio_remap(bio, ptr::null_mut()) };
    }

    /// Copies from the bio's data, at its sector `from`, to all of `buf`. False if there is not as
    /// much.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn copy_to(&self, from: u32, buf: &mut [u8]) -> bool {
        self.copy(from, buf.as_mut_ptr(), buf.len(), false)
    }

    /// Copies all of `buf` to the bio's data, at its sector `from`. False if there is no such room.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn copy_from(&mut self, from: u32, buf: &[u8]) -> bool {
        self.copy(from, buf.as_ptr().cast_mut(), buf.len(), true)
    }

    fn copy(&self, from: u32, buf: *mut u8, len: usize, to_bio: bool) -> bool {
        let record = self.0.record();
        let size = record.iter.bi_size;
        let offset = u64::from(from).wrapping_mul(SECTOR_BYTES as u64);
        let room = u64::from(size).saturating_sub(offset);
        if !self.has_data() || len as u64 > room {
            return false;
        }
        let iter = record.iter;
        // Offset and length are at most `size`, a 32-bit number: nothing is cut.
        //
        // SAFETY: the iterator was recorded from this bio, whose vector stays as it was, and the
        // range lies in it. `buf` has `len` bytes, which are only read if they go to the bio.
        unsafe {
            bindings::bio_copy(
                self.0.bio.as_ptr(),
                &iter,
                offset as u32,
                buf.cast(),
                len as u32,
                to_bio,
            )
        };
        true
    }
}

impl<T: Target> Drop for Bio<T> {
    fn drop(&mut self) {
        self.end(Status::IOERR);
    }
}

impl<T: Target> Deref for Bio<T> {
    type Target = BioRef<T>;

    #[inline]
    fn deref(&self) -> &BioRef<T> {
        &self.0
    }
}

impl<T: Target> DerefMut for Bio<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut BioRef<T> {
        &mut self.0
    }
}

/// Ties a verdict to the bio of the same call: invariant in `'a`.
type Call<'a> = PhantomData<fn(&'a ()) -> &'a ()>;

/// What `map` says of its bio; only the bio itself makes it.
#[must_use]
pub(crate) struct Map<'a>(ffi::c_int, Call<'a>);

impl Map<'_> {
    #[inline]
    pub(super) fn code(self) -> ffi::c_int {
        self.0
    }
}

/// A bio in `map`.
pub(crate) struct MapBio<'a, T: Target> {
    bio: Bio<T>,
    call: Call<'a>,
}

impl<'a, T: Target> MapBio<'a, T> {
    /// Records the bio.
    ///
    /// # Safety
    ///
    /// `bio` was just given to the map hook of `target`, which is of type `T`. The result is used
    /// for the return value of that call alone.
    #[inline]
    pub(super) unsafe fn from_raw(
        target: NonNull<bindings::dm_target>,
        bio: NonNull<bindings::bio>,
    ) -> Self {
        // SAFETY: the bio is ours while the hook runs, and its per-bio data is of this type.
        let this = unsafe { Bio::<T>::from_raw(bio) };
        // SAFETY: as above.
        let raw = unsafe { bio.as_ref() };
        let record = PerBio {
            target: target.as_ptr(),
            iter: raw.bi_iter,
            opf: raw.bi_opf,
            flags: raw.bi_flags,
            user: T::PerBio::default(),
        };
        // SAFETY: the place is as large as device-mapper was told, and aligned as checked.
        unsafe { this.0.data.as_ptr().write(record) };
        Self {
            bio: this,
            call: PhantomData,
        }
    }

    #[inline]
    fn verdict(self, code: u32) -> Map<'a> {
        mem::forget(self.bio);
        Map(code as ffi::c_int, PhantomData)
    }

    /// Takes only the first `len` sectors; the rest comes in another call. False, and nothing is
    /// changed, if that is not allowed for this bio, or `len` is not between 1 and its length.
    ///
    /// # Context
    ///
    /// `map`.
    #[inline]
    pub(crate) fn accept_partial(&mut self, len: SectorCount) -> bool {
        let whole = self.len();
        let allowed = !self.is_flush() && !self.is_atomic() && self.op() != BioOp::Other;
        if !allowed || len.0 == 0 || len.0 > whole.0 {
            return false;
        }
        // At most the bio's own length, a 32-bit number of bytes: nothing is cut.
        let sectors = len.0 as u32;
        // SAFETY: the bio is in its map call and is not a copy of several (only flushes are), not
        // atomic and not of a zone, and the length is within it: what the function asserts.
        unsafe { bindings::dm_accept_partial_bio(self.bio.0.bio.as_ptr(), sectors) };
        self.bio.0.record_mut().iter.bi_size = sectors << SECTOR_SHIFT;
        true
    }

    /// Sends the bio to sector `at` of `device`.
    ///
    /// # Context
    ///
    /// `map`.
    #[inline]
    pub(crate) fn remap(mut self, device: Device, at: Sector) -> Map<'a> {
        let bdev = self.bio.0.common().devices.bdev(device);
        if bdev.is_null() {
            return self.kill();
        }
        // SAFETY: the bio is ours; the device is open as long as the bio's target lives.
        unsafe { bindings::bio_set_dev(self.bio.0.bio.as_ptr(), bdev) };
        self.bio.0.raw_mut().bi_iter.bi_sector = at.0;
        self.verdict(bindings::DM_MAPIO_REMAPPED)
    }

    /// Ends the bio with [`Status::IOERR`].
    ///
    /// # Context
    ///
    /// `map`.
    #[inline]
    pub(crate) fn kill(self) -> Map<'a> {
        self.verdict(bindings::DM_MAPIO_KILL)
    }

    /// Pushes the bio back: it comes again after the resume. Outside of a noflush suspend
    /// device-mapper makes an error of it.
    ///
    /// # Context
    ///
    /// `map`.
    #[inline]
    pub(crate) fn requeue(self) -> Map<'a> {
        self.verdict(bindings::DM_MAPIO_REQUEUE)
    }

    /// Keeps the bio: it is the caller's, to be queued or completed, and the verdict says so.
    ///
    /// # Context
    ///
    /// `map`.
    #[inline]
    pub(crate) fn defer(self) -> (Bio<T>, Map<'a>) {
        let verdict = Map(bindings::DM_MAPIO_SUBMITTED as ffi::c_int, PhantomData);
        (self.bio, verdict)
    }
}

impl<T: Target> Deref for MapBio<'_, T> {
    type Target = BioRef<T>;

    #[inline]
    fn deref(&self) -> &BioRef<T> {
        &self.bio.0
    }
}

impl<T: Target> DerefMut for MapBio<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut BioRef<T> {
        &mut self.bio.0
    }
}

/// What `end_io` says of its bio; only the bio itself makes it.
#[must_use]
pub(crate) struct EndIo<'a>(ffi::c_int, Status, Call<'a>);

impl EndIo<'_> {
    #[inline]
    pub(super) fn code(&self) -> ffi::c_int {
        self.0
    }

    #[inline]
    pub(super) fn status(&self) -> Status {
        self.1
    }
}

/// A bio in `end_io`: a device has completed it.
pub(crate) struct EndBio<'a, T: Target> {
    bio: Bio<T>,
    call: Call<'a>,
}

impl<'a, T: Target> EndBio<'a, T> {
    /// The bio, unless its owner completed it: then there is nothing left to do.
    ///
    /// # Safety
    ///
    /// `bio` was just given to the end_io hook of a target of type `T`, whose map hook it went
    /// through. The result is used for the return value of that call alone.
    #[inline]
    pub(super) unsafe fn from_raw(bio: NonNull<bindings::bio>) -> Option<Self> {
        // SAFETY: by the safety requirements of this function; the map hook initialised the data.
        let bio = unsafe { Bio::<T>::from_raw(bio) };
        if bio.0.record().target.is_null() {
            mem::forget(bio);
            return None;
        }
        Some(Self {
            bio,
            call: PhantomData,
        })
    }

    #[inline]
    fn verdict(self, code: u32, status: Status) -> EndIo<'a> {
        mem::forget(self.bio);
        EndIo(code as ffi::c_int, status, PhantomData)
    }

    /// The bio has ended with `status`.
    ///
    /// # Context
    ///
    /// `end_io`.
    #[inline]
    pub(crate) fn done(self, status: Status) -> EndIo<'a> {
        self.verdict(bindings::DM_ENDIO_DONE, status)
    }

    /// Pushes the bio back, as [`MapBio::requeue`].
    ///
    /// # Context
    ///
    /// `end_io`.
    #[inline]
    pub(crate) fn requeue(self) -> EndIo<'a> {
        self.verdict(bindings::DM_ENDIO_REQUEUE, Status::OK)
    }

    /// Keeps the bio: it is the caller's, to be queued, and the verdict says so.
    ///
    /// # Context
    ///
    /// `end_io`. The bio may not be completed or submitted there.
    #[inline]
    pub(crate) fn defer(self) -> (Bio<T>, EndIo<'a>) {
        let code = bindings::DM_ENDIO_INCOMPLETE as ffi::c_int;
        (self.bio, EndIo(code, Status::OK, PhantomData))
    }
}

impl<T: Target> Deref for EndBio<'_, T> {
    type Target = BioRef<T>;

    #[inline]
    fn deref(&self) -> &BioRef<T> {
        &self.bio.0
    }
}

impl<T: Target> DerefMut for EndBio<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut BioRef<T> {
        &mut self.bio.0
    }
}
