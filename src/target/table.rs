// SPDX-License-Identifier: GPL-2.0-only

//! A table: from the words of its line to a share of a volume.

use kernel::{
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc, //
    },
};

use dm_remap_core::{
    fault::{ErrorPolicy, PendingWrites},
    grammar::{
        geometry::{self, Request},
        table::{Features, TableLine},
    },
    health::keeper::ScanMode,
    open::{self, Examined, OpenError},
    units::{BlockSize, SECTOR_BYTES},
};

use crate::{
    dm::{
        context::{Ctr, Device},
        device::{BlockDevice, DeviceInfo},
        text::Args,
    },
    kernel_ext::workqueue::Worker,
    target::{
        area::SpareArea,
        assemble::{self, Failure},
        path::FLUSH_COPIES,
        registry::{Lease, Refusal, Registry},
        shape::{Conflict, DiskRange, Shape},
        volume::Volume,
        Remap,
    },
};

/// What a reload, or a message, may change.
#[derive(Clone, Copy)]
pub(crate) struct Wishes {
    /// The feature `error_policy`.
    pub(crate) policy: ErrorPolicy,
    /// What becomes of writes to pending sectors.
    pub(crate) pending_writes: PendingWrites,
    /// Unless the feature `no_auto_remap` is there.
    pub(crate) auto_remap: bool,
}

impl Wishes {
    /// In one word, so that it can change at once.
    pub(crate) fn pack(self) -> u32 {
        let policy = match self.policy {
            ErrorPolicy::Medium => 0,
            ErrorPolicy::Confirm => 1,
            ErrorPolicy::Any => 2,
        };
        let main_first = self.pending_writes == PendingWrites::Main;
        policy | u32::from(self.auto_remap) << 2 | u32::from(main_first) << 3
    }

    /// The inverse.
    pub(crate) fn unpack(word: u32) -> Wishes {
        Wishes {
            policy: match word & 3 {
                0 => ErrorPolicy::Medium,
                1 => ErrorPolicy::Confirm,
                _ => ErrorPolicy::Any,
            },
            auto_remap: word & 4 != 0,
            pending_writes: match word & 8 {
                0 => PendingWrites::Remap,
                _ => PendingWrites::Main,
            },
        }
    }
}

/// What belongs to one table.
pub(crate) struct Table {
    lease: Lease,
    pub(crate) main: Device,
    pub(crate) spare: Device,
    shape: Shape,
    /// [`Wishes`], in one word.
    wishes: Atomic<u32>,
    features: Features,
}

impl Table {
    /// The volume that the table serves.
    #[inline]
    pub(crate) fn volume(&self) -> &Worker<Volume> {
        &self.lease
    }

    /// The share of the volume.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The volume, for what holds on to it.
    pub(crate) fn share(&self) -> Arc<Worker<Volume>> {
        self.lease.volume()
    }

    /// Its ranges: those of the volume, or longer ones.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Which errors count as the medium's.
    #[inline]
    pub(crate) fn policy(&self) -> ErrorPolicy {
        self.wishes().policy
    }

    /// What a reload, or a message, may change.
    #[inline]
    pub(crate) fn wishes(&self) -> Wishes {
        Wishes::unpack(self.wishes.load(Relaxed))
    }

    /// Changes that; the worker has to be told.
    pub(crate) fn set_wishes(&self, wishes: Wishes) {
        self.wishes.store(wishes.pack(), Relaxed);
    }

    /// What its scanner does by itself.
    pub(crate) fn scan_mode(&self) -> ScanMode {
        self.features.scan
    }

    /// The line again, with these names of the devices.
    pub(crate) fn line<'a>(&self, main: &'a str, spare: &'a str) -> TableLine<'a> {
        let shape = &self.shape;
        let wishes = self.wishes();
        TableLine {
            main,
            spare,
            spare_start: shape.spare_start,
            spare_len: shape.spare_len,
            features: Features {
                error_policy: wishes.policy,
                pending_writes: wishes.pending_writes,
                auto_remap: wishes.auto_remap,
                ..self.features
            },
        }
    }
}

/// The constructor. It only reads: the old table may be serving, and this one may never be used.
pub(crate) fn construct(ti: &mut Ctr<'_, Remap>, args: Args<'_>) -> Result<Pin<KBox<Table>>> {
    let line = match TableLine::parse(words(args)) {
        Ok(line) => line,
        Err(why) => return refuse(ti, why.text(), EINVAL),
    };
    let (Some(main_path), Some(spare_path)) = (args.get(0), args.get(1)) else {
        return Err(EINVAL);
    };
    let main = match ti.device(main_path) {
        Ok(device) => device,
        Err(errno) => return refuse(ti, c"main device cannot be opened", errno),
    };
    let spare = match ti.device(spare_path) {
        Ok(device) => device,
        Err(errno) => return refuse(ti, c"spare device cannot be opened", errno),
    };
    let (Some(main_info), Some(spare_info)) = (ti.info(main), ti.info(spare)) else {
        return Err(ENODEV);
    };
    let (main_device, spare_device) = match (ti.open(main), ti.open(spare)) {
        (Ok(main), Ok(spare)) => (main, spare),
        (Err(errno), _) => return refuse(ti, c"main device cannot be opened", errno),
        (_, Err(errno)) => return refuse(ti, c"spare device cannot be opened", errno),
    };

    let default_block = match request(ti, &line, &main_info, &spare_info).check() {
        Ok(block) => block,
        Err(why) => return refuse(ti, why.text(), EINVAL),
    };
    let features = line.features;
    let mut shape = Shape {
        main: DiskRange::new(&main_info.extent(), features.main_start, ti.len()),
        spare: DiskRange::new(&spare_info.extent(), line.spare_start, line.spare_len),
        main_start: features.main_start,
        len: ti.len(),
        spare_start: line.spare_start,
        spare_len: line.spare_len,
        writable: ti.mode().writable(),
        block: default_block,
    };
    let read_only = main_info.read_only() || spare_info.read_only();
    if shape.writable && read_only {
        let text =
            c"a device is read-only: make this one with --readonly, or the other one writable";
        return refuse(ti, text, EROFS);
    }
    if shape.main.overlaps(&shape.spare) {
        return refuse(
            ti,
            c"main range and spare area overlap on their disk",
            EINVAL,
        );
    }
    let registry: &Arc<Registry> = ti.shared();
    let key = ti.mapped_device();
    let wishes = Wishes {
        policy: features.error_policy,
        pending_writes: features.pending_writes,
        auto_remap: features.auto_remap,
    };

    // A live volume knows its block size; reading its metadata now would race with its commits.
    match (registry.live_block(key), features.block_size) {
        (Some(block), None) => shape.block = block,
        (Some(_), Some(_)) => {}
        (None, _) => {
            let seen = look(
                &spare_device,
                &main_info,
                &spare_info,
                &shape,
                features.block_size,
            );
            match seen {
                Ok(block) => shape.block = block,
                Err(why) => {
                    why.tell(ti.device_name(), spare_info.name(), &shape);
                    return refuse(ti, why.text(), why.errno());
                }
            }
        }
    }

    let make = || Volume::new(key, ti.device_name(), shape, main_device, spare_device);
    let lease = match registry.lease(key, &shape, make) {
        Ok(lease) => lease,
        Err(Refusal::Shape) => {
            let text =
                c"the device is live with other devices, ranges or mode; a reload changes features, or makes a range longer";
            return refuse(ti, text, EBUSY);
        }
        Err(Refusal::Overlap(Conflict::Main)) => {
            return refuse(
                ti,
                c"main range overlaps one that another remap device uses",
                EBUSY,
            );
        }
        Err(Refusal::Overlap(Conflict::Spare)) => {
            return refuse(
                ti,
                c"spare area overlaps a range that another remap device uses",
                EBUSY,
            );
        }
        Err(Refusal::Errno(errno)) => {
            return refuse(ti, c"not enough memory for the volume", errno)
        }
    };
    ti.set_num_flush_bios(FLUSH_COPIES);
    if main_info.max_discard().0 > 0 {
        ti.set_discards_anyway();
    }
    ti.set_write_zeroes(true);
    ti.set_secure_erase(false);
    let table = Table {
        lease,
        main,
        spare,
        shape,
        wishes: Atomic::new(wishes.pack()),
        features,
    };
    Ok(KBox::pin(table, GFP_KERNEL)?)
}

/// Says why in device-mapper's own way.
fn refuse<T>(ti: &mut Ctr<'_, Remap>, text: &'static CStr, errno: Error) -> Result<T> {
    ti.set_error(text);
    Err(errno)
}

/// The words as text; one that is not UTF-8 can only be wrong.
fn words<'a>(args: Args<'a>) -> impl Iterator<Item = &'a str> {
    args.iter()
        .map(|word| core::str::from_utf8(word).unwrap_or("\u{fffd}"))
}

/// The facts that the ranges of the line are checked against.
fn request(
    ti: &Ctr<'_, Remap>,
    line: &TableLine<'_>,
    main: &DeviceInfo,
    spare: &DeviceInfo,
) -> Request {
    let device = |info: &DeviceInfo| geometry::Device {
        size: info.sectors(),
        logical_bytes: info.logical_block(),
        physical_bytes: info.physical_block(),
        zoned: info.zoned(),
    };
    Request {
        main: device(main),
        spare: device(spare),
        same_device: main.dev() == spare.dev(),
        main_start: line.features.main_start,
        spare_start: line.spare_start,
        spare_len: line.spare_len,
        begin: ti.begin(),
        len: ti.len(),
        block_size: line.features.block_size,
    }
}

/// Reads what lies in the spare area, and gives the block size it has or would get.
fn look(
    device: &BlockDevice,
    main: &DeviceInfo,
    spare: &DeviceInfo,
    shape: &Shape,
    asked: Option<BlockSize>,
) -> Result<BlockSize, Failure> {
    let mut area = SpareArea::new(device, shape.spare_start)?;
    let expect = assemble::expectation(main, spare, shape, asked);
    let plan = assemble::plan(shape, main, spare);
    let seen = open::examine(&mut area, shape.spare_len, plan.as_ref().ok());
    match (seen, plan) {
        (Ok(Examined::Formatted(found)), _) => {
            open::check(&found.superblock, &expect)?;
            let block = found.superblock.layout.block_size();
            let logical = main.logical_block() / SECTOR_BYTES as u32;
            if block.sectors() < logical {
                return Err(Failure::Open(OpenError::OtherBlock {
                    recorded: block.sectors(),
                    given: logical,
                }));
            }
            Ok(block)
        }
        (Ok(Examined::Blank), Ok(_)) if !shape.writable => Err(Failure::Blank),
        (Ok(Examined::Blank), Ok(_)) => Ok(shape.block),
        // Where nothing fits, what lies there is not the reason.
        (Ok(Examined::Blank) | Err(OpenError::Foreign(_)), Err(why)) => Err(why.into()),
        (Err(why), _) => Err(why.into()),
    }
}
