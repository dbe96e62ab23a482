// SPDX-License-Identifier: GPL-2.0-only

//! Memory on the host: the standard library's, with a meter and a way to refuse.
//!
//! The meter and the refusal belong to the calling thread, so tests run beside each other. A
//! [`Buf`] or [`Shared`] that is freed by another thread than the one that made it is booked there.

extern crate alloc;
extern crate std;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::mem::size_of;

use super::NoMemory;

std::thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static REFUSE_AT: Cell<Option<u64>> = const { Cell::new(None) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

/// Refuses one allocation of this thread, the one after `n` more have been granted; `None` refuses none.
pub fn refuse_after(n: Option<u64>) {
    let at = n.map(|n| allocations().saturating_add(n));
    REFUSE_AT.with(|c| c.set(at));
}

/// How many allocations this thread has asked for.
pub fn allocations() -> u64 {
    COUNT.with(Cell::get)
}

/// Bytes that this thread has asked for and not freed, the kernel's reference counts included; what an
/// allocator adds by rounding up is not.
pub fn live_bytes() -> i64 {
    LIVE.with(Cell::get)
}

fn book(bytes: usize, sign: i64) {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    // At the end of a thread the meter may be gone before the last value.
    let _ = LIVE.try_with(|c| c.set(c.get().wrapping_add(bytes.wrapping_mul(sign))));
}

fn ask() -> Result<(), NoMemory> {
    let n = allocations();
    COUNT.with(|c| c.set(n.wrapping_add(1)));
    if REFUSE_AT.with(Cell::get) == Some(n) {
        return Err(NoMemory);
    }
    Ok(())
}

/// A growable array.
pub struct Buf<T>(Vec<T>);

impl<T> Buf<T> {
    /// An empty array, which has allocated nothing.
    pub const fn new() -> Self {
        Buf(Vec::new())
    }

    /// Makes room for `n` more elements.
    pub fn try_reserve(&mut self, n: usize) -> Result<(), NoMemory> {
        let before = self.0.capacity();
        if before.wrapping_sub(self.0.len()) >= n {
            return Ok(());
        }
        ask()?;
        self.0.try_reserve(n).map_err(|_| NoMemory)?;
        let grown = self.0.capacity().wrapping_sub(before);
        book(grown.saturating_mul(size_of::<T>()), 1);
        Ok(())
    }

    /// Appends `value`, growing the array when it is full.
    pub fn push(&mut self, value: T) -> Result<(), NoMemory> {
        self.try_reserve(1)?;
        self.0.push(value);
        Ok(())
    }

    /// Appends `value` if there is room for it; never allocates.
    pub fn push_within(&mut self, value: T) -> Result<(), T> {
        if self.0.len() < self.0.capacity() {
            self.0.push(value);
            Ok(())
        } else {
            Err(value)
        }
    }

    /// Puts `value` at `index`, or at the end if `index` is past that, growing the array when it is full.
    pub fn insert(&mut self, index: usize, value: T) -> Result<(), NoMemory> {
        self.try_reserve(1)?;
        self.0.insert(index.min(self.0.len()), value);
        Ok(())
    }

    /// Takes the element at `index` out; `None` if there is none.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        (index < self.0.len()).then(|| self.0.remove(index))
    }

    /// Keeps the first `len` elements.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Drops all elements, and keeps the room.
    pub fn clear(&mut self) {
        self.0.clear();
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

impl<T> Drop for Buf<T> {
    fn drop(&mut self) {
        book(self.0.capacity().saturating_mul(size_of::<T>()), -1);
    }
}

/// What a [`Shared`] points at: books itself off the meter when it is freed.
struct Metered<T>(T);

impl<T> Metered<T> {
    /// With the kernel's reference count, four bytes aligned to eight.
    const BYTES: usize = size_of::<T>().wrapping_add(8);
}

impl<T> Drop for Metered<T> {
    fn drop(&mut self) {
        book(Self::BYTES, -1);
    }
}

/// A value with many owners, freed with the last of them.
pub struct Shared<T>(Arc<Metered<T>>);

impl<T> Shared<T> {
    /// Moves `value` into memory of its own.
    pub fn try_new(value: T) -> Result<Self, NoMemory> {
        ask()?;
        book(Metered::<T>::BYTES, 1);
        Ok(Shared(Arc::new(Metered(value))))
    }
}

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
        &self.0 .0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_the_one_that_was_named() {
        refuse_after(Some(1));
        let mut a: Buf<u64> = Buf::new();
        let mut b: Buf<u64> = Buf::new();
        assert_eq!(a.push(1), Ok(()));
        assert_eq!(b.push(1), Err(NoMemory));
        assert_eq!(b.push(1), Ok(()));
        refuse_after(None);
    }

    #[test]
    fn meter_returns_to_where_it_was() {
        let before = live_bytes();
        let shared = Shared::try_new([0u64; 16]).expect("granted");
        let second = shared.clone();
        assert_eq!(live_bytes(), before + 136);
        drop(shared);
        assert_eq!(live_bytes(), before + 136);
        drop(second);
        let mut buf: Buf<u32> = Buf::new();
        buf.try_reserve(100).expect("granted");
        assert!(live_bytes() >= before + 400);
        drop(buf);
        assert_eq!(live_bytes(), before);
    }

    #[test]
    fn edges_of_an_array() {
        let mut buf = Buf::new();
        assert_eq!(buf.push_within(1), Err(1));
        assert_eq!(buf.insert(7, 2), Ok(()));
        assert_eq!(buf.insert(0, 1), Ok(()));
        assert_eq!(buf.as_slice(), [1, 2]);
        assert_eq!(buf.remove(2), None);
        assert_eq!(buf.remove(0), Some(1));
        buf.clear();
        assert_eq!(buf.as_slice(), []);
        assert_eq!(buf.push_within(3), Ok(()));
    }
}
