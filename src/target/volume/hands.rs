// SPDX-License-Identifier: GPL-2.0-only

//! What of the volume needs its worker: who hands it bios and news, and who waits for it.

use kernel::sync::atomic::{Acquire, Relaxed, Release};

use super::Volume;
use crate::{dm::bio::Bio, kernel_ext::workqueue::Worker, target::Remap};

/// What needs the worker itself.
pub(crate) trait VolumeWorker {
    /// Hands a bio to the worker.
    ///
    /// # Context
    ///
    /// Any.
    fn enqueue(&self, bio: Bio<Remap>);

    /// Main took a write, of which the published map wants word.
    ///
    /// # Context
    ///
    /// Any.
    fn tell_main_took(&self);

    /// The way to main failed for a user.
    ///
    /// # Context
    ///
    /// Any.
    fn tell_way_failed(&self);

    /// Waits until nothing is on its way: no bio at a device, none queued, the worker idle. New I/O
    /// must have been stopped.
    fn drain(&self);

    /// The last table is gone.
    fn retire(&self);
}

impl VolumeWorker for Worker<Volume> {
    fn enqueue(&self, bio: Bio<Remap>) {
        self.queue.push(bio);
        self.kick();
    }

    fn tell_main_took(&self) {
        if !self.main_took.load(Relaxed) {
            self.main_took.store(true, Release);
            self.kick();
        }
    }

    fn tell_way_failed(&self) {
        if !self.way_failed.load(Relaxed) {
            self.way_failed.store(true, Release);
            self.kick();
        }
    }

    fn drain(&self) {
        loop {
            let before = self.batches.load(Acquire);
            self.flush();
            // What a device completes from here on may come back to the queue, so look again.
            self.map.wait();
            self.flush();
            if self.batches.load(Acquire) == before && self.queue.is_empty() {
                return;
            }
        }
    }

    fn retire(&self) {
        // Outside of the lock: its drop waits for handlers that run.
        let directory = self.directory.lock().take();
        drop(directory);
        self.cancel_sync();
    }
}
