// SPDX-License-Identifier: GPL-2.0-only

//! A tree from entries that come in order: full nodes, each made once.

use super::edit::Draft;
use super::node::{key_of, Entry, Form, Leaf, Link, FAN, LEAF_WORDS};
use super::Raw;
use crate::mem::{Buf, NoMemory};

/// Builds a tree from ascending keys.
pub(super) struct RawBuilder {
    form: Form,
    /// The entries of the leaf that is not full yet, and how many words they are.
    leaf: [u32; LEAF_WORDS],
    words: usize,
    /// The children of the inner nodes that are not full yet, from the leaves up.
    levels: Buf<Draft>,
    len: u64,
    last: Option<u64>,
}

impl RawBuilder {
    /// Nothing built yet.
    pub(super) const fn new(form: Form) -> RawBuilder {
        RawBuilder {
            form,
            leaf: [0; LEAF_WORDS],
            words: 0,
            levels: Buf::new(),
            len: 0,
            last: None,
        }
    }

    /// The highest key so far.
    pub(super) const fn last(&self) -> Option<u64> {
        self.last
    }

    /// Adds an entry; `false`, and nothing done, if its key is not above the last.
    pub(super) fn push(&mut self, entry: &Entry) -> Result<bool, NoMemory> {
        let key = key_of(entry);
        if self.last.is_some_and(|last| key <= last) {
            return Ok(false);
        }
        if self.words >= self.form.stride.wrapping_mul(self.form.room) {
            self.close_leaf()?;
        }
        let free = self.leaf.get_mut(self.words..).unwrap_or_default();
        let entry = entry.get(..self.form.stride).unwrap_or_default();
        for (to, from) in free.iter_mut().zip(entry) {
            *to = *from;
        }
        self.words = self.words.saturating_add(self.form.stride);
        self.last = Some(key);
        self.len = self.len.saturating_add(1);
        Ok(true)
    }

    /// The tree of what was pushed. After a refused allocation it is not whole, and not to be used.
    pub(super) fn finish(mut self) -> Result<Raw, NoMemory> {
        self.close_leaf()?;
        let mut level = 0usize;
        loop {
            let above = level.saturating_add(1);
            let top = above >= self.levels.as_slice().len();
            let Some(links) = self.levels.as_mut_slice().get_mut(level) else {
                return Ok(Raw::default());
            };
            if let Some(only) = links.only().filter(|_| top) {
                return Ok(Raw {
                    root: Some(only.1),
                    len: self.len,
                });
            }
            if links.len() != 0 {
                let link = links.close()?;
                self.raise(above, link)?;
            }
            level = above;
        }
    }

    fn close_leaf(&mut self) -> Result<(), NoMemory> {
        if self.words == 0 {
            return Ok(());
        }
        let entries = self.leaf.get(..self.words).unwrap_or_default();
        let link = Leaf::link(self.form, entries)?;
        self.words = 0;
        self.raise(0, link)
    }

    /// Puts `link` into `level`; a level that is full becomes a node of the next one first.
    fn raise(&mut self, level: usize, mut link: Link) -> Result<(), NoMemory> {
        let levels = self.levels.as_mut_slice();
        for links in levels.get_mut(level..).unwrap_or_default() {
            let full = if links.len() >= FAN {
                Some(links.close()?)
            } else {
                None
            };
            links.push(Some(link));
            match full {
                Some(node) => link = node,
                None => return Ok(()),
            }
        }
        let mut links = Draft::new();
        links.push(Some(link));
        self.levels.push(links)
    }
}
