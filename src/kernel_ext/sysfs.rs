// SPDX-License-Identifier: GPL-2.0-only

//! Directories of attributes in sysfs.
//!
//! C headers: [`include/linux/kobject.h`](srctree/include/linux/kobject.h),
//! [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)

use super::noio::NoIo;
use crate::bindings;
use core::{
    fmt,
    marker::PhantomData,
    ptr::NonNull,
    slice, //
};
use kernel::{
    container_of,
    error::to_result,
    ffi,
    prelude::*,
    sync::{Arc, Completion},
    types::Opaque, //
};

/// How many files a directory may have.
const FILES_MAX: usize = 40;

/// One file of a directory.
#[derive(Clone, Copy)]
pub(crate) struct Attribute {
    /// The file's name.
    pub(crate) name: &'static CStr,
    /// The folder within the directory that it is in; files of one folder follow each other.
    pub(crate) folder: Option<&'static CStr>,
    /// Whether it can be written; all can be read by everybody.
    pub(crate) writable: bool,
}

/// The files of a directory and what is behind them.
pub(crate) trait Attributes: Send + Sync + 'static {
    /// The files. The position in this list tells [`Attributes::show`] which file is meant.
    const FILES: &'static [Attribute];

    /// Writes the value of the file at `index`, with its newline.
    ///
    /// # Context
    ///
    /// Process context, in a no-IO scope. Takes no lock that is held while a [`Directory`] of this
    /// object drops.
    fn show(&self, index: usize, out: &mut Page<'_>) -> Result;

    /// Takes what was written to the file at `index`.
    ///
    /// # Context
    ///
    /// As [`Attributes::show`].
    fn store(&self, _index: usize, _text: &[u8]) -> Result {
        Err(EIO)
    }
}

/// The page that a value is written to.
pub(crate) struct Page<'a> {
    bytes: &'a mut [u8],
    used: usize,
}

impl fmt::Write for Page<'_> {
    #[inline(never)]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used.checked_add(text.len()).ok_or(fmt::Error)?;
        let place = self.bytes.get_mut(self.used..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

/// A place in sysfs where a directory can be made.
///
/// # Invariants
///
/// The pointer is a kobject that is in sysfs and stays so for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Parent<'a> {
    kobj: NonNull<bindings::kobject>,
    _life: PhantomData<&'a ()>,
}

impl Parent<'_> {
    /// # Safety
    ///
    /// `kobj` is in sysfs, and stays so for the lifetime of the result.
    pub(crate) unsafe fn from_raw(kobj: NonNull<bindings::kobject>) -> Self {
        // INVARIANT: by the safety requirements of this function.
        Self {
            kobj,
            _life: PhantomData,
        }
    }
}

/// A directory of the files of `T`; dropping it removes it and waits for handlers that run.
///
/// It holds a reference to the object: an object that owned its own directory would never die.
pub(crate) struct Directory<T: Attributes> {
    inner: Pin<KBox<Inner<T>>>,
}

/// # Invariants
///
/// `kobj` is initialised with [`Inner::<T>::TYPE`] and in sysfs. `files` begins with one attribute
/// for each of `T::FILES`, in order, and does not move.
#[pin_data]
struct Inner<T: Attributes> {
    #[pin]
    kobj: Opaque<bindings::kobject>,
    files: [bindings::attribute; FILES_MAX],
    object: Arc<T>,
    #[pin]
    released: Completion,
}

// SAFETY: the kobject is handled by functions with their own locks; the attributes do not change.
unsafe impl<T: Attributes> Send for Directory<T> {}
// SAFETY: as above.
unsafe impl<T: Attributes> Sync for Directory<T> {}

impl<T: Attributes> Directory<T> {
    /// Makes the directory `name` with all files in it.
    ///
    /// # Context
    ///
    /// Process context.
    pub(crate) fn new(parent: Parent<'_>, name: &CStr, object: Arc<T>) -> Result<Self> {
        const {
            assert!(
                T::FILES.len() <= FILES_MAX,
                "too many files for a directory"
            )
        };
        let mut files = [const { pin_init::zeroed::<bindings::attribute>() }; FILES_MAX];
        for (attribute, file) in files.iter_mut().zip(T::FILES) {
            attribute.name = file.name.as_ptr().cast();
            attribute.mode = if file.writable { 0o644 } else { 0o444 };
            // SAFETY: it is a valid attribute, which only gets a lock class.
            unsafe { bindings::attr_init(attribute) };
        }
        let inner = KBox::pin_init(
            pin_init!(Inner {
                kobj: Opaque::zeroed(),
                files,
                object,
                released <- Completion::new(),
            }),
            GFP_KERNEL,
        )?;

        // From here on the kobject is alive, and the drop of `directory` takes it down.
        //
        // SAFETY: the kobject is zeroed and pinned; the parent is in sysfs by its invariant; the
        // name is a C string, and copied.
        let added = to_result(unsafe {
            bindings::kobject_init_and_add(
                inner.kobj.get(),
                &Inner::<T>::TYPE.0,
                parent.kobj.as_ptr(),
                c"%s".as_ptr().cast(),
                name.as_ptr(),
            )
        });
        let directory = Directory { inner };
        added?;
        let mut folder = None;
        for (file, of) in directory.inner.files.iter().zip(T::FILES) {
            let begins = folder != of.folder;
            folder = of.folder;
            // SAFETY: the kobject is in sysfs; the attribute lives until it was taken out again.
            unsafe { add(directory.inner.kobj.get(), file, folder, begins)? };
        }
        Ok(directory)
    }

    /// This directory as the place of another one, which must drop before it: the drop of this one
    /// waits for that.
    pub(crate) fn as_parent(&self) -> Parent<'_> {
        // SAFETY: a kobject's address is not null.
        let kobj = unsafe { NonNull::new_unchecked(self.inner.kobj.get()) };
        // SAFETY: it is in sysfs as long as the directory lives, which the lifetime borrows.
        unsafe { Parent::from_raw(kobj) }
    }
}

/// Puts a file into a directory, or into a folder of it, which is made if it begins with this file. What is
/// in there goes with the directory.
///
/// # Safety
///
/// `kobj` is in sysfs, and `file` stays as long as it is.
unsafe fn add(
    kobj: *mut bindings::kobject,
    file: &bindings::attribute,
    folder: Option<&CStr>,
    begins: bool,
) -> Result {
    let Some(folder) = folder else {
        // SAFETY: by the safety requirements of this function.
        return to_result(unsafe {
            bindings::sysfs_create_file_ns(kobj, file, core::ptr::null_mut())
        });
    };
    if !begins {
        // SAFETY: by the safety requirements of this function; the folder is there, by its first file.
        return to_result(unsafe {
            bindings::sysfs_add_file_to_group(kobj, file, folder.as_ptr().cast())
        });
    }
    let mut files = [core::ptr::from_ref(file).cast_mut(), core::ptr::null_mut()];
    let mut group: bindings::attribute_group = pin_init::zeroed();
    group.name = folder.as_ptr().cast();
    group.__bindgen_anon_2.attrs = files.as_mut_ptr();
    // SAFETY: by the safety requirements of this function. The list ends with a null; it and the group are only
    // read, and only now.
    to_result(unsafe { bindings::sysfs_create_group(kobj, &group) })
}

impl<T: Attributes> Drop for Directory<T> {
    fn drop(&mut self) {
        let kobj = self.inner.kobj.get();
        // SAFETY: the kobject is initialised. This removes the files and waits for handlers.
        unsafe { bindings::kobject_del(kobj) };
        // SAFETY: it gives back the reference of the initialisation, once.
        unsafe { bindings::kobject_put(kobj) };
        // Others may hold a reference for a moment, and the memory and this code must stay.
        self.inner.released.wait_for_completion();
    }
}

/// A kobject type in a static place.
#[repr(transparent)]
struct KobjType(bindings::kobj_type);

// SAFETY: it is only read.
unsafe impl Sync for KobjType {}

impl<T: Attributes> Inner<T> {
    const OPS: bindings::sysfs_ops = bindings::sysfs_ops {
        show: Some(Self::show),
        store: Some(Self::store),
    };

    const TYPE: &'static KobjType = &KobjType(bindings::kobj_type {
        release: Some(Self::release),
        sysfs_ops: &Self::OPS,
        ..pin_init::zeroed()
    });

    /// # Safety
    ///
    /// `kobj` is the kobject of an `Inner<T>`.
    unsafe fn from_kobj<'a>(kobj: *mut bindings::kobject) -> &'a Self {
        let kobj = Opaque::cast_from(kobj.cast_const());
        // SAFETY: by the safety requirements of this function.
        let inner = unsafe { container_of!(kobj, Self, kobj) };
        // SAFETY: it lives until `release` has run, and is only shared.
        unsafe { &*inner }
    }

    fn index(&self, attr: *const bindings::attribute) -> usize {
        let offset = (attr as usize).wrapping_sub(self.files.as_ptr() as usize);
        offset
            .checked_div(size_of::<bindings::attribute>())
            .unwrap_or(usize::MAX)
    }

    /// # Safety
    ///
    /// Called by sysfs for a file of a live directory of this type; `buf` is a page.
    unsafe extern "C" fn show(
        kobj: *mut bindings::kobject,
        attr: *mut bindings::attribute,
        buf: *mut ffi::c_char,
    ) -> isize {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let this = unsafe { Self::from_kobj(kobj) };
        // SAFETY: sysfs hands out a page for the result.
        let bytes = unsafe { slice::from_raw_parts_mut(buf.cast(), bindings::PAGE_SIZE) };
        let mut page = Page { bytes, used: 0 };
        match this.object.show(this.index(attr), &mut page) {
            Ok(()) => page.used as isize,
            Err(error) => error.to_errno() as isize,
        }
    }

    /// # Safety
    ///
    /// Called by sysfs for a file of a live directory of this type; `buf` has `len` bytes.
    unsafe extern "C" fn store(
        kobj: *mut bindings::kobject,
        attr: *mut bindings::attribute,
        buf: *const ffi::c_char,
        len: usize,
    ) -> isize {
        let _noio = NoIo::enter();
        // SAFETY: by the safety requirements of this function.
        let this = unsafe { Self::from_kobj(kobj) };
        // SAFETY: sysfs hands in `len` bytes.
        let text = unsafe { slice::from_raw_parts(buf.cast(), len) };
        match this.object.store(this.index(attr), text) {
            Ok(()) => len as isize,
            Err(error) => error.to_errno() as isize,
        }
    }

    /// # Safety
    ///
    /// Called once, when the last reference to the kobject of an `Inner<T>` is gone.
    unsafe extern "C" fn release(kobj: *mut bindings::kobject) {
        // SAFETY: by the safety requirements of this function; the memory waits for what follows.
        unsafe { Self::from_kobj(kobj) }.released.complete_all();
    }
}
