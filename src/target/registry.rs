// SPDX-License-Identifier: GPL-2.0-only

//! Which volumes there are: one for each mapped device, none overlapping another.
//!
//! All device-mapper devices share one claim on a disk, so the kernel does not keep two of them off the
//! same sectors; this does. A reload finds the volume of its device here and adopts it.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex},
};

use dm_remap_core::{
    mem::Buf,
    units::{BlockSize, SectorCount},
};

use crate::{
    dm::context::MdKey,
    kernel_ext::workqueue::Worker,
    target::{
        shape::{Conflict, Shape},
        volume::{Volume, VolumeWorker},
    },
};

/// The volumes of this module.
#[pin_data]
pub(crate) struct Registry {
    #[pin]
    entries: Mutex<Buf<Entry>>,
}

/// One volume, and how many tables hold it.
struct Entry {
    volume: Arc<Worker<Volume>>,
    tables: usize,
    /// With the longest ranges that its tables had: nobody else may have them.
    shape: Shape,
    /// The length of the longest table that was resumed.
    len: SectorCount,
    /// Its area's own UUID, once that is known.
    area: Option<[u8; 16]>,
}

/// A table's share of a volume. The last one dropped retires the volume.
pub(crate) struct Lease {
    registry: Arc<Registry>,
    volume: Arc<Worker<Volume>>,
}

impl Registry {
    /// An empty registry.
    pub(crate) fn new() -> Result<Arc<Registry>> {
        Arc::pin_init(
            pin_init!(Registry {
                entries <- new_mutex!(Buf::new(), "dm-remap registry"),
            }),
            GFP_KERNEL,
        )
    }

    /// The volume for a table of device `key` with this shape: the one that is live, or a new one.
    ///
    /// A volume that was never loaded is no obstacle to another shape on the same device: its table was
    /// never resumed, and goes when this one takes its place.
    pub(crate) fn lease(
        self: &Arc<Self>,
        key: MdKey,
        shape: &Shape,
        make: impl FnOnce() -> Result<Arc<Worker<Volume>>>,
    ) -> Result<Lease, Refusal> {
        if let Some(lease) = self.enter(key, shape, None)? {
            return Ok(lease);
        }
        // Without the lock: a resume takes it while I/O waits, and a new thread may wait for that I/O.
        let volume = make().map_err(Refusal::Errno)?;
        let lease = self.enter(key, shape, Some(volume))?;
        lease.ok_or(Refusal::Shape)
    }

    /// A share of the volume of device `key` that admits this shape, or else of `new`, if there is one.
    fn enter(
        self: &Arc<Self>,
        key: MdKey,
        shape: &Shape,
        new: Option<Arc<Worker<Volume>>>,
    ) -> Result<Option<Lease>, Refusal> {
        let mut entries = self.entries.lock();
        let mut own = None;
        for (i, entry) in entries.as_slice().iter().enumerate() {
            if entry.volume.key() != key {
                if let Some(conflict) = entry.shape.conflict(shape) {
                    return Err(Refusal::Overlap(conflict));
                }
            } else if entry.admits(shape) {
                own = Some(i);
            } else if entry.volume.is_loaded() {
                return Err(Refusal::Shape);
            }
        }
        let volume = if let Some(entry) = own.and_then(|i| entries.as_mut_slice().get_mut(i)) {
            entry.tables = entry.tables.saturating_add(1);
            entry.shape.cover(shape);
            entry.volume.clone()
        } else {
            let Some(volume) = &new else {
                return Ok(None);
            };
            let entry = Entry {
                volume: volume.clone(),
                tables: 1,
                shape: *shape,
                len: shape.len,
                area: None,
            };
            entries.push(entry).map_err(|_| Refusal::Errno(ENOMEM))?;
            volume.clone()
        };
        Ok(Some(Lease {
            registry: self.clone(),
            volume,
        }))
    }

    /// The block size of the live volume of device `key`, if there is one.
    pub(crate) fn live_block(&self, key: MdKey) -> Option<BlockSize> {
        let entries = self.entries.lock();
        let live = entries
            .as_slice()
            .iter()
            .find(|e| e.volume.key() == key && e.volume.is_loaded())?;
        Some(live.volume.shape().block)
    }

    /// Gives one share back; true if it was the last one, and the volume is out of the registry.
    fn release(&self, volume: &Arc<Worker<Volume>>) -> bool {
        let mut entries = self.entries.lock();
        let Some(index) = entries
            .as_slice()
            .iter()
            .position(|e| Arc::ptr_eq(&e.volume, volume))
        else {
            return false;
        };
        if let Some(entry) = entries.as_mut_slice().get_mut(index) {
            entry.tables = entry.tables.saturating_sub(1);
            if entry.tables > 0 {
                return false;
            }
        }
        entries.remove(index).is_some()
    }
}

/// Why there is no volume for a table.
pub(crate) enum Refusal {
    /// The device is live with other devices, ranges or another block size.
    Shape,
    /// A range is another device's.
    Overlap(Conflict),
    /// The volume could not be made.
    Errno(Error),
}

impl core::ops::Deref for Lease {
    type Target = Worker<Volume>;

    #[inline]
    fn deref(&self) -> &Worker<Volume> {
        &self.volume
    }
}

impl Lease {
    /// Claims the area with this UUID; false if another volume has it, by whatever way it got there.
    pub(crate) fn claim(&self, area: [u8; 16]) -> bool {
        let mut entries = self.registry.entries.lock();
        let mine = |e: &Entry| Arc::ptr_eq(&e.volume, &self.volume);
        let all = entries.as_mut_slice();
        if all.iter().any(|e| e.area == Some(area) && !mine(e)) {
            return false;
        }
        for entry in all.iter_mut().filter(|e| mine(e)) {
            entry.area = Some(area);
        }
        true
    }

    /// A table of this length is resumed: none that is shorter may follow.
    pub(crate) fn grew(&self, len: SectorCount) {
        let mut entries = self.registry.entries.lock();
        let all = entries.as_mut_slice().iter_mut();
        for entry in all.filter(|e| Arc::ptr_eq(&e.volume, &self.volume)) {
            entry.len = len;
        }
    }

    /// The volume itself, for what holds on to it.
    pub(crate) fn volume(&self) -> Arc<Worker<Volume>> {
        self.volume.clone()
    }
}

impl Entry {
    /// Whether a table of this shape may be the volume's next. Once it is loaded it may grow; what it
    /// grew to before a resume does not count.
    fn admits(&self, shape: &Shape) -> bool {
        let made = self.volume.shape();
        if self.volume.is_loaded() {
            shape.extends(made) && shape.len >= self.len
        } else {
            shape == made
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.registry.release(&self.volume) {
            self.volume.retire();
        }
    }
}
