// SPDX-License-Identifier: GPL-2.0-only

//! The target `remap`, in safe Rust.
//!
//! A [`table`] is what one `dmsetup` line makes; tables of one mapped device share a [`volume`], which the
//! [`registry`] keeps. An I/O takes the [`path`]; what fails there goes to the [`worker`].

mod area;
mod assemble;
mod attributes;
mod history;

mod message;
mod notice;
mod outcome;
mod path;
pub(crate) mod registry;
mod shape;
mod status;
mod table;
mod volume;
mod worker;

use kernel::{prelude::*, sync::Arc};

use crate::{
    dm::{
        bio::{EndBio, EndIo, Map, MapBio},
        context::{Ctr, TargetInfo},
        limits::QueueLimits,
        registration::Visitor,
        status::Status,
        target::{Features, Forward, StatusKind, Target},
        text::{Args, TextWriter},
    },
    kernel_ext::sysfs::Directory,
    target::{path::PerBio, registry::Registry, table::Table, volume::VolumeWorker},
};

/// The target type.
pub(crate) struct Remap;

/// Sectors of the largest write-zeroes request: 4 MiB, about as much as one write brings.
const ZEROES_MAX: u32 = 8192;

#[vtable]
impl Target for Remap {
    const NAME: &'static CStr = c"remap";
    const VERSION: [u32; 3] = [1, 0, 0];
    const FEATURES: Features = Features::SINGLETON.or(Features::NOWAIT);

    type Shared = Arc<Registry>;
    type Data = Table;
    type PerBio = PerBio;

    fn ctr(ti: &mut Ctr<'_, Self>, args: Args<'_>) -> Result<Pin<KBox<Table>>> {
        table::construct(ti, args)
    }

    #[inline]
    fn map<'a>(table: &Table, _ti: TargetInfo<'_>, bio: MapBio<'a, Self>) -> Map<'a> {
        path::map(table, bio)
    }

    #[inline]
    fn end_io<'a>(
        table: &Table,
        _ti: TargetInfo<'_>,
        bio: EndBio<'a, Self>,
        status: Status,
    ) -> EndIo<'a> {
        path::end_io(table, bio, status)
    }

    fn presuspend(table: &Table, _ti: TargetInfo<'_>) {
        // From here on messages that would change something are refused; bios still come.
        table.volume().set_suspended(true);
    }

    fn presuspend_undo(table: &Table, _ti: TargetInfo<'_>) {
        table.volume().set_suspended(false);
        table.volume().kick();
    }

    fn postsuspend(table: &Table, _ti: TargetInfo<'_>) {
        let volume = table.volume();
        // A suspend has waited for all bios; a removal has not. Those that have come to this target by
        // now are waited for here. None can come later: a removal needs a device that nobody has open.
        volume.drain();
        worker::close(volume);
    }

    fn preresume(table: &Table, ti: TargetInfo<'_>) -> Result {
        let volume = table.volume();
        if let Err(why) = assemble::bring_up(table) {
            let spare = volume.spare.info();
            why.tell(ti.device_name(), spare.name(), volume.shape());
            return Err(why.errno());
        }
        volume.core.lock().serve(table);
        Ok(())
    }

    fn resume(table: &Table, ti: TargetInfo<'_>) {
        let volume = table.volume();
        ti.attach_events(&volume.events);
        let mut directory = volume.directory.lock();
        if directory.is_none() {
            match Directory::new(ti.sysfs_parent(), c"remap", table.share()) {
                Ok(made) => *directory = Some(made),
                Err(errno) => pr_err!(
                    "{}: no attributes in sysfs ({:?}); the device works without them\n",
                    ti.device_name(),
                    errno
                ),
            }
        }
        drop(directory);
        volume.keeper.lock().set_mode(table.scan_mode());
        volume.set_suspended(false);
        volume.kick();
    }

    fn status(table: &Table, ti: TargetInfo<'_>, kind: StatusKind, out: &mut TextWriter<'_>) {
        status::write(table, ti, kind, out);
    }

    fn message(
        table: &Table,
        _ti: TargetInfo<'_>,
        args: Args<'_>,
        reply: &mut TextWriter<'_>,
    ) -> Result {
        message::handle(table, args, reply)
    }

    fn iterate_devices(table: &Table, _ti: TargetInfo<'_>, visit: &mut Visitor<'_>) {
        let shape = table.shape();
        visit.device(table.main, shape.main_start, shape.len);
        visit.device(table.spare, shape.spare_start, shape.spare_len);
    }

    fn io_hints(table: &Table, _ti: TargetInfo<'_>, limits: &mut QueueLimits<'_>) {
        let volume = table.volume();
        limits.disable_poll();
        limits.discards_as(&volume.main, volume.shape().main_start);
        // One that fails is written block by block.
        limits.cap_write_zeroes(ZEROES_MAX);
        limits.disable_secure_erase();
    }

    fn prepare_ioctl(table: &Table, _ti: TargetInfo<'_>) -> Forward {
        Forward::Part(table.main)
    }
}
