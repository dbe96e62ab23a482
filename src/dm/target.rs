// SPDX-License-Identifier: GPL-2.0-only

//! What a device-mapper target is made of.

use super::{
    bio::{EndBio, EndIo, Map, MapBio},
    context::{Ctr, Device, TargetInfo},
    limits::QueueLimits,
    registration::Visitor,
    status::Status,
    text::{Args, TextWriter}, //
};
use crate::bindings;
use kernel::{
    error::VTABLE_DEFAULT_ERROR,
    prelude::*, //
};

/// What a target type promises to device-mapper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features(u64);

impl Features {
    /// Nothing.
    pub(crate) const NONE: Self = Self(0);
    /// It is alone in its table.
    pub(crate) const SINGLETON: Self = Self(bindings::DM_TARGET_SINGLETON as u64);
    /// It handles bios that must not wait.
    pub(crate) const NOWAIT: Self = Self(bindings::DM_TARGET_NOWAIT as u64);

    /// Both.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }
}

/// Which text is wanted of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusKind {
    /// `dmsetup status`: how it is.
    Info,
    /// `dmsetup table`: the arguments that would make it again.
    Table,
    /// What the integrity measurement architecture records.
    Ima,
}

/// Where an ioctl on the mapped device goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    /// To a device that the target is the whole of.
    Whole(Device),
    /// To a device that the target is a part of: that takes privileges.
    Part(Device),
    /// Nowhere.
    Refuse(Error),
}

/// A target type.
///
/// `Data` is made by the constructor, shared by all callbacks, and dropped by the destructor.
/// Callbacks other than `map` and `end_io` run in process context and in a no-IO scope. Those that
/// are not implemented are not there for device-mapper either.
#[vtable]
pub(crate) trait Target: Sized + 'static {
    /// The name in a table line.
    const NAME: &'static CStr;

    /// The version that `dmsetup targets` shows.
    const VERSION: [u32; 3];

    /// What it promises.
    const FEATURES: Features = Features::NONE;

    /// What all targets of the type share; the registration owns it.
    type Shared: Send + Sync;

    /// What one target is.
    type Data: Send + Sync;

    /// What the target keeps with each bio: aligned to 8 at most, nothing to drop, made anew for
    /// every bio, so better small.
    type PerBio: Default + Send;

    /// Makes a target from the words of its table line. It must only look: the table may never be
    /// used.
    fn ctr(ti: &mut Ctr<'_, Self>, args: Args<'_>) -> Result<Pin<KBox<Self::Data>>>;

    /// Says where a bio goes.
    ///
    /// # Context
    ///
    /// Process context, on many CPUs at once. It may not wait for other bios of this device.
    fn map<'a>(data: &Self::Data, ti: TargetInfo<'_>, bio: MapBio<'a, Self>) -> Map<'a>;

    /// Sees a bio that a device completed with `status`.
    ///
    /// # Context
    ///
    /// Any but NMI: may not sleep, submit or complete.
    fn end_io<'a>(
        _data: &Self::Data,
        _ti: TargetInfo<'_>,
        _bio: EndBio<'a, Self>,
        _status: Status,
    ) -> EndIo<'a> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A suspend begins; bios still come.
    fn presuspend(_data: &Self::Data, _ti: TargetInfo<'_>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The suspend that began failed.
    fn presuspend_undo(_data: &Self::Data, _ti: TargetInfo<'_>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The device is suspended. On its removal too, where bios were not waited for.
    fn postsuspend(_data: &Self::Data, _ti: TargetInfo<'_>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A resume begins; an error keeps the device suspended.
    fn preresume(_data: &Self::Data, _ti: TargetInfo<'_>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Bios come from now on.
    fn resume(_data: &Self::Data, _ti: TargetInfo<'_>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Writes its status.
    fn status(
        _data: &Self::Data,
        _ti: TargetInfo<'_>,
        _kind: StatusKind,
        _out: &mut TextWriter<'_>,
    ) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Answers a message. What is written to `reply` reaches the sender, who repeats the message
    /// with a larger buffer if it was cut.
    fn message(
        _data: &Self::Data,
        _ti: TargetInfo<'_>,
        _args: Args<'_>,
        _reply: &mut TextWriter<'_>,
    ) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Shows each range of each device that it uses.
    fn iterate_devices(_data: &Self::Data, _ti: TargetInfo<'_>, _visit: &mut Visitor<'_>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Changes the limits that came from its devices.
    fn io_hints(_data: &Self::Data, _ti: TargetInfo<'_>, _limits: &mut QueueLimits<'_>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Says where an ioctl goes.
    fn prepare_ioctl(_data: &Self::Data, _ti: TargetInfo<'_>) -> Forward {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}
