// SPDX-License-Identifier: GPL-2.0-only

//! How an I/O ended: the block layer's `blk_status_t`.
//!
//! C header: [`include/linux/blk_types.h`](srctree/include/linux/blk_types.h)

use crate::bindings;

/// A `blk_status_t`, passed through exactly: an errno could not tell a medium error from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Status(u8);

impl Status {
    /// Success.
    pub(crate) const OK: Self = Self(bindings::STS_OK);
    /// The operation is not supported.
    pub(crate) const NOTSUPP: Self = Self(bindings::STS_NOTSUPP);
    /// The device did not answer in time.
    pub(crate) const TIMEOUT: Self = Self(bindings::STS_TIMEOUT);
    /// A thinly provisioned device is full.
    pub(crate) const NOSPC: Self = Self(bindings::STS_NOSPC);
    /// The path to the device failed, and may come back.
    pub(crate) const TRANSPORT: Self = Self(bindings::STS_TRANSPORT);
    /// The device itself failed.
    pub(crate) const TARGET: Self = Self(bindings::STS_TARGET);
    /// Another host holds a reservation.
    pub(crate) const RESV_CONFLICT: Self = Self(bindings::STS_RESV_CONFLICT);
    /// The medium is bad.
    pub(crate) const MEDIUM: Self = Self(bindings::STS_MEDIUM);
    /// The integrity data does not match.
    pub(crate) const PROTECTION: Self = Self(bindings::STS_PROTECTION);
    /// The kernel lacked a resource.
    pub(crate) const RESOURCE: Self = Self(bindings::STS_RESOURCE);
    /// Any other error.
    pub(crate) const IOERR: Self = Self(bindings::STS_IOERR);
    /// The I/O would have had to wait, and was told not to.
    pub(crate) const AGAIN: Self = Self(bindings::STS_AGAIN);
    /// The device lacked a resource.
    pub(crate) const DEV_RESOURCE: Self = Self(bindings::STS_DEV_RESOURCE);
    /// A zoned device cannot open one more zone.
    pub(crate) const ZONE_OPEN_RESOURCE: Self = Self(bindings::STS_ZONE_OPEN);
    /// A zoned device cannot activate one more zone.
    pub(crate) const ZONE_ACTIVE_RESOURCE: Self = Self(bindings::STS_ZONE_ACTIVE);
    /// The device is offline.
    pub(crate) const OFFLINE: Self = Self(bindings::STS_OFFLINE);
    /// The command took longer than its duration limit.
    pub(crate) const DURATION_LIMIT: Self = Self(bindings::STS_DURATION);
    /// The request was malformed.
    pub(crate) const INVAL: Self = Self(bindings::STS_INVAL);

    /// The status with the block layer's number `code`.
    #[inline]
    pub(crate) const fn from_code(code: u8) -> Self {
        Self(code)
    }

    /// The block layer's number.
    #[inline]
    pub(crate) const fn code(self) -> u8 {
        self.0
    }

    /// Whether the I/O succeeded.
    #[inline]
    pub(crate) const fn is_ok(self) -> bool {
        self.0 == Self::OK.0
    }
}
