// SPDX-License-Identifier: GPL-2.0-only

//! A bio that a target owns.

use super::{BioOp, BioRef, PerBio, NOWAIT, POLLED, RAHEAD};
use crate::{
    bindings,
    dm::{context::Device, status::Status, target::Target}, //
};
use core::{
    mem,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull}, //
};
use dm_remap_core::units::{Sector, SECTOR_BYTES};

/// A bio that the target owns.
pub(crate) struct Bio<T: Target>(pub(super) BioRef<T>);

// SAFETY: a bio that was deferred is used by its owner alone, and may be completed anywhere.
unsafe impl<T: Target> Send for Bio<T> {}

impl<T: Target> Bio<T> {
    /// # Safety
    ///
    /// As the invariants of [`BioRef`]; the ownership moves to the result.
    #[inline]
    pub(in super::super) unsafe fn from_raw(bio: NonNull<bindings::bio>) -> Self {
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
    pub(in super::super) fn into_raw(self) -> NonNull<bindings::bio> {
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

    /// Fails the bio as its device would: `end_io` sees it.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse(mut self) {
        self.put(Status::IOERR);
        mem::forget(self);
    }

    fn end(&mut self, status: Status) {
        // The second entry of the end_io hook sees this, and lets it pass.
        self.0.record_mut().target = ptr::null_mut();
        self.put(status);
    }

    /// Hands the bio back to device-mapper.
    fn put(&mut self, status: Status) {
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
            return self.refuse();
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

    /// Copies from the bio's data, at its sector `from`, to all of `buf`: zeros, if it writes
    /// those. False if there is not as much.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn copy_to(&self, from: u32, buf: &mut [u8]) -> bool {
        if self.op() == BioOp::WriteZeroes {
            let there = self.offset(from, buf.len()).is_some();
            buf.fill(0);
            return there;
        }
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

    /// The bytes before sector `from`, if `len` more lie behind them in the bio.
    fn offset(&self, from: u32, len: usize) -> Option<u32> {
        let offset = from.checked_mul(SECTOR_BYTES as u32)?;
        let room = self.0.record().iter.bi_size.checked_sub(offset)?;
        (len as u64 <= u64::from(room)).then_some(offset)
    }

    fn copy(&self, from: u32, buf: *mut u8, len: usize, to_bio: bool) -> bool {
        let (Some(offset), true) = (self.offset(from, len), self.has_data()) else {
            return false;
        };
        let iter = self.0.record().iter;
        // The length is at most the bio's, a 32-bit number: nothing is cut.
        //
        // SAFETY: the iterator was recorded from this bio, whose vector stays as it was, and the
        // range lies in it. `buf` has `len` bytes, which are only read if they go to the bio.
        unsafe {
            bindings::bio_copy(
                self.0.bio.as_ptr(),
                &iter,
                offset,
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
