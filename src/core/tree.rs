// SPDX-License-Identifier: GPL-2.0-only

//! A persistent map from a number to a small value: a B+tree whose versions share what is alike.
//!
//! A change copies the nodes on the way to the leaf and leaves the old version as it was, so a reader
//! keeps the version that it has for as long as it likes, and a change that runs out of memory has
//! changed nothing.
//!
//! The nodes hold words, whatever the values are, so that there is one tree in the module and not one
//! for each kind of value; [`Tree`] and [`Builder`] only translate.
//!
//! Nothing here recurses but the drop of a node, which goes as deep as the tree is high.

mod build;
mod edit;
mod node;

use core::marker::PhantomData;

use build::RawBuilder;
use node::{key_of, Entry, Form, Leaf, Node, KEY_WORDS, LEAF_WORDS, MOST_WORDS};

use crate::mem::{NoMemory, Shared};

/// The most levels of a tree; a change that would make more of them is refused. Splitting makes a level
/// only when a node of 15 is full, so no number of entries that memory can hold comes near it.
const MAX_HEIGHT: usize = 12;

/// What can be kept in a tree: some words.
pub trait Value: Copy {
    /// How many words, at most 6.
    const WORDS: usize;

    /// Writes the value to the first words.
    fn put(self, words: &mut [u32]);

    /// The value that [`Value::put`] wrote.
    fn get(words: &[u32]) -> Self;
}

/// A tree of words.
///
/// # Invariants
///
/// No node is empty. In an inner node the key of a child is at most the first key in it, and above every
/// key of the child before.
#[derive(Clone, Default)]
struct Raw {
    root: Option<Shared<Node>>,
    len: u64,
}

/// Where an entry lies.
#[derive(Clone, Copy)]
struct Place<'a> {
    leaf: &'a Leaf,
    at: usize,
}

impl Raw {
    /// Where the first entry at or after `key` lies.
    fn seek(&self, form: Form, key: u64) -> Option<Place<'_>> {
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
        let at = leaf.lower_bound(form, key);
        if at < leaf.len() {
            return Some(Place { leaf, at });
        }
        // Every key of this leaf is below: the answer is the first of all that come after it.
        let mut node = after?;
        loop {
            match node {
                Node::Leaf(leaf) => return Some(Place { leaf, at: 0 }),
                Node::Inner(inner) => node = inner.child(0)?,
            }
        }
    }
}

impl Raw {
    /// As [`Tree::is_vacant`].
    #[inline(always)]
    fn is_vacant<const N: usize>(&self, form: Form, from: u64, to: u64) -> bool {
        let Some(mut node) = self.root.as_deref() else {
            return true;
        };
        let last = loop {
            match node {
                Node::Inner(inner) => match inner.towards(to) {
                    Some(child) => node = child,
                    // `to` is the highest number.
                    None => return false,
                },
                Node::Leaf(leaf) => break leaf.last_to::<N>(form, to),
            }
        };
        if last <= to {
            return last < from;
        }
        self.is_vacant_beside(form, from, to)
    }

    /// The same, where all keys of the leaf are above: a leaf whose first entries were removed, so that what lies
    /// before is in another.
    #[cold]
    #[inline(never)]
    fn is_vacant_beside(&self, form: Form, from: u64, to: u64) -> bool {
        self.seek(form, from)
            .is_none_or(|found| key_of(found.leaf.entry(form, found.at)) > to)
    }
}

/// One version of a map from `u64` to `V`, in leaves of up to `N` entries.
pub struct Tree<V, const N: usize> {
    raw: Raw,
    values: PhantomData<V>,
}

impl<V, const N: usize> Tree<V, N> {
    /// How many entries a leaf holds.
    pub const LEAF: usize = N;

    const fn of(raw: Raw) -> Self {
        Tree {
            raw,
            values: PhantomData,
        }
    }

    /// The empty map.
    pub const fn new() -> Self {
        // INVARIANT: there is no node.
        Self::of(Raw { root: None, len: 0 })
    }

    /// How many entries there are.
    #[inline]
    pub const fn len(&self) -> u64 {
        self.raw.len
    }

    /// There is no entry.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.raw.root.is_none()
    }
}

impl<V: Value, const N: usize> Tree<V, N> {
    const FORM: Form = form::<V, N>();

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
        let place = self.raw.seek(Self::FORM, key)?;
        Some(entry_of(place.leaf.entry(Self::FORM, place.at)))
    }

    /// Whether there is surely no entry from `from` up to and including `to`. If that is the highest number, it
    /// may say no for not knowing.
    ///
    /// # Context
    ///
    /// Any: it reads, and takes no reference.
    #[inline(always)]
    pub fn is_vacant(&self, from: u64, to: u64) -> bool {
        self.raw.is_vacant::<N>(Self::FORM, from, to)
    }

    /// The entries with keys from `key` on, in order.
    pub fn iter_from(&self, key: u64) -> Iter<'_, V, N> {
        Iter {
            tree: self,
            place: self.raw.seek(Self::FORM, key),
        }
    }

    /// The version with `value` at `key`, whatever was there before.
    pub fn insert(&self, key: u64, value: V) -> Result<Self, NoMemory> {
        let raw = self.raw.insert(Self::FORM, &words_of(key, value))?;
        Ok(Self::of(raw))
    }

    /// The version without `key`; the same one if it is not there.
    pub fn remove(&self, key: u64) -> Result<Self, NoMemory> {
        Ok(Self::of(self.raw.remove(Self::FORM, key)?))
    }
}

/// How the entries of a tree of such values lie in its nodes.
const fn form<V: Value, const N: usize>() -> Form {
    let form = Form {
        stride: KEY_WORDS.wrapping_add(V::WORDS),
        room: N,
    };
    assert!(form.stride <= MOST_WORDS && form.stride.wrapping_mul(N) <= LEAF_WORDS);
    form
}

#[inline]
fn words_of<V: Value>(key: u64, value: V) -> Entry {
    let mut entry = node::entry(key);
    if let Some((_, words)) = entry.split_at_mut_checked(KEY_WORDS) {
        value.put(words);
    }
    entry
}

#[inline]
fn entry_of<V: Value>(words: &[u32]) -> (u64, V) {
    let value = words.get(KEY_WORDS..).unwrap_or_default();
    (key_of(words), V::get(value))
}

impl<V, const N: usize> Clone for Tree<V, N> {
    #[inline]
    fn clone(&self) -> Self {
        Self::of(self.raw.clone())
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
    place: Option<Place<'a>>,
}

impl<V: Value, const N: usize> Iterator for Iter<'_, V, N> {
    type Item = (u64, V);

    fn next(&mut self) -> Option<(u64, V)> {
        let Place { leaf, at } = self.place?;
        let (key, value) = entry_of(leaf.entry(Tree::<V, N>::FORM, at));
        let next = at.wrapping_add(1);
        self.place = if next < leaf.len() {
            Some(Place { leaf, at: next })
        } else {
            let raw = &self.tree.raw;
            key.checked_add(1)
                .and_then(|k| raw.seek(Tree::<V, N>::FORM, k))
        };
        Some((key, value))
    }
}

/// Builds a [`Tree`] from ascending keys.
pub struct Builder<V, const N: usize> {
    raw: RawBuilder,
    values: PhantomData<V>,
}

impl<V: Value, const N: usize> Builder<V, N> {
    /// Nothing built yet.
    pub const fn new() -> Self {
        Builder {
            raw: RawBuilder::new(form::<V, N>()),
            values: PhantomData,
        }
    }

    /// The highest key so far.
    pub const fn last(&self) -> Option<u64> {
        self.raw.last()
    }

    /// Adds an entry; `false`, and nothing done, if its key is not above the last.
    pub fn push(&mut self, key: u64, value: V) -> Result<bool, NoMemory> {
        self.raw.push(&words_of(key, value))
    }

    /// The tree of what was pushed. After a refused allocation it is not whole, and not to be used.
    pub fn finish(self) -> Result<Tree<V, N>, NoMemory> {
        Ok(Tree::of(self.raw.finish()?))
    }
}

impl<V: Value, const N: usize> Default for Builder<V, N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
