// SPDX-License-Identifier: GPL-2.0-only

//! A persistent map from a number to a small value: a B+tree whose versions share what is alike.
//!
//! A change copies the nodes on the way to the leaf and leaves the old version as it was, so a reader
//! keeps the version that it has for as long as it likes, and a change that runs out of memory has
//! changed nothing. Keys and values lie apart in a leaf: a search touches keys only, and a value of four
//! bytes costs four.
//!
//! Nothing here recurses but the drop of a node, which goes as deep as the tree is high.

mod build;
mod edit;
mod node;

pub use build::Builder;

use node::{Leaf, Node};

use crate::mem::Shared;

/// The most levels of a tree; a change that would make more of them is refused. Splitting makes a level
/// only when a node of 14 is full, so no number of entries that memory can hold comes near it.
const MAX_HEIGHT: usize = 12;

/// One version of a map from `u64` to `V`, in leaves of up to `N` entries.
///
/// # Invariants
///
/// No node is empty. In an inner node the key of a child is at most the first key in it, and above every
/// key of the child before.
pub struct Tree<V, const N: usize> {
    root: Option<Shared<Node<V, N>>>,
    len: u64,
}

impl<V, const N: usize> Tree<V, N> {
    /// How many entries a leaf holds.
    pub const LEAF: usize = N;

    /// The empty map.
    pub const fn new() -> Self {
        // INVARIANT: there is no node.
        Tree { root: None, len: 0 }
    }

    /// How many entries there are.
    #[inline]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// There is no entry.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.root.is_none()
    }
}

impl<V: Copy + Default, const N: usize> Tree<V, N> {
    /// The value at `key`.
    ///
    /// # Context
    ///
    /// Any: it reads, and takes no reference.
    #[inline]
    pub fn get(&self, key: u64) -> Option<V> {
        match self.first_at_or_after(key) {
            Some((found, value)) if found == key => Some(value),
            _ => None,
        }
    }

    /// The entry with the lowest key that is not below `key`.
    ///
    /// # Context
    ///
    /// Any: it reads, and takes no reference.
    #[inline]
    pub fn first_at_or_after(&self, key: u64) -> Option<(u64, V)> {
        let (leaf, at) = self.seek(key)?;
        leaf.entry(at)
    }

    /// The entries with keys from `key` on, in order.
    pub fn iter_from(&self, key: u64) -> Iter<'_, V, N> {
        Iter {
            tree: self,
            place: self.seek(key),
        }
    }

    /// Where the first entry at or after `key` lies.
    #[inline]
    fn seek(&self, key: u64) -> Option<(&Leaf<V, N>, usize)> {
        let mut node = self.root.as_deref()?;
        let mut after = None;
        let leaf = loop {
            match node {
                Node::Leaf(leaf) => break leaf,
                Node::Inner(inner) => {
                    let slot = inner.slot(key);
                    if let Some(next) = inner.child(slot.wrapping_add(1)) {
                        after = Some(next);
                    }
                    node = inner.child(slot)?;
                }
            }
        };
        let at = leaf.lower_bound(key);
        if at < leaf.len() {
            return Some((leaf, at));
        }
        // Every key of this leaf is below: the answer is the first of all that come after it.
        let mut node = after?;
        loop {
            match node {
                Node::Leaf(leaf) => return Some((leaf, 0)),
                Node::Inner(inner) => node = inner.child(0)?,
            }
        }
    }
}

impl<V, const N: usize> Clone for Tree<V, N> {
    #[inline]
    fn clone(&self) -> Self {
        Tree {
            root: self.root.clone(),
            len: self.len,
        }
    }
}

impl<V, const N: usize> Default for Tree<V, N> {
    fn default() -> Self {
        Self::new()
    }
}

/// The entries of a [`Tree`] in order.
pub struct Iter<'a, V, const N: usize> {
    tree: &'a Tree<V, N>,
    place: Option<(&'a Leaf<V, N>, usize)>,
}

impl<V: Copy + Default, const N: usize> Iterator for Iter<'_, V, N> {
    type Item = (u64, V);

    fn next(&mut self) -> Option<(u64, V)> {
        let (leaf, at) = self.place?;
        let (key, value) = leaf.entry(at)?;
        let next = at.wrapping_add(1);
        self.place = if next < leaf.len() {
            Some((leaf, next))
        } else {
            key.checked_add(1).and_then(|k| self.tree.seek(k))
        };
        Some((key, value))
    }
}

#[cfg(test)]
mod tests;
