// SPDX-License-Identifier: GPL-2.0-only

//! I/O of a target's own, waited for, with the block layer's exact statuses.
//!
//! C header: [`include/linux/bio.h`](srctree/include/linux/bio.h)

mod buffer;

pub(crate) use buffer::IoBuffer;

use super::{device::BlockDevice, status::Status};
use crate::bindings;
use core::{
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, Ordering}, //
};
use dm_remap_core::units::{Sector, SECTOR_BYTES};
use kernel::{
    error::to_result,
    prelude::*,
    sync::Completion,
    types::Opaque, //
};
use pin_init::stack_pin_init;

/// How many writes [`IoContext::write_many`] sends at once.
pub(crate) const WRITES_MAX: usize = 8;

/// The smallest page: what no architecture has smaller.
const PAGE_BYTES: usize = 4096;

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoFlags(u32);

impl IoFlags {
    /// As it comes.
    pub(crate) const NONE: Self = Self(0);
    /// It is on the medium when it completes. Of no meaning, and dropped, on a read.
    pub(crate) const FUA: Self = Self(1 << bindings::req_flag_bits___REQ_FUA);
    /// A request of its own: no neighbour shares its fate.
    pub(crate) const NOMERGE: Self = Self(1 << bindings::req_flag_bits___REQ_NOMERGE);
    /// It is metadata.
    pub(crate) const META: Self = Self(1 << bindings::req_flag_bits___REQ_META);
    /// Somebody waits for it. All I/O of this module is so already.
    pub(crate) const SYNC: Self = Self(1 << bindings::req_flag_bits___REQ_SYNC);

    /// Both.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// The reserve that a context's bios come from.
///
/// # Invariants
///
/// `set` is initialised, with a reserve of [`WRITES_MAX`] bios, and pinned.
#[pin_data(PinnedDrop)]
struct BioSet {
    #[pin]
    set: Opaque<bindings::bio_set>,
}

// SAFETY: a bio set may be used and destroyed by any thread.
unsafe impl Send for BioSet {}
// SAFETY: as above.
unsafe impl Sync for BioSet {}

#[pinned_drop]
impl PinnedDrop for BioSet {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: initialised by the type invariant; all its bios were put.
        unsafe { bindings::bioset_exit(self.set.get()) };
    }
}

/// One thread's I/O.
///
/// All methods take it mutably and put their bios before they return. So no more bios are out than
/// the reserve holds, and each request can begin, whatever state the machine's memory is in.
pub(crate) struct IoContext {
    set: Pin<KBox<BioSet>>,
}

impl IoContext {
    /// A context with its reserve.
    ///
    /// # Context
    ///
    /// Process context, while nothing waits for I/O of the caller.
    pub(crate) fn new() -> Result<Self> {
        let set = KBox::try_pin_init(
            try_pin_init!(BioSet {
                // INVARIANT: initialised here; the field is structurally pinned.
                set <- Opaque::try_ffi_init(|set| {
                    // SAFETY: `set` is valid for writes and stays where it is. The function wants
                    // it zeroed.
                    unsafe { ptr::write_bytes(set, 0, 1) };
                    // SAFETY: as above.
                    to_result(unsafe {
                        bindings::bioset_init(
                            set,
                            WRITES_MAX as u32,
                            0,
                            bindings::BIOSET_NEED_BVECS as i32,
                        )
                    })
                }),
            }? Error),
            GFP_KERNEL,
        )?;
        Ok(Self { set })
    }

    /// Reads `len` sectors at `at` to sector `offset` of `buf`.
    ///
    /// # Context
    ///
    /// Process context, not in `map`.
    pub(crate) fn read(
        &mut self,
        dev: &BlockDevice,
        at: Sector,
        buf: &mut IoBuffer,
        offset: u32,
        len: u32,
        flags: IoFlags,
    ) -> Status {
        let Some(bytes) = buf.sectors_mut(offset, len) else {
            return Status::INVAL;
        };
        let (start, size) = (bytes.as_mut_ptr(), bytes.len());
        let flags = flags.without(IoFlags::FUA);
        let op = bindings::req_op_REQ_OP_READ | flags.0;
        // SAFETY: nobody else uses the bytes while they are borrowed mutably.
        let bio = match unsafe { OwnBio::new(&self.set, dev, op, at, start, size) } {
            Ok(bio) => bio,
            Err(status) => return status,
        };
        let status = bio.submit_and_wait();
        // SAFETY: the bytes are valid, and the device has finished with them.
        unsafe { bindings::buf_read_done(start.cast(), size as u32) };
        status
    }

    /// Writes `len` sectors, from sector `offset` of `buf`, at `at`.
    ///
    /// # Context
    ///
    /// Process context, not in `map`.
    pub(crate) fn write(
        &mut self,
        dev: &BlockDevice,
        at: Sector,
        buf: &IoBuffer,
        offset: u32,
        len: u32,
        flags: IoFlags,
    ) -> Status {
        let Some(bytes) = buf.sectors(offset, len) else {
            return Status::INVAL;
        };
        let op = bindings::req_op_REQ_OP_WRITE | flags.0;
        let start = bytes.as_ptr().cast_mut();
        // SAFETY: the bytes are only read, and borrowed until the bio has completed.
        match unsafe { OwnBio::new(&self.set, dev, op, at, start, bytes.len()) } {
            Ok(bio) => bio.submit_and_wait(),
            Err(status) => status,
        }
    }

    /// Makes all that was written before durable.
    ///
    /// # Context
    ///
    /// Process context, not in `map`.
    pub(crate) fn flush(&mut self, dev: &BlockDevice) -> Status {
        let op = bindings::req_op_REQ_OP_WRITE | 1 << bindings::req_flag_bits___REQ_PREFLUSH;
        // SAFETY: it carries no data.
        match unsafe { OwnBio::new(&self.set, dev, op, Sector(0), ptr::null_mut(), 0) } {
            Ok(bio) => bio.submit_and_wait(),
            Err(status) => status,
        }
    }

    /// Writes the same `len` sectors, from sector `offset` of `buf`, at each of `places` at once,
    /// and waits for all. A place past [`WRITES_MAX`] is not written; a status without a place is
    /// OK.
    ///
    /// # Context
    ///
    /// Process context, not in `map`.
    pub(crate) fn write_many(
        &mut self,
        dev: &BlockDevice,
        places: &[Sector],
        buf: &IoBuffer,
        offset: u32,
        len: u32,
        flags: IoFlags,
    ) -> [Status; WRITES_MAX] {
        let mut statuses = [Status::OK; WRITES_MAX];
        let Some(bytes) = buf.sectors(offset, len) else {
            return [Status::INVAL; WRITES_MAX];
        };
        let op = bindings::req_op_REQ_OP_WRITE | flags.0;
        let start = bytes.as_ptr().cast_mut();

        let mut bios = [const { None }; WRITES_MAX];
        for ((bio, status), &at) in bios.iter_mut().zip(&mut statuses).zip(places) {
            // SAFETY: the bytes are only read, and borrowed until all bios have completed.
            match unsafe { OwnBio::new(&self.set, dev, op, at, start, bytes.len()) } {
                Ok(new) => *bio = Some(new),
                Err(error) => *status = error,
            }
        }
        submit_and_wait_all(&mut bios);
        for (bio, status) in bios.iter().zip(&mut statuses) {
            if let Some(bio) = bio {
                *status = bio.status();
            }
        }
        statuses
    }
}

/// A bio of ours: put when it drops.
///
/// # Invariants
///
/// It is from a live bio set and not in flight, except inside the functions that wait for it.
struct OwnBio(NonNull<bindings::bio>);

impl OwnBio {
    /// # Safety
    ///
    /// The `len` bytes at `start` are valid until the bio was completed, for reads, and for a read
    /// request for writes. They are kmalloc's or vmalloc's, the latter from a page's start if they
    /// do not fit one page. More than
    /// [`buffer::TRANSFER_SECTORS_MAX`] sectors are refused.
    unsafe fn new(
        set: &BioSet,
        dev: &BlockDevice,
        opf: u32,
        at: Sector,
        start: *mut u8,
        len: usize,
    ) -> Result<Self, Status> {
        if len > buffer::TRANSFER_SECTORS_MAX as usize * SECTOR_BYTES {
            return Err(Status::INVAL);
        }
        let segments = len
            .div_ceil(PAGE_BYTES)
            .saturating_add(usize::from(len != 0));
        let segments = segments.min(bindings::BIO_MAX_VECS as usize) as u16;
        // SAFETY: the set is initialised by its invariant, and the device is open.
        let bio = unsafe {
            bindings::bio_alloc_bioset(
                dev.as_ptr(),
                segments,
                opf,
                bindings::GFP_NOIO,
                set.set.get(),
            )
        };
        let Some(mut bio) = NonNull::new(bio) else {
            return Err(Status::RESOURCE);
        };
        // SAFETY: it was just made, for us alone.
        unsafe { bio.as_mut() }.bi_iter.bi_sector = at.0;
        // INVARIANT: from the set, and not submitted.
        let this = Self(bio);
        // SAFETY: the bytes are as the function wants them, by the safety requirements of this
        // one. They are at most 1 MiB: nothing is cut.
        if len != 0 && !unsafe { bindings::bio_add(bio.as_ptr(), start.cast(), len as u32) } {
            return Err(Status::RESOURCE);
        }
        Ok(this)
    }

    fn status(&self) -> Status {
        // SAFETY: the bio is ours, and not in flight.
        Status::from_code(unsafe { self.0.as_ref() }.bi_status)
    }

    fn submit_and_wait(self) -> Status {
        // What it returns is an errno; the status stays in the bio.
        //
        // SAFETY: the bio is ours, whole and not in flight.
        let _ = unsafe { bindings::submit_bio_wait(self.0.as_ptr()) };
        self.status()
    }
}

impl Drop for OwnBio {
    fn drop(&mut self) {
        // SAFETY: by the type invariant it is not in flight, and ours.
        unsafe { bindings::bio_put(self.0.as_ptr()) };
    }
}

/// What bios in flight together count down.
#[pin_data]
struct Batch {
    pending: AtomicU32,
    #[pin]
    done: Completion,
}

/// Sends all bios at once and returns when none is in flight any more.
fn submit_and_wait_all(bios: &mut [Option<OwnBio>]) {
    let count = bios.iter().flatten().fold(0u32, |n, _| n.saturating_add(1));
    if count == 0 {
        return;
    }
    stack_pin_init!(let batch = pin_init!(Batch {
        pending: AtomicU32::new(count),
        done <- Completion::new(),
    }));
    for bio in bios.iter_mut().flatten() {
        // SAFETY: the bio is ours and not in flight.
        let raw = unsafe { bio.0.as_mut() };
        raw.bi_private = ptr::from_ref(&*batch).cast_mut().cast();
        raw.bi_end_io = Some(ended);
        raw.bi_opf |= IoFlags::SYNC.0;
        // SAFETY: the bio is whole, and `batch` waits for it before anything goes.
        unsafe { bindings::submit_bio(bio.0.as_ptr()) };
    }
    batch.done.wait_for_completion();
}

/// # Safety
///
/// Called by the block layer for a bio that [`submit_and_wait_all`] sent.
unsafe extern "C" fn ended(bio: *mut bindings::bio) {
    // SAFETY: by the safety requirements of this function.
    let batch = unsafe { (*bio).bi_private }.cast::<Batch>();
    // SAFETY: the batch waits for all its bios.
    let batch = unsafe { &*batch };
    if batch.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
        batch.done.complete_all();
    }
}
