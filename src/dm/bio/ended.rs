// SPDX-License-Identifier: GPL-2.0-only

//! A bio in `end_io`.

use super::{Bio, BioRef, Call};
use crate::{
    bindings,
    dm::{status::Status, target::Target}, //
};
use core::{
    marker::PhantomData,
    mem,
    ops::{Deref, DerefMut},
    ptr::NonNull, //
};
use kernel::ffi;

/// What `end_io` says of its bio; only the bio itself makes it.
#[must_use]
pub(crate) struct EndIo<'a>(ffi::c_int, Status, Call<'a>);

impl EndIo<'_> {
    #[inline]
    pub(in super::super) fn code(&self) -> ffi::c_int {
        self.0
    }

    #[inline]
    pub(in super::super) fn status(&self) -> Status {
        self.1
    }
}

/// A bio in `end_io`: a device has completed it.
pub(crate) struct EndBio<'a, T: Target> {
    bio: Bio<T>,
    call: Call<'a>,
}

impl<'a, T: Target> EndBio<'a, T> {
    /// The bio.
    ///
    /// # Safety
    ///
    /// `bio` was just given to the end_io hook of a target of type `T`, whose map hook it went
    /// through. The result is used for the return value of that call alone.
    #[inline]
    pub(in super::super) unsafe fn from_raw(bio: NonNull<bindings::bio>) -> Self {
        Self {
            // SAFETY: by the safety requirements of this function; the map hook initialised the
            // data.
            bio: unsafe { Bio::<T>::from_raw(bio) },
            call: PhantomData,
        }
    }

    /// Whether its owner completed it: then there is nothing left to do, and nothing to ask.
    #[inline]
    pub(in super::super) fn was_completed(&self) -> bool {
        self.bio.0.record().target.is_null()
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
