// SPDX-License-Identifier: GPL-2.0-only

//! What the kernel crate lacks and this module needs: safe outside, documented unsafe inside.
//!
//! Nothing here knows of device-mapper or of remapping.

pub(crate) mod clock;
pub(crate) mod memory;
pub(crate) mod noio;
pub(crate) mod published;
pub(crate) mod ratelimit;
pub(crate) mod spinlock;
pub(crate) mod srcu;
pub(crate) mod sysfs;
pub(crate) mod trace;
pub(crate) mod workqueue;
