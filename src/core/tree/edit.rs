// SPDX-License-Identifier: GPL-2.0-only

//! Changes: each gives a new version of the tree and leaves the old one alone.

use super::node::{Inner, Leaf, Link, Node, FAN};
use super::{Tree, MAX_HEIGHT};
use crate::mem::NoMemory;

/// What has become of a node.
enum Change<V, const N: usize> {
    Gone,
    One(Link<V, N>),
    Two(Link<V, N>, Link<V, N>),
}

/// The way from the root to a leaf: the inner nodes, and the slot taken in each.
struct Path<'a, V, const N: usize> {
    steps: [Option<(&'a Inner<V, N>, usize)>; MAX_HEIGHT],
    leaf: &'a Leaf<V, N>,
}

/// How many of `total` entries go left when a node of `room` is split after a change at `at`.
///
/// Keys that come in order leave full nodes behind; others leave two halves.
fn left_of_split(at: usize, total: usize, room: usize) -> usize {
    if at == 0 {
        total.saturating_sub(room)
    } else if at.saturating_add(1) == total {
        room
    } else {
        total.wrapping_shr(1)
    }
}

/// Two neighbours that together fill a node to seven eighths or less are made one.
fn fit_together(a: usize, b: usize, room: usize) -> bool {
    a.saturating_add(b) <= room.saturating_sub(room.wrapping_shr(3))
}

impl<V: Copy + Default, const N: usize> Tree<V, N> {
    /// The version with `value` at `key`, whatever was there before.
    pub fn insert(&self, key: u64, value: V) -> Result<Self, NoMemory> {
        let Some(path) = self.path(key)? else {
            let link = Leaf::fill(core::iter::once((key, value))).into_link()?;
            return Ok(Tree {
                root: Some(link.1),
                len: 1,
            });
        };
        let (change, new) = path.leaf.with(key, value)?;
        let change = path.climb(change, |inner, slot, change| inner.splice(slot, 1, change))?;
        let mut tree = Self::rooted(change)?;
        tree.len = self.len.saturating_add(u64::from(new));
        Ok(tree)
    }

    /// The version without `key`; the same one if it is not there.
    pub fn remove(&self, key: u64) -> Result<Self, NoMemory> {
        let Some(path) = self.path(key)? else {
            return Ok(self.clone());
        };
        let Some(change) = path.leaf.without(key)? else {
            return Ok(self.clone());
        };
        let change = path.climb(change, Inner::shrink)?;
        let mut tree = Self::rooted(change)?;
        tree.len = self.len.saturating_sub(1);
        Ok(tree)
    }

    /// The tree of which `change` is the top.
    fn rooted(change: Change<V, N>) -> Result<Self, NoMemory> {
        let mut root = match change {
            Change::Gone => None,
            Change::One(link) => Some(link.1),
            Change::Two(a, b) => Some(Inner::fill([a, b].into_iter()).into_link()?.1),
        };
        // A root with one child says nothing.
        while let Some(Node::Inner(inner)) = root.as_deref() {
            if inner.len() != 1 {
                break;
            }
            root = inner.link(0).map(|link| link.1);
        }
        Ok(Tree { root, len: 0 })
    }

    /// The way to the leaf in whose range `key` lies; `None` in an empty tree.
    fn path(&self, key: u64) -> Result<Option<Path<'_, V, N>>, NoMemory> {
        let Some(mut node) = self.root.as_deref() else {
            return Ok(None);
        };
        let mut steps = [None; MAX_HEIGHT];
        let mut free = steps.iter_mut();
        loop {
            match node {
                Node::Leaf(leaf) => return Ok(Some(Path { steps, leaf })),
                Node::Inner(inner) => {
                    let slot = inner.slot(key);
                    *free.next().ok_or(NoMemory)? = Some((inner, slot));
                    node = inner.child(slot).ok_or(NoMemory)?;
                }
            }
        }
    }
}

impl<'a, V, const N: usize> Path<'a, V, N> {
    /// Carries a change of the leaf up to the root; `apply` makes it in one inner node.
    fn climb(
        &self,
        mut change: Change<V, N>,
        apply: impl Fn(&'a Inner<V, N>, usize, Change<V, N>) -> Result<Change<V, N>, NoMemory>,
    ) -> Result<Change<V, N>, NoMemory> {
        for &(inner, slot) in self.steps.iter().rev().flatten() {
            change = apply(inner, slot, change)?;
        }
        Ok(change)
    }
}

impl<V: Copy + Default, const N: usize> Leaf<V, N> {
    /// The leaf with `value` at `key`, and whether the key is a new one.
    fn with(&self, key: u64, value: V) -> Result<(Change<V, N>, bool), NoMemory> {
        let at = self.lower_bound(key);
        let new = self.keys().get(at) != Some(&key);
        let total = self.len().saturating_add(usize::from(new));
        let rest = at.saturating_add(usize::from(!new));
        let mut entries = (self.entries(0, at))
            .chain(core::iter::once((key, value)))
            .chain(self.entries(rest, N));
        if total <= N {
            let leaf = Self::fill(entries).into_link()?;
            return Ok((Change::One(leaf), new));
        }
        let left = left_of_split(at, total, N);
        let a = Self::fill(entries.by_ref().take(left)).into_link()?;
        let b = Self::fill(entries).into_link()?;
        Ok((Change::Two(a, b), new))
    }

    /// The leaf without `key`; `None` if it is not there.
    fn without(&self, key: u64) -> Result<Option<Change<V, N>>, NoMemory> {
        let at = self.lower_bound(key);
        if self.keys().get(at) != Some(&key) {
            return Ok(None);
        }
        if self.len() == 1 {
            return Ok(Some(Change::Gone));
        }
        let rest = self.entries(at.saturating_add(1), N);
        let leaf = Self::fill(self.entries(0, at).chain(rest)).into_link()?;
        Ok(Some(Change::One(leaf)))
    }
}

impl<V, const N: usize> Inner<V, N> {
    /// The node with `count` children from `slot` on replaced by what `change` says.
    fn splice(
        &self,
        slot: usize,
        count: usize,
        change: Change<V, N>,
    ) -> Result<Change<V, N>, NoMemory> {
        // INVARIANT: the key of the slot stays low enough for all that was, and now is, below it.
        let low = |link: Link<V, N>| (self.key(slot).map_or(link.0, |k| k.min(link.0)), link.1);
        let (a, b) = match change {
            Change::Gone => (None, None),
            Change::One(a) => (Some(low(a)), None),
            Change::Two(a, b) => (Some(low(a)), Some(b)),
        };
        let total = self
            .len()
            .saturating_sub(count)
            .saturating_add(usize::from(a.is_some()))
            .saturating_add(usize::from(b.is_some()));
        if total == 0 {
            return Ok(Change::Gone);
        }
        let mut links = (self.links(0, slot))
            .chain(a)
            .chain(b)
            .chain(self.links(slot.saturating_add(count), FAN));
        if total <= FAN {
            return Ok(Change::One(Self::fill(links).into_link()?));
        }
        let left = left_of_split(slot.saturating_add(1), total, FAN);
        let a = Self::fill(links.by_ref().take(left)).into_link()?;
        let b = Self::fill(links).into_link()?;
        Ok(Change::Two(a, b))
    }
}

impl<V: Copy + Default, const N: usize> Inner<V, N> {
    /// The node with the child in `slot` replaced by a smaller one, put together with a neighbour if they fit.
    fn shrink(&self, slot: usize, change: Change<V, N>) -> Result<Change<V, N>, NoMemory> {
        let Change::One(link) = change else {
            return self.splice(slot, 1, change);
        };
        let before = slot.checked_sub(1);
        if let Some((at, node)) = before.and_then(|at| Some((at, self.child(at)?))) {
            if let Some(both) = join(node, &link.1)? {
                return self.splice(at, 2, Change::One(both));
            }
        }
        if let Some(node) = self.child(slot.saturating_add(1)) {
            if let Some(both) = join(&link.1, node)? {
                return self.splice(slot, 2, Change::One(both));
            }
        }
        self.splice(slot, 1, Change::One(link))
    }
}

/// Two neighbours as one node; `None` if they would fill it too far.
fn join<V: Copy + Default, const N: usize>(
    a: &Node<V, N>,
    b: &Node<V, N>,
) -> Result<Option<Link<V, N>>, NoMemory> {
    match (a, b) {
        (Node::Leaf(a), Node::Leaf(b)) if fit_together(a.len(), b.len(), N) => {
            let leaf = Leaf::fill(a.entries(0, N).chain(b.entries(0, N)));
            Ok(Some(leaf.into_link()?))
        }
        (Node::Inner(a), Node::Inner(b)) if fit_together(a.len(), b.len(), FAN) => {
            let inner = Inner::fill(a.links(0, FAN).chain(b.links(0, FAN)));
            Ok(Some(inner.into_link()?))
        }
        _ => Ok(None),
    }
}
