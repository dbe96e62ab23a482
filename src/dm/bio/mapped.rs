// SPDX-License-Identifier: GPL-2.0-only

//! A bio in `map`.

use super::{Bio, BioOp, BioRef, Call, PerBio};
use crate::{
    bindings,
    dm::{context::Device, target::Target}, //
};
use core::{
    marker::PhantomData,
    mem,
    ops::{Deref, DerefMut},
    ptr::NonNull, //
};
use dm_remap_core::units::{Sector, SectorCount, SECTOR_SHIFT};
use kernel::ffi;

/// What `map` says of its bio; only the bio itself makes it.
#[must_use]
pub(crate) struct Map<'a>(ffi::c_int, Call<'a>);

impl Map<'_> {
    #[inline]
    pub(in super::super) fn code(self) -> ffi::c_int {
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
    pub(in super::super) unsafe fn from_raw(
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
