// SPDX-License-Identifier: GPL-2.0-only

//! A tree from entries that come in order: full nodes, each made once.

use super::node::{Inner, Leaf, Link, FAN};
use super::Tree;
use crate::mem::{Buf, NoMemory};

/// Builds a [`Tree`] from ascending keys.
pub struct Builder<V, const N: usize> {
    /// The entries of the leaf that is not full yet.
    leaf: Buf<(u64, V)>,
    /// The children of the inner nodes that are not full yet, a list a level, from the leaves up.
    levels: Buf<Buf<Link<V, N>>>,
    len: u64,
    last: Option<u64>,
}

impl<V: Copy + Default, const N: usize> Builder<V, N> {
    /// Nothing built yet.
    pub const fn new() -> Self {
        Builder {
            leaf: Buf::new(),
            levels: Buf::new(),
            len: 0,
            last: None,
        }
    }

    /// The highest key so far.
    pub const fn last(&self) -> Option<u64> {
        self.last
    }

    /// How many entries there are so far.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// There is no entry so far.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an entry; `false`, and nothing done, if its key is not above the last.
    pub fn push(&mut self, key: u64, value: V) -> Result<bool, NoMemory> {
        if self.last.is_some_and(|last| key <= last) {
            return Ok(false);
        }
        if self.leaf.as_slice().len() >= N {
            self.close_leaf()?;
        }
        self.leaf.push((key, value))?;
        self.last = Some(key);
        self.len = self.len.saturating_add(1);
        Ok(true)
    }

    /// The tree of what was pushed. After a refused allocation it is not whole, and not to be used.
    pub fn finish(mut self) -> Result<Tree<V, N>, NoMemory> {
        self.close_leaf()?;
        let mut level = 0usize;
        loop {
            let above = level.saturating_add(1);
            let top = above >= self.levels.as_slice().len();
            let Some(links) = self.levels.as_mut_slice().get_mut(level) else {
                return Ok(Tree::new());
            };
            if let (true, [only]) = (top, links.as_slice()) {
                return Ok(Tree {
                    root: Some(only.1.clone()),
                    len: self.len,
                });
            }
            if !links.as_slice().is_empty() {
                let link = inner_of(links)?;
                self.raise(above, link)?;
            }
            level = above;
        }
    }

    fn close_leaf(&mut self) -> Result<(), NoMemory> {
        if self.leaf.as_slice().is_empty() {
            return Ok(());
        }
        let leaf: Leaf<V, N> = Leaf::fill(self.leaf.as_slice().iter().copied());
        self.leaf.clear();
        self.raise(0, leaf.into_link()?)
    }

    /// Puts `link` into `level`; a level that is full becomes a node of the next one first.
    fn raise(&mut self, level: usize, mut link: Link<V, N>) -> Result<(), NoMemory> {
        for links in self.levels.as_mut_slice().iter_mut().skip(level) {
            if links.as_slice().len() < FAN {
                return links.push(link);
            }
            let full = inner_of(links)?;
            links.push(link)?;
            link = full;
        }
        let mut links = Buf::new();
        links.push(link)?;
        self.levels.push(links)
    }
}

impl<V: Copy + Default, const N: usize> Default for Builder<V, N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes one node of all the children in `links`, and empties it.
fn inner_of<V, const N: usize>(links: &mut Buf<Link<V, N>>) -> Result<Link<V, N>, NoMemory> {
    let inner = Inner::fill(links.as_slice().iter().cloned());
    links.clear();
    inner.into_link()
}
