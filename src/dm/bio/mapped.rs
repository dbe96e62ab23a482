// SPDX-License-Identifier: GPL-2.0-only

//! A bio in `map`.

use super::{Bio, BioOp, BioRef, Call};
use crate::{
    bindings,
    dm::{
        context::{Common, Device},
        target::Target, //
    },
};
use core::{
    marker::PhantomData,
    mem,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull}, //
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
    common: &'a Common,
    call: Call<'a>,
}

impl<'a, T: Target> MapBio<'a, T> {
    /// Records the bio.
    ///
    /// # Safety
    ///
    /// `bio` was just given to the map hook of `target`, which is of type `T` and has `common`. The
    /// result is used for the return value of that call alone.
    #[inline]
    pub(in super::super) unsafe fn from_raw(
        target: NonNull<bindings::dm_target>,
        common: &'a Common,
        bio: NonNull<bindings::bio>,
    ) -> Self {
        // SAFETY: the bio is ours while the hook runs, and its per-bio data is of this type.
        let this = unsafe { Bio::<T>::from_raw(bio) };
        // SAFETY: as above.
        let raw = unsafe { bio.as_ref() };
        let record = this.0.data.as_ptr();
        // Field by field: a record built first would be copied over the stack.
        //
        // SAFETY: the place is as large as device-mapper was told, and aligned as checked; nobody
        // else uses it, and all of it is written here.
        unsafe {
            ptr::addr_of_mut!((*record).target).write(target.as_ptr());
            ptr::addr_of_mut!((*record).iter).write(raw.bi_iter);
            ptr::addr_of_mut!((*record).opf).write(raw.bi_opf);
            ptr::addr_of_mut!((*record).flags).write(raw.bi_flags);
            ptr::addr_of_mut!((*record).user).write(T::PerBio::default());
        }
        Self {
            bio: this,
            common,
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

    /// Sends the bio to sector `at` of `device`. Should this table have no such device, the bio fails as
    /// if the device had failed it: `end_io` sees that, and what the target has put into the bio's data
    /// is not lost.
    ///
    /// # Context
    ///
    /// `map`.
    #[inline(always)] // a call would be a tenth of what the module adds to an I/O
    pub(crate) fn remap(mut self, device: Device, at: Sector) -> Map<'a> {
        let bdev = self.common.devices.bdev(device);
        if bdev.is_null() {
            let (bio, verdict) = self.defer();
            bio.refuse();
            return verdict;
        }
        // bio_set_dev() without its last step, the association with the cgroup's queue: upon this
        // verdict device-mapper calls dm_submit_bio_remap() at once, which puts the association of
        // the bio that was cloned in place of any other. That one has one: a bio without cannot be
        // submitted (blk_cgroup_bio_start()).
        let bio = self.bio.0.raw_mut();
        let mut stale = bindings::FLAG_REMAPPED;
        if bio.bi_bdev != bdev {
            stale |= bindings::FLAG_BPS_THROTTLED;
        }
        bio.bi_flags &= !stale;
        bio.bi_bdev = bdev;
        bio.bi_iter.bi_sector = at.0;
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
