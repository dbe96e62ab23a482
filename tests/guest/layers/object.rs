// SPDX-License-Identifier: GPL-2.0-only

//! What the cases work on: values that tell when they go, and a worker that ends other threads' readers.

use super::kernel_ext::{
    published::Published,
    spinlock::{new_spinlock_irqsave, SpinLockIrq},
    srcu::Token,
    workqueue::{Work, Worker}, //
};
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A number that many hold.
pub(crate) struct Count(AtomicU32);

impl Count {
    pub(crate) fn new() -> Result<Arc<Count>> {
        Ok(Arc::new(Count(AtomicU32::new(0)), GFP_KERNEL)?)
    }

    pub(crate) fn up(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(SeqCst)
    }
}

/// A value that counts when it drops.
pub(crate) struct Tracked {
    pub(crate) value: u32,
    gone: Arc<Count>,
}

impl Tracked {
    pub(crate) fn new(value: u32, gone: &Arc<Count>) -> Result<Arc<Tracked>> {
        let gone = gone.clone();
        Ok(Arc::new(Tracked { value, gone }, GFP_KERNEL)?)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.gone.up();
    }
}

/// Works for the cases: counts its runs, and lets a reader leave that another thread has entered.
#[pin_data]
pub(crate) struct Object {
    #[pin]
    pub(crate) cell: Published<Tracked>,
    #[pin]
    pub(crate) token: SpinLockIrq<Option<Token>>,
    pub(crate) runs: Arc<Count>,
    inside: AtomicU32,
    pub(crate) overlaps: Arc<Count>,
}

impl Object {
    pub(crate) fn new(gone: &Arc<Count>, runs: &Arc<Count>) -> Result<Arc<Worker<Object>>> {
        let first = Tracked::new(1, gone)?;
        let (runs, overlaps) = (runs.clone(), Count::new()?);
        Arc::pin_init(
            Worker::new(
                c"dm-remap-layers",
                try_pin_init!(Object {
                    cell <- Published::new(first),
                    token <- new_spinlock_irqsave!(None, "dm-remap layers token"),
                    runs,
                    inside: AtomicU32::new(0),
                    overlaps,
                }? Error),
            ),
            GFP_KERNEL,
        )
    }
}

impl Work for Object {
    fn run(this: &Worker<Self>) {
        if this.inside.swap(1, SeqCst) != 0 {
            this.overlaps.up();
        }
        this.runs.up();
        let token = this.token.lock().take();
        if let Some(token) = token {
            this.cell.leave(token);
        }
        this.inside.store(0, SeqCst);
    }
}
