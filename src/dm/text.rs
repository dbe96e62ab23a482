// SPDX-License-Identifier: GPL-2.0-only

//! Words that come in (table lines, messages) and text that goes out (status, replies).

use crate::bindings;
use core::{
    fmt,
    marker::PhantomData,
    slice, //
};
use kernel::{
    ffi,
    prelude::*, //
};

/// Views a C string. The standard way counts in a way that the compiler makes a panic of.
///
/// # Safety
///
/// `text` is a C string that lives and stays as it is for `'a`.
pub(super) unsafe fn c_str<'a>(text: *const ffi::c_char) -> &'a CStr {
    // SAFETY: by the safety requirements of this function.
    let len = unsafe { bindings::strlen(text) };
    // SAFETY: as above; the NUL follows.
    let bytes = unsafe { slice::from_raw_parts(text.cast(), len.wrapping_add(1)) };
    // SAFETY: the only NUL is the last byte.
    unsafe { CStr::from_bytes_with_nul_unchecked(bytes) }
}

/// The words of a table line or a message.
///
/// # Invariants
///
/// Each pointer is a C string that lives for `'a` and is not written to.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    words: &'a [*mut ffi::c_char],
}

impl<'a> Args<'a> {
    /// # Safety
    ///
    /// `argv` has `argc` C strings, which live and stay as they are for `'a`.
    pub(super) unsafe fn from_raw(argc: u32, argv: *mut *mut ffi::c_char) -> Self {
        if argc == 0 || argv.is_null() {
            return Self { words: &[] };
        }
        // INVARIANT: by the safety requirements of this function.
        Self {
            // SAFETY: as above.
            words: unsafe { slice::from_raw_parts(argv, argc as usize) },
        }
    }

    /// How many words there are.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The word at `index`, counted from 0.
    pub(crate) fn get(&self, index: usize) -> Option<&'a CStr> {
        let word = *self.words.get(index)?;
        // SAFETY: by the type invariant.
        Some(unsafe { c_str(word) })
    }

    /// The bytes of the word at `index`, without the NUL.
    pub(crate) fn bytes(&self, index: usize) -> Option<&'a [u8]> {
        // What a C string gives itself counts in a way that may panic.
        let (_, bytes) = self.get(index)?.to_bytes_with_nul().split_last()?;
        Some(bytes)
    }

    /// All words in order, as bytes.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.len()).filter_map(move |index| self.bytes(index))
    }
}

/// A buffer of device-mapper's that text is written to. What does not fit is cut: device-mapper
/// sees the full buffer and asks again with a larger one.
///
/// # Invariants
///
/// `buf` is valid for `size` bytes. `used` is below `size`, if that is not zero, and the byte at
/// `used` is NUL.
pub(crate) struct TextWriter<'a> {
    buf: *mut u8,
    size: usize,
    used: usize,
    _life: PhantomData<&'a mut [u8]>,
}

impl TextWriter<'_> {
    /// # Safety
    ///
    /// `buf` is valid for writes of `size` bytes, for the lifetime of the result, to nobody else.
    pub(crate) unsafe fn from_raw(buf: *mut ffi::c_char, size: u32) -> Self {
        let this = Self {
            buf: buf.cast(),
            size: size as usize,
            used: 0,
            _life: PhantomData,
        };
        this.terminate();
        this
    }

    fn terminate(&self) {
        if self.size > 0 {
            // SAFETY: `used` is below `size`.
            unsafe { self.buf.add(self.used).write(0) };
        }
    }

    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }
}

impl fmt::Write for TextWriter<'_> {
    #[inline(never)]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.size.saturating_sub(self.used).saturating_sub(1);
        let len = room.min(text.len());
        // SAFETY: `len` bytes and a NUL fit behind `used`, and `text` has as many.
        unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), self.buf.add(self.used), len) };
        self.used = self.used.wrapping_add(len);
        self.terminate();
        Ok(())
    }
}
