// SPDX-License-Identifier: GPL-2.0-only

//! Changes: each gives a new version of the tree and leaves the old one alone.

use super::node::{key_of, Entry, Form, Inner, Leaf, Link, Node, FAN, LEAF_WORDS, MOST_WORDS};
use super::{Raw, MAX_HEIGHT};
use crate::mem::NoMemory;

/// What has become of a node: nothing, one node, or two.
type Change = (Option<Link>, Option<Link>);

/// The way from the root to a leaf: the inner nodes, and the slot taken in each.
struct Path<'a> {
    steps: [Option<(&'a Inner, usize)>; MAX_HEIGHT],
    /// `None` in an empty tree.
    leaf: Option<&'a Leaf>,
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

/// The entries of a leaf that is being made: one more than fit.
struct LeafDraft {
    len: usize,
    words: [u32; LEAF_WORDS + MOST_WORDS],
}

impl LeafDraft {
    /// The entries of all parts.
    fn of(parts: [&[u32]; 3]) -> LeafDraft {
        let mut words = [0; LEAF_WORDS + MOST_WORDS];
        let mut len = 0usize;
        let mut room = words.iter_mut();
        for part in parts {
            for (from, to) in part.iter().zip(room.by_ref()) {
                *to = *from;
                len = len.wrapping_add(1);
            }
        }
        LeafDraft { len, words }
    }

    /// The leaf or leaves, after a change at entry `at`.
    fn change(&self, form: Form, at: usize) -> Result<Change, NoMemory> {
        let words = self.words.get(..self.len).unwrap_or_default();
        let total = words.len().checked_div(form.stride).unwrap_or(0);
        if total == 0 {
            return Ok((None, None));
        }
        if total <= form.room {
            return Ok((Some(Leaf::link(form, words)?), None));
        }
        let left = left_of_split(at, total, form.room).wrapping_mul(form.stride);
        let (a, b) = words.split_at_checked(left).ok_or(NoMemory)?;
        Ok((Some(Leaf::link(form, a)?), Some(Leaf::link(form, b)?)))
    }
}

/// The children of an inner node that is being made.
pub(super) struct Draft {
    len: usize,
    links: [Option<Link>; FAN + 2],
}

impl Draft {
    pub(super) const fn new() -> Draft {
        Draft {
            len: 0,
            links: [const { None }; FAN + 2],
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The child, if there is no other.
    pub(super) fn only(&self) -> Option<Link> {
        if self.len != 1 {
            return None;
        }
        self.links.first().cloned().flatten()
    }

    /// Adds a child behind the others.
    pub(super) fn push(&mut self, link: Option<Link>) {
        if let (Some(link), Some(free)) = (link, self.links.get_mut(self.len)) {
            *free = Some(link);
            self.len = self.len.wrapping_add(1);
        }
    }

    /// Adds the children of `inner` from slot `from` up to `to`.
    fn extend(&mut self, inner: &Inner, from: usize, to: usize) {
        for slot in from..to {
            let link = inner.at(slot);
            self.push(link.map(|(known_by, child)| (known_by, child.clone())));
        }
    }

    /// One node of all the children, which leave.
    pub(super) fn close(&mut self) -> Result<Link, NoMemory> {
        self.len = 0;
        Inner::link(&mut self.links)
    }

    /// The node or nodes, after a change at child `at`.
    fn change(mut self, at: usize) -> Result<Change, NoMemory> {
        if self.len == 0 {
            return Ok((None, None));
        }
        if self.len <= FAN {
            return Ok((Some(self.close()?), None));
        }
        let left = left_of_split(at, self.len, FAN);
        let (a, b) = self.links.split_at_mut_checked(left).ok_or(NoMemory)?;
        Ok((Some(Inner::link(a)?), Some(Inner::link(b)?)))
    }
}

impl Raw {
    /// The version with `entry`, whatever was at its key before.
    pub(super) fn insert(&self, form: Form, entry: &Entry) -> Result<Raw, NoMemory> {
        let key = key_of(entry);
        let path = self.path(key)?;
        let (at, new, before, after) = path.around(form, key);
        let entry = entry.get(..form.stride).unwrap_or_default();
        let change = LeafDraft::of([before, entry, after]).change(form, at)?;
        let len = self.len.saturating_add(u64::from(new));
        path.climb(form, change, false, len)
    }

    /// The version without `key`; the same one if it is not there.
    pub(super) fn remove(&self, form: Form, key: u64) -> Result<Raw, NoMemory> {
        let path = self.path(key)?;
        let (at, new, before, after) = path.around(form, key);
        if new {
            return Ok(self.clone());
        }
        let change = LeafDraft::of([before, &[], after]).change(form, at)?;
        path.climb(form, change, true, self.len.saturating_sub(1))
    }

    /// The way to the leaf in whose range `key` lies.
    fn path(&self, key: u64) -> Result<Path<'_>, NoMemory> {
        let mut path = Path {
            steps: [None; MAX_HEIGHT],
            leaf: None,
        };
        let mut free = path.steps.iter_mut();
        let mut next = self.root.as_deref();
        while let Some(node) = next {
            match node {
                Node::Leaf(leaf) => {
                    path.leaf = Some(leaf);
                    next = None;
                }
                Node::Inner(inner) => {
                    let slot = inner.slot(key);
                    *free.next().ok_or(NoMemory)? = Some((inner, slot));
                    next = inner.child(slot);
                }
            }
        }
        Ok(path)
    }
}

impl<'a> Path<'a> {
    /// Where `key` belongs in the leaf, whether it is a new one, and the entries before and behind it.
    fn around(&self, form: Form, key: u64) -> (usize, bool, &'a [u32], &'a [u32]) {
        let Some(leaf) = self.leaf else {
            return (0, true, &[], &[]);
        };
        let at = leaf.lower_bound(form, key);
        let new = at >= leaf.len() || key_of(leaf.entry(form, at)) != key;
        let rest = at.saturating_add(usize::from(!new));
        let before = leaf.entries(form, 0, at);
        (at, new, before, leaf.entries(form, rest, leaf.len()))
    }

    /// Carries a change of the leaf up to the root: the tree of `len` entries that comes of it.
    fn climb(
        &self,
        form: Form,
        mut change: Change,
        shrunk: bool,
        len: u64,
    ) -> Result<Raw, NoMemory> {
        for &(inner, slot) in self.steps.iter().rev().flatten() {
            change = inner.replace(form, slot, change, shrunk)?;
        }
        let mut root = match change {
            (Some(a), Some(b)) => Some(Inner::link(&mut [Some(a), Some(b)])?.1),
            (a, _) => a.map(|link| link.1),
        };
        // A root with one child says nothing.
        while let Some(Node::Inner(inner)) = root.as_deref() {
            let (Some((_, only)), None) = (inner.at(0), inner.at(1)) else {
                break;
            };
            root = Some(only.clone());
        }
        Ok(Raw { root, len })
    }
}

impl Inner {
    /// The node with the child in `slot` replaced by what `change` says. One that has `shrunk` is put
    /// together with a neighbour if they fit.
    fn replace(
        &self,
        form: Form,
        slot: usize,
        change: Change,
        shrunk: bool,
    ) -> Result<Change, NoMemory> {
        let (mut a, b) = change;
        let (mut from, mut to) = (slot, slot.saturating_add(1));
        if let Some(link) = a.take_if(|_| shrunk) {
            let before = slot.checked_sub(1).and_then(|slot| self.at(slot));
            let joined = match before {
                Some((_, before)) => join(form, before, &link.1)?,
                None => None,
            };
            a = Some(match (joined, self.at(to)) {
                (Some(both), _) => {
                    from = slot.saturating_sub(1);
                    both
                }
                (None, Some((_, behind))) => match join(form, &link.1, behind)? {
                    Some(both) => {
                        to = to.saturating_add(1);
                        both
                    }
                    None => link,
                },
                (None, None) => link,
            });
        }
        // INVARIANT: the key of the slot stays low enough for all that was, and now is, below it.
        if let (Some(a), Some(old)) = (&mut a, self.at(from)) {
            a.0 = a.0.min(old.0);
        }
        let mut draft = Draft::new();
        draft.extend(self, 0, from);
        draft.push(a);
        draft.push(b);
        draft.extend(self, to, FAN);
        draft.change(from.saturating_add(1))
    }
}

/// Two neighbours as one node; `None` if they would fill it too far.
fn join(form: Form, a: &Node, b: &Node) -> Result<Option<Link>, NoMemory> {
    match (a, b) {
        (Node::Leaf(a), Node::Leaf(b)) if fit_together(a.len(), b.len(), form.room) => {
            let (first, second) = (a.entries(form, 0, a.len()), b.entries(form, 0, b.len()));
            Ok(LeafDraft::of([first, second, &[]]).change(form, 0)?.0)
        }
        (Node::Inner(a), Node::Inner(b)) if fit_together(a.len(), b.len(), FAN) => {
            let mut draft = Draft::new();
            draft.extend(a, 0, FAN);
            draft.extend(b, 0, FAN);
            Ok(Some(draft.close()?))
        }
        _ => Ok(None),
    }
}
