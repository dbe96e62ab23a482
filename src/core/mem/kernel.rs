// SPDX-License-Identifier: GPL-2.0-only

//! Memory in the kernel: its `Vec` and `Arc`, allocated with `GFP_KERNEL`.
//!
//! A refusal is no news for the log: it is handled, and told by who asked. Whether an allocation may wait
//! is the caller's, by the scope that he calls from.
//!
//! # Context
//!
//! What allocates or frees sleeps: process context only. Reading, cloning a [`Shared`] and the calls
//! that say that they never allocate are for any context.

use ::kernel::alloc::flags::{GFP_KERNEL, __GFP_NOWARN};
use ::kernel::alloc::{Flags, Vec};
use ::kernel::sync::Arc;

use super::NoMemory;
use crate::kernel_ext::memory::{self, Memory};

/// The flags of all of them.
fn flags() -> Flags {
    GFP_KERNEL | __GFP_NOWARN
}

/// A growable array.
pub struct Buf<T>(Vec<T, Memory>);

impl<T> Buf<T> {
    /// An empty array, which has allocated nothing.
    pub const fn new() -> Self {
        Buf(Vec::new())
    }

    /// Makes room for `n` more elements.
    #[inline]
    pub fn try_reserve(&mut self, n: usize) -> Result<(), NoMemory> {
        memory::reserve(&mut self.0, n, flags()).map_err(|_| NoMemory)
    }

    /// Appends `value`, growing the array when it is full.
    pub fn push(&mut self, value: T) -> Result<(), NoMemory> {
        self.try_reserve(1)?;
        self.push_within(value).map_err(|_| NoMemory)
    }

    /// Appends `value` if there is room for it; never allocates.
    pub fn push_within(&mut self, value: T) -> Result<(), T> {
        self.0.push_within_capacity(value).map_err(|e| e.0)
    }

    /// Puts `value` at `index`, or at the end if `index` is past that, growing the array when it is full.
    pub fn insert(&mut self, index: usize, value: T) -> Result<(), NoMemory> {
        self.try_reserve(1)?;
        let index = index.min(self.0.len());
        self.0
            .insert_within_capacity(index, value)
            .map_err(|_| NoMemory)
    }

    /// Takes the element at `index` out; `None` if there is none.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        self.0.remove(index).ok()
    }

    /// Keeps the first `len` elements.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Drops all elements, and keeps the room.
    pub fn clear(&mut self) {
        self.0.truncate(0);
    }

    /// How many elements fit without an allocation.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// The elements.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        self.0.as_slice()
    }

    /// The elements, to be changed.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.0.as_mut_slice()
    }
}

/// A value with many owners, freed with the last of them.
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Moves `value` into memory of its own.
    pub fn try_new(value: T) -> Result<Self, NoMemory> {
        Arc::new(value, flags()).map(Shared).map_err(|_| NoMemory)
    }
}

impl<T> From<Shared<T>> for Arc<T> {
    /// The kernel's own type, for code that publishes the value.
    fn from(shared: Shared<T>) -> Arc<T> {
        shared.0
    }
}

/// The same pointer as the kernel crate knows it: nothing is allocated.
impl<T> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<T> core::ops::Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}
