// SPDX-License-Identifier: GPL-2.0-only

//! The nodes of a tree: never changed once made, built from the entries that they shall have.

use crate::mem::{NoMemory, Shared};
use crate::search::{first_not, last_low};

/// Children of an inner node. Nodes are built on the kernel's stack, so they are small: with the reference
/// count 256 bytes, a size that the kernel's allocator serves without waste.
pub(super) const FAN: usize = 15;

/// Words of a leaf: it is as large as an inner node.
pub(super) const LEAF_WORDS: usize = 60;

/// Words of a key.
pub(super) const KEY_WORDS: usize = 2;

/// Words of the largest entry.
pub(super) const MOST_WORDS: usize = 8;

/// An entry, the lower half of its key first; what its tree does not use is zero.
pub(super) type Entry = [u32; MOST_WORDS];

/// The entry of `key`, without its value.
pub(super) fn entry(key: u64) -> Entry {
    let [a, b, c, d, e, f, g, h] = key.to_le_bytes();
    let low = u32::from_le_bytes([a, b, c, d]);
    let high = u32::from_le_bytes([e, f, g, h]);
    [low, high, 0, 0, 0, 0, 0, 0]
}

/// The key of an entry.
#[inline]
pub(super) fn key_of(words: &[u32]) -> u64 {
    match *words {
        [low, high, ..] => u64::from(low) | u64::from(high).wrapping_shl(32),
        // No entry is that short.
        _ => u64::MAX,
    }
}

/// How entries lie in the leaves of a tree.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// Words of an entry.
    pub(super) stride: usize,
    /// How many entries a leaf holds.
    pub(super) room: usize,
}

/// What a child is known by, and the child.
pub(super) type Link = (u64, Shared<Node>);

/// A node. It is in memory of its own whichever it is, and both are made to be of one size.
#[allow(clippy::large_enum_variant)]
pub(super) enum Node {
    /// Entries.
    Leaf(Leaf),
    /// Children.
    Inner(Inner),
}

/// The entries of one range of keys.
///
/// # Invariants
///
/// The first `len` entries of the words are set, in ascending order of their keys; all other bits are ones.
pub(super) struct Leaf {
    len: u16,
    words: [u32; LEAF_WORDS],
}

/// The children of one range of keys.
///
/// # Invariants
///
/// The first slots have children, whose keys ascend. In those that have none the key is the highest number.
pub(super) struct Inner {
    slots: [Slot; FAN],
}

/// A child and what it is known by, side by side: a search has the child where it found the key.
struct Slot {
    known_by: u64,
    child: Option<Shared<Node>>,
}

impl Slot {
    const FREE: Slot = Slot {
        known_by: u64::MAX,
        child: None,
    };
}

/// The first index below `len` that is not `below`; those that are come before all others.
#[inline]
fn first_index(len: u16, below: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0usize, usize::from(len));
    while low < high {
        // No more than `len`.
        let middle = low.wrapping_add(high).wrapping_shr(1);
        if below(middle) {
            low = middle.wrapping_add(1);
        } else {
            high = middle;
        }
    }
    low
}

impl Leaf {
    /// The leaf with these whole entries, which ascend, in memory of its own.
    pub(super) fn link(form: Form, entries: &[u32]) -> Result<Link, NoMemory> {
        let mut words = [u32::MAX; LEAF_WORDS];
        for (to, from) in words.iter_mut().zip(entries) {
            *to = *from;
        }
        let len = entries.len().checked_div(form.stride).unwrap_or(0);
        // INVARIANT: the caller gave whole entries in order.
        let leaf = Leaf {
            len: u16::try_from(len).map_err(|_| NoMemory)?,
            words,
        };
        Ok((key_of(entries), Shared::try_new(Node::Leaf(leaf))?))
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// The index of the first key that is not below `key`.
    #[inline]
    pub(super) fn lower_bound(&self, form: Form, key: u64) -> usize {
        first_index(self.len, |at| key_of(self.entry(form, at)) < key)
    }

    /// The last key that is at most `key`, or the first one if none is, in a leaf of up to `N` entries; or the
    /// highest number, for that.
    #[inline(always)]
    pub(super) fn last_to<const N: usize>(&self, form: Form, key: u64) -> u64 {
        // What is not set is above.
        let entries = self.words.get(..form.stride.wrapping_mul(N));
        let entries = entries.unwrap_or_default();
        key_of(last_low(entries, form.stride, |e| key_of(e) <= key))
    }

    /// The words from the entry at `at` on; none past the last one.
    #[inline]
    pub(super) fn entry(&self, form: Form, at: usize) -> &[u32] {
        let words = self.words.get(at.wrapping_mul(form.stride)..);
        words.unwrap_or_default()
    }

    /// The entries from `from` up to `to`, in order.
    pub(super) fn entries(&self, form: Form, from: usize, to: usize) -> &[u32] {
        let to = to.min(self.len());
        let words = from.wrapping_mul(form.stride)..to.wrapping_mul(form.stride);
        self.words.get(words).unwrap_or_default()
    }
}

impl Inner {
    /// The node with up to [`FAN`] of the links, which ascend, in memory of its own; they are taken.
    pub(super) fn link(from: &mut [Option<Link>]) -> Result<Link, NoMemory> {
        let mut slots = [Slot::FREE; FAN];
        for (slot, from) in slots.iter_mut().zip(from) {
            let Some((known_by, node)) = from.take() else {
                break;
            };
            *slot = Slot {
                known_by,
                child: Some(node),
            };
        }
        let [Slot { known_by, .. }, ..] = slots;
        // INVARIANT: the caller gave them in order.
        Ok((known_by, Shared::try_new(Node::Inner(Inner { slots }))?))
    }

    /// How many children there are.
    pub(super) fn len(&self) -> usize {
        self.slots.iter().take_while(|s| s.child.is_some()).count()
    }

    /// What the child in `slot` is known by, and the child.
    #[inline]
    pub(super) fn at(&self, slot: usize) -> Option<(u64, &Shared<Node>)> {
        let slot = self.slots.get(slot)?;
        Some((slot.known_by, slot.child.as_ref()?))
    }

    /// The slot of the child in whose range `key` lies.
    #[inline]
    pub(super) fn slot(&self, key: u64) -> usize {
        let low = |slot: &Slot| slot.known_by <= key && slot.child.is_some();
        first_not(&self.slots, low).saturating_sub(1)
    }

    /// The child in whose range `key` lies, if that is not the highest number.
    #[inline(always)]
    pub(super) fn towards(&self, key: u64) -> Option<&Node> {
        // The key of a slot that is free is above.
        let low = |slots: &[Slot]| matches!(slots, [slot, ..] if slot.known_by <= key);
        match last_low(&self.slots, 1, low) {
            [slot, ..] => slot.child.as_deref(),
            [] => None,
        }
    }

    /// The child in `slot`.
    #[inline]
    pub(super) fn child(&self, slot: usize) -> Option<&Node> {
        self.slots.get(slot)?.child.as_deref()
    }
}
