// SPDX-License-Identifier: GPL-2.0-only

//! The nodes of a tree: never changed once made, built from the entries that they shall have.

use crate::mem::{NoMemory, Shared};
use crate::search::first_not;

/// Children of an inner node. Nodes are built on the kernel's stack, so they are small: with the reference
/// count just below 256 bytes, a size that the kernel's allocator serves without waste.
pub(super) const FAN: usize = 14;

/// What a child is known by, and the child.
pub(super) type Link<V, const N: usize> = (u64, Shared<Node<V, N>>);

/// A node. It is in memory of its own whichever it is, and both are made to be of one size.
#[allow(clippy::large_enum_variant)]
pub(super) enum Node<V, const N: usize> {
    /// Entries.
    Leaf(Leaf<V, N>),
    /// Children.
    Inner(Inner<V, N>),
}

/// The entries of one range of keys.
///
/// # Invariants
///
/// The first `len` of the arrays are entries, in ascending order of their keys; `len` is at most `N`.
pub(super) struct Leaf<V, const N: usize> {
    len: u16,
    keys: [u64; N],
    values: [V; N],
}

/// The children of one range of keys.
///
/// # Invariants
///
/// The first `len` of the arrays are set, in ascending order of the keys; `len` is at most [`FAN`].
pub(super) struct Inner<V, const N: usize> {
    len: u16,
    keys: [u64; FAN],
    children: [Option<Shared<Node<V, N>>>; FAN],
}

impl<V: Copy + Default, const N: usize> Leaf<V, N> {
    /// The leaf with the first `N` of `entries`, which ascend.
    pub(super) fn fill(entries: impl Iterator<Item = (u64, V)>) -> Self {
        let mut len = 0u16;
        let mut keys = [0; N];
        let mut values = [V::default(); N];
        for ((key, value), entry) in keys.iter_mut().zip(values.iter_mut()).zip(entries) {
            (*key, *value) = entry;
            len = len.wrapping_add(1);
        }
        // INVARIANT: one a turn was counted, and there were at most `N` turns.
        Leaf { len, keys, values }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// The keys.
    #[inline]
    pub(super) fn keys(&self) -> &[u64] {
        self.keys.get(..self.len()).unwrap_or_default()
    }

    /// The index of the first key that is not below `key`.
    #[inline]
    pub(super) fn lower_bound(&self, key: u64) -> usize {
        first_not(self.keys(), |&k| k < key)
    }

    /// The entry at `at`.
    #[inline]
    pub(super) fn entry(&self, at: usize) -> Option<(u64, V)> {
        Some((*self.keys().get(at)?, *self.values.get(at)?))
    }

    /// The entries from `from` up to `to`, in order.
    pub(super) fn entries(&self, from: usize, to: usize) -> impl Iterator<Item = (u64, V)> + '_ {
        let to = to.min(self.len());
        let keys = self.keys.get(from..to).unwrap_or_default();
        let values = self.values.get(from..to).unwrap_or_default();
        keys.iter().copied().zip(values.iter().copied())
    }

    /// Moves the leaf into memory of its own, known by its first key.
    pub(super) fn into_link(self) -> Result<Link<V, N>, NoMemory> {
        let first = self.keys().first().copied().unwrap_or_default();
        Ok((first, Shared::try_new(Node::Leaf(self))?))
    }
}

impl<V, const N: usize> Inner<V, N> {
    /// The node with the first [`FAN`] of `links`, which ascend.
    pub(super) fn fill(links: impl Iterator<Item = Link<V, N>>) -> Self {
        let mut len = 0u16;
        let mut keys = [0; FAN];
        let mut children = [const { None }; FAN];
        for ((key, child), link) in keys.iter_mut().zip(children.iter_mut()).zip(links) {
            *key = link.0;
            *child = Some(link.1);
            len = len.wrapping_add(1);
        }
        // INVARIANT: one a turn was counted, and there were at most `FAN` turns.
        Inner {
            len,
            keys,
            children,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    #[inline]
    fn keys(&self) -> &[u64] {
        self.keys.get(..self.len()).unwrap_or_default()
    }

    /// The child in whose range `key` lies.
    #[inline]
    pub(super) fn slot(&self, key: u64) -> usize {
        first_not(self.keys(), |&k| k <= key).saturating_sub(1)
    }

    /// The child in `slot`.
    #[inline]
    pub(super) fn child(&self, slot: usize) -> Option<&Node<V, N>> {
        self.children.get(slot)?.as_deref()
    }

    /// What the child in `slot` is known by.
    pub(super) fn key(&self, slot: usize) -> Option<u64> {
        self.keys().get(slot).copied()
    }

    /// The child in `slot`, with what it is known by.
    pub(super) fn link(&self, slot: usize) -> Option<Link<V, N>> {
        Some((self.key(slot)?, self.children.get(slot)?.clone()?))
    }

    /// The children from `from` up to `to`, in order.
    pub(super) fn links(&self, from: usize, to: usize) -> impl Iterator<Item = Link<V, N>> + '_ {
        let to = to.min(self.len());
        let keys = self.keys.get(from..to).unwrap_or_default();
        let children = self.children.get(from..to).unwrap_or_default();
        keys.iter().copied().zip(children.iter().flatten().cloned())
    }

    /// Moves the node into memory of its own, known by its first key.
    pub(super) fn into_link(self) -> Result<Link<V, N>, NoMemory> {
        let first = self.keys().first().copied().unwrap_or_default();
        Ok((first, Shared::try_new(Node::Inner(self))?))
    }
}
