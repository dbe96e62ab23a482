// SPDX-License-Identifier: GPL-2.0-only

//! Memory that may be refused: the one place where the logic allocates.
//!
//! In the kernel these types stand on the kernel's own allocators, on the host on the standard
//! library's; the host's side can be told to refuse, so that a test can fail each allocation in turn.
//! Nothing here aborts: every allocation that fails is a [`NoMemory`].
//!
//! Whoever may be asked to free memory for this device's own writes calls into here in a no-IO scope. The
//! engine is called in one that does not wait for memory at all: what it waited for could be what its
//! own callers hold.

#[cfg(not(CONFIG_RUST))]
pub mod host;
#[cfg(not(CONFIG_RUST))]
use host as world;

#[cfg(CONFIG_RUST)]
mod kernel;
#[cfg(CONFIG_RUST)]
use self::kernel as world;

pub use world::{Buf, Shared};

/// An allocation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

impl<T> Default for Buf<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: core::fmt::Debug> core::fmt::Debug for Buf<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl<T: core::fmt::Debug> core::fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        (**self).fmt(f)
    }
}
