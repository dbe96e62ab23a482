// SPDX-License-Identifier: GPL-2.0-only

//! The volume: what is durable and lives as long as the mapped device, over every reload of its table.

mod hands;

pub(crate) use hands::VolumeWorker;

use kernel::{
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        atomic::{Acquire, Atomic, Full, Relaxed, Release},
        Arc, Mutex, SetOnce,
    },
};

use dm_remap_core::{
    engine::{Notice, State, Stats, Status as EngineStatus},
    health::keeper::Keeper,
    layout::Layout,
    map::{Counters, Map},
    mem::Shared,
    requests::Requests,
    snapshot::Snapshot,
    units::{BlockSize, Sector, SectorCount, SpareBlock},
};

use crate::{
    dm::{context::MdKey, device::BlockDevice, events::EventSink, queue::BioQueue},
    kernel_ext::{
        clock,
        memory::Boxed,
        published::Published,
        ratelimit::RateLimit,
        spinlock::{new_spinlock_irqsave, SpinLockIrq},
        sysfs::Directory,
        workqueue::{Work, Worker},
    },
    target::{
        notice,
        shape::Shape,
        table::Wishes,
        worker::{self, Core},
        Remap,
    },
};

/// What status, messages and sysfs tell: copied out after each batch, so that none of them waits for I/O.
#[derive(Clone, Copy)]
pub(crate) struct Summary {
    /// The area's own UUID; zeros before it is loaded.
    pub(crate) uuid: [u8; 16],
    /// What the map holds.
    pub(crate) counters: Counters,
    /// What may be changed.
    pub(crate) engine: EngineStatus,
    /// How often what happened.
    pub(crate) stats: Stats,
}

/// The per-device object.
#[pin_data]
pub(crate) struct Volume {
    key: MdKey,
    name: CString,
    shape: Shape,
    pub(crate) main: BlockDevice,
    pub(crate) spare: BlockDevice,
    /// The map as every I/O sees it.
    #[pin]
    pub(crate) map: Published<Snapshot>,
    /// Where the spare blocks lie; set once the area is loaded.
    layout: SetOnce<Shared<Layout>>,
    /// What waits for the worker.
    #[pin]
    pub(crate) queue: BioQueue<Remap>,
    /// What messages asked for.
    #[pin]
    pub(crate) requests: SpinLockIrq<Requests>,
    /// The worker's own: the engine, its buffers, the jobs of the batch.
    #[pin]
    pub(crate) core: Mutex<Boxed<Core>>,
    /// Scanner and health: a leaf lock, held for decisions alone, never over I/O.
    #[pin]
    pub(crate) keeper: Mutex<Boxed<Keeper>>,
    #[pin]
    summary: SpinLockIrq<Summary>,
    /// Device-mapper's event of whichever table is live.
    pub(crate) events: Arc<EventSink>,
    /// Of log lines that failing I/O may repeat, and of others.
    #[pin]
    pub(crate) often_limit: RateLimit,
    #[pin]
    pub(crate) rare_limit: RateLimit,
    /// The directory under /sys/block; held outside of what it shows.
    #[pin]
    pub(crate) directory: Mutex<Option<Directory<Worker<Volume>>>>,
    /// From postsuspend to preresume no I/O of ours reaches a device.
    suspended: Atomic<bool>,
    /// The map is not known to be right.
    map_failed: Atomic<bool>,
    /// Completed writes to the spare that were not made durable one by one.
    spare_writes: Atomic<u64>,
    /// How many of those a completed flush has covered.
    spare_flushed: Atomic<u64>,
    /// What the live table, or a message since, wishes.
    wishes: Atomic<u32>,
    /// Main took a write, which the engine wants to know of.
    main_took: Atomic<bool>,
    /// The way to main failed for a user, which the keeper wants to know of.
    way_failed: Atomic<bool>,
    /// A flush failed: the next flush fails, and so does the next FUA write.
    fail_next_flush: Atomic<bool>,
    fail_next_fua: Atomic<bool>,
    /// How many batches the worker has done, to tell whether it was idle.
    pub(crate) batches: Atomic<u64>,
}

impl Volume {
    /// A volume that is not loaded yet: an empty map, nothing read, nothing written.
    pub(crate) fn new(
        key: MdKey,
        name: &CStr,
        shape: Shape,
        main: BlockDevice,
        spare: BlockDevice,
    ) -> Result<Arc<Worker<Volume>>> {
        let (first, counters) = new_map(shape.block)?;
        let core = Core::new(shape.block)?;
        let keeper = new_keeper()?;
        let requests = Requests::new().map_err(|_| ENOMEM)?;
        let thread = CString::try_from_fmt(fmt!("dm-remap/{}", name))?;
        let name = CString::try_from(name)?;
        let events = Arc::pin_init(EventSink::of(&notice::EVENTS), GFP_KERNEL)?;
        let summary = Summary {
            uuid: [0; 16],
            counters,
            engine: EngineStatus {
                state: State::Ro,
                needs_check: false,
                storm: false,
                generation: 0,
                degraded: 0,
            },
            stats: Stats::default(),
        };
        Arc::pin_init(
            Worker::new(
                &thread,
                try_pin_init!(Volume {
                    key,
                    name,
                    shape,
                    main,
                    spare,
                    map <- Published::new(first),
                    layout: SetOnce::new(),
                    queue <- BioQueue::new(),
                    requests <- new_spinlock_irqsave!(requests, "dm-remap requests"),
                    core <- new_mutex!(core, "dm-remap core"),
                    keeper <- new_mutex!(keeper, "dm-remap keeper"),
                    summary <- new_spinlock_irqsave!(summary, "dm-remap summary"),
                    events,
                    often_limit <- RateLimit::new(),
                    rare_limit <- RateLimit::new(),
                    directory <- new_mutex!(None, "dm-remap directory"),
                    suspended: Atomic::new(true),
                    map_failed: Atomic::new(false),
                    spare_writes: Atomic::new(0u64),
                    spare_flushed: Atomic::new(0u64),
                    wishes: Atomic::new(0u32),
                    main_took: Atomic::new(false),
                    way_failed: Atomic::new(false),
                    fail_next_flush: Atomic::new(false),
                    fail_next_fua: Atomic::new(false),
                    batches: Atomic::new(0u64),
                }? Error),
            ),
            GFP_KERNEL,
        )
    }

    /// The mapped device it belongs to.
    pub(crate) fn key(&self) -> MdKey {
        self.key
    }

    /// The device's number, as log lines name it.
    #[inline(never)]
    pub(crate) fn name(&self) -> &CStr {
        &self.name
    }

    /// Its ranges and block size.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether the metadata has been read.
    pub(crate) fn is_loaded(&self) -> bool {
        self.layout.as_ref().is_some()
    }

    /// Where the spare blocks lie, once loaded.
    pub(crate) fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref().map(|layout| &**layout)
    }

    /// The area is loaded and lies so.
    pub(crate) fn set_layout(&self, layout: Shared<Layout>) {
        // Loaded once: a second layout would be the same.
        self.layout.populate(layout);
    }

    /// The sector of main for a sector of the target.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn on_main(&self, sector: Sector) -> Sector {
        Sector(sector.0.wrapping_add(self.shape.main_start.0))
    }

    /// The sector of the spare device for a sector of the spare area.
    #[inline]
    pub(crate) fn in_area(&self, sector: Sector) -> Sector {
        Sector(sector.0.wrapping_add(self.shape.spare_start.0))
    }

    /// The sector of the spare device `offset` sectors into a spare block.
    ///
    /// # Context
    ///
    /// Any.
    #[inline]
    pub(crate) fn on_spare(&self, block: SpareBlock, offset: u32) -> Option<Sector> {
        let start = self.layout.as_ref()?.spare_sector(block)?;
        Some(self.in_area(start.checked_add(SectorCount(u64::from(offset)))?))
    }

    /// What status, messages and sysfs tell.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn summary(&self) -> Summary {
        *self.summary.lock()
    }

    /// Makes the state of the engine known.
    pub(crate) fn set_summary(&self, summary: Summary) {
        self.map_failed
            .store(summary.engine.state == State::Fail, Relaxed);
        *self.summary.lock() = summary;
    }

    /// All I/O to remapped blocks fails.
    pub(crate) fn map_failed(&self) -> bool {
        self.map_failed.load(Relaxed)
    }

    /// Whether changes have to wait for a resume.
    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.load(Acquire)
    }

    /// From now on our own I/O may, or may not, reach the devices.
    pub(crate) fn set_suspended(&self, suspended: bool) {
        self.suspended.store(suspended, Release);
    }

    /// What the live table, or a message since, wishes.
    pub(crate) fn wishes(&self) -> Wishes {
        Wishes::unpack(self.wishes.load(Acquire))
    }

    /// Makes that known to the worker, which takes it up before its next batch.
    pub(crate) fn set_wishes(&self, wishes: Wishes) {
        self.wishes.store(wishes.pack(), Release);
    }

    /// A write to the spare completed: the next flush has to reach it.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn note_spare_write(&self) {
        self.spare_writes.fetch_add(1, Full);
    }

    /// The count of writes that a flush of the spare, begun now, will cover; `None` if there is nothing
    /// to flush: each completed write was covered by a flush that has ended.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn spare_unflushed(&self) -> Option<u64> {
        let writes = self.spare_writes.load(Acquire);
        (self.spare_flushed.load(Acquire) < writes).then_some(writes)
    }

    /// A flush of the spare ended well: what it covers needs none any more.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn spare_flushed(&self, covers: u64) {
        let mut seen = self.spare_flushed.load(Relaxed);
        while seen < covers {
            match self.spare_flushed.cmpxchg(seen, covers, Full) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
    }

    /// Whether main took a write since somebody last asked.
    pub(crate) fn take_main_took(&self) -> bool {
        self.main_took.load(Relaxed) && self.main_took.xchg(false, Full)
    }

    /// Whether the way to main failed since somebody last asked.
    pub(crate) fn take_way_failed(&self) -> bool {
        self.way_failed.load(Relaxed) && self.way_failed.xchg(false, Full)
    }

    /// A flush failed on either device: nobody may believe the next one, nor the next FUA write.
    ///
    /// # Context
    ///
    /// Any.
    pub(crate) fn flush_failed(&self) {
        self.fail_next_flush.store(true, Release);
        self.fail_next_fua.store(true, Release);
    }

    /// Whether this flush has to fail for an earlier one.
    pub(crate) fn take_flush_failure(&self) -> bool {
        self.fail_next_flush.load(Relaxed) && self.fail_next_flush.xchg(false, Full)
    }

    /// Whether this FUA write has to fail for an earlier flush.
    pub(crate) fn take_fua_failure(&self) -> bool {
        self.fail_next_fua.load(Relaxed) && self.fail_next_fua.xchg(false, Full)
    }

    /// Tells the administrator: an event and a line in the log.
    ///
    /// # Context
    ///
    /// Process context.
    pub(crate) fn notice(&self, notice: Notice) {
        notice::tell(self, notice);
    }
}

/// A map without entries. The frame is its own: the stack below it stays free.
#[inline(never)]
fn new_map(block: BlockSize) -> Result<(Arc<Snapshot>, Counters)> {
    let empty = Map::new(block, 0, 0, 0).map_err(|_| ENOMEM)?;
    let first = empty.snapshot(&[], &[]).map_err(|_| ENOMEM)?;
    Ok((Arc::new(first, GFP_KERNEL)?, empty.counters()))
}

/// A keeper of nothing yet. The frame is its own: it is large.
#[inline(never)]
fn new_keeper() -> Result<Boxed<Keeper>> {
    let place = Boxed::new_uninit(GFP_KERNEL)?;
    Ok(Boxed::write(place, Keeper::new(clock::real_seconds())))
}

impl Work for Volume {
    fn run(this: &Worker<Self>) {
        worker::run(this);
    }
}
