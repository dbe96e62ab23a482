// SPDX-License-Identifier: GPL-2.0-only

//! The target: about what dm-linear is, and a failed read is tried once more by a worker.

use super::dm::{
    bio::{BioOp, EndBio, EndIo, Map, MapBio},
    context::{Ctr, Device, TargetInfo},
    device::BlockDevice,
    events::EventSink,
    io::{IoBuffer, IoContext, IoFlags},
    queue::BioQueue,
    registration::Visitor,
    status::Status,
    target::{Features, Forward, StatusKind, Target},
    text::{Args, TextWriter}, //
};
use super::kernel_ext::{
    published::Published,
    srcu::Token,
    sysfs::{Attribute, Attributes, Directory, Page},
    workqueue::{Work, Worker}, //
};
use super::units::{Sector, SectorCount};
use core::fmt::Write;
use kernel::{
    new_mutex,
    prelude::*,
    str::kstrtobool,
    sync::{Arc, Mutex}, //
};

/// What outlives no table here, but works like what does.
#[pin_data]
pub(crate) struct Object {
    device: Device,
    start: Sector,
    backing: BlockDevice,
    counters: Arc<Counters>,
    events: Arc<EventSink>,
    #[pin]
    failed: BioQueue<Linear>,
    #[pin]
    own: Mutex<Own>,
    /// Read by every map, replaced by each message: the readers must never see a freed one.
    #[pin]
    stamp: Published<u64>,
}

/// The worker's own.
struct Own {
    io: IoContext,
    buf: IoBuffer,
}

#[pin_data]
pub(crate) struct Counters {
    #[pin]
    retried: Mutex<u64>,
}

impl Attributes for Counters {
    const FILES: &'static [Attribute] = &[Attribute {
        folder: None,
        name: c"retried",
        writable: true,
    }];

    fn show(&self, _index: usize, out: &mut Page<'_>) -> Result {
        writeln!(out, "{}", *self.retried.lock()).map_err(|_| EIO)
    }

    fn store(&self, _index: usize, text: &[u8]) -> Result {
        if text != b"0\n" {
            return Err(EINVAL);
        }
        *self.retried.lock() = 0;
        Ok(())
    }
}

#[pin_data]
pub(crate) struct Data {
    object: Arc<Worker<Object>>,
    #[pin]
    directory: Mutex<Option<Directory<Counters>>>,
}

#[derive(Default)]
pub(crate) struct PerBio {
    reader: Option<Token>,
    retried: bool,
}

impl Work for Object {
    fn run(this: &Worker<Self>) {
        let mut failed = this.failed.take_all();
        while let Some(mut bio) = failed.pop() {
            let mut retried = this.counters.retried.lock();
            *retried = retried.wrapping_add(1);
            drop(retried);
            this.events.raise(0);
            // Small reads by ourselves, others by sending the bio again.
            let len = bio.len().0 as u32;
            let at = Sector(this.start.0.wrapping_add(bio.sector().0));
            let mut own = this.own.lock();
            let Own { io, buf } = &mut *own;
            if len <= buf.len_sectors() {
                let flags = IoFlags::NOMERGE.or(IoFlags::SYNC);
                let mut status = io.read(&this.backing, at, buf, 0, len, flags);
                let copied = status.is_ok()
                    && buf
                        .sectors(0, len)
                        .is_some_and(|bytes| bio.copy_from(0, bytes));
                if status.is_ok() && !copied {
                    status = Status::INVAL;
                }
                bio.complete(status);
            } else {
                bio.resubmit(this.device, at);
            }
        }
    }
}

pub(crate) struct Linear;

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |sum, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(digit.into())
    })
}

#[vtable]
impl Target for Linear {
    const NAME: &'static CStr = c"linear-test";
    const VERSION: [u32; 3] = [1, 0, 0];
    const FEATURES: Features = Features::NOWAIT;
    type Shared = ();
    type Data = Data;
    type PerBio = PerBio;

    fn ctr(ti: &mut Ctr<'_, Self>, args: Args<'_>) -> Result<Pin<KBox<Data>>> {
        let (Some(path), Some(start), 2) = (args.get(0), args.bytes(1), args.len()) else {
            ti.set_error(c"want <device> <start>");
            return Err(EINVAL);
        };
        let Some(start) = number(start).map(Sector) else {
            ti.set_error(c"the start is not a number");
            return Err(EINVAL);
        };
        let device = ti.device(path).inspect_err(|_| {
            ti.set_error(c"the device cannot be opened");
        })?;
        let info = ti.info(device).ok_or(ENODEV)?;
        let end = start.checked_add(ti.len()).ok_or(EINVAL)?;
        if end.0 > info.sectors().0 {
            ti.set_error(c"the device is too small");
            return Err(EINVAL);
        }
        ti.set_num_flush_bios(1);
        ti.set_discards(true);
        ti.set_write_zeroes(true);

        let backing = ti.open(device)?;
        let counters = Arc::pin_init(pin_init!(Counters { retried <- new_mutex!(0) }), GFP_KERNEL)?;
        let events = Arc::pin_init(EventSink::of(&[c"DM_LINEAR_TEST=retried"]), GFP_KERNEL)?;
        let own = Own {
            io: IoContext::new()?,
            buf: IoBuffer::new(64)?,
        };
        let stamp = Arc::new(0, GFP_KERNEL)?;
        let object = Arc::pin_init(
            Worker::new(
                c"dm-remap-linear",
                try_pin_init!(Object {
                    device,
                    start,
                    backing,
                    counters,
                    events,
                    failed <- BioQueue::new(),
                    own <- new_mutex!(own),
                    stamp <- Published::new(stamp),
                }? Error),
            ),
            GFP_KERNEL,
        )?;
        KBox::pin_init(
            pin_init!(Data { object, directory <- new_mutex!(None) }),
            GFP_KERNEL,
        )
    }

    fn map<'a>(data: &Data, _ti: TargetInfo<'_>, mut bio: MapBio<'a, Self>) -> Map<'a> {
        let reader = data.object.stamp.read();
        bio.data_mut().reader = Some(reader.into_token());
        let at = Sector(data.object.start.0.wrapping_add(bio.sector().0));
        bio.remap(data.object.device, at)
    }

    fn end_io<'a>(
        data: &Data,
        _ti: TargetInfo<'_>,
        mut bio: EndBio<'a, Self>,
        status: Status,
    ) -> EndIo<'a> {
        if let Some(token) = bio.data_mut().reader.take() {
            data.object.stamp.leave(token);
        }
        let again = !status.is_ok() && bio.op() == BioOp::Read && !bio.data().retried;
        if !again {
            return bio.done(status);
        }
        bio.data_mut().retried = true;
        let (bio, verdict) = bio.defer();
        data.object.failed.push(bio);
        data.object.kick();
        verdict
    }

    fn postsuspend(data: &Data, _ti: TargetInfo<'_>) {
        data.object.flush();
        // The next table resumes before this one is destroyed, and makes its own.
        let directory = data.directory.lock().take();
        drop(directory);
    }

    fn resume(data: &Data, ti: TargetInfo<'_>) {
        ti.attach_events(&data.object.events);
        let counters = data.object.counters.clone();
        let directory = Directory::new(ti.sysfs_parent(), c"linear-test", counters).ok();
        *data.directory.lock() = directory;
    }

    fn status(data: &Data, ti: TargetInfo<'_>, kind: StatusKind, out: &mut TextWriter<'_>) {
        let _ = match (kind, ti.table_device_name(data.object.device)) {
            (StatusKind::Info, _) => write!(out, "{}", *data.object.counters.retried.lock()),
            (StatusKind::Table, Some(name)) => {
                write!(
                    out,
                    "{} {}",
                    name.to_str().unwrap_or("?"),
                    data.object.start.0
                )
            }
            _ => Ok(()),
        };
    }

    fn message(
        data: &Data,
        _ti: TargetInfo<'_>,
        args: Args<'_>,
        reply: &mut TextWriter<'_>,
    ) -> Result {
        // Anything but "stamp <whether to wait>" is refused.
        let (Some(b"stamp"), Some(wait), 2) = (args.bytes(0), args.get(1), args.len()) else {
            return Err(EINVAL);
        };
        let wait = kstrtobool(wait)?;
        let next = data.object.stamp.read().wrapping_add(1);
        data.object.stamp.publish(Arc::new(next, GFP_KERNEL)?);
        if wait {
            data.object.stamp.wait();
        }
        write!(reply, "{next}").map_err(|_| EIO)
    }

    fn iterate_devices(data: &Data, ti: TargetInfo<'_>, visit: &mut Visitor<'_>) {
        visit.device(data.object.device, data.object.start, ti.len());
    }

    fn prepare_ioctl(data: &Data, ti: TargetInfo<'_>) -> Forward {
        let whole = data.object.backing.info().sectors() == SectorCount(ti.len().0);
        if whole && data.object.start == Sector(0) {
            Forward::Whole(data.object.device)
        } else {
            Forward::Part(data.object.device)
        }
    }
}
