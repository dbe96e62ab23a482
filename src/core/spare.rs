// SPDX-License-Identifier: GPL-2.0-only

//! Which spare blocks are free.
//!
//! Nothing of this is stored: in use and bad are what the map's records say, so after a reload an
//! allocator cannot disagree with the map. Only a reservation lives in memory alone, from the moment a
//! block is handed out until the record that uses it is durable, or it is given back.

use crate::mem::{Buf, NoMemory};
use crate::units::SpareBlock;

/// The states of 64 spare blocks, a bit a block, the lowest first.
#[derive(Clone, Copy, Default)]
struct Word {
    /// A block of the target lives there.
    used: u64,
    /// Failed: never to be used again.
    bad: u64,
    /// Handed out.
    reserved: u64,
}

impl Word {
    /// The blocks that can be handed out.
    const fn free(self) -> u64 {
        !(self.used | self.bad | self.reserved)
    }
}

/// Words that are looked at in one go: 65,536 blocks, some ten microseconds.
const SEARCH: usize = 1024;

/// The state of every spare block.
///
/// # Invariants
///
/// Bits past the last spare block are marked bad, so they are never handed out. The counts are those of
/// the bits of real blocks.
pub struct Spares {
    words: Buf<Word>,
    total: u32,
    used: u32,
    bad: u32,
    reserved: u32,
    /// The word in which the last block was found: the search goes on from there.
    next: usize,
}

/// Where a block's bit is: the word, and the bit in it.
#[inline]
fn place(spare: SpareBlock) -> (usize, u64) {
    let word = usize::try_from(spare.0.wrapping_shr(6)).unwrap_or(usize::MAX);
    (word, 1u64.wrapping_shl(spare.0 & 63))
}

impl Spares {
    /// `total` free blocks.
    pub fn new(total: u32) -> Result<Self, NoMemory> {
        let mut words = Buf::new();
        let count = usize::try_from(total.div_ceil(64)).map_err(|_| NoMemory)?;
        words.try_reserve(count)?;
        for _ in 0..count {
            words.push(Word::default())?;
        }
        if let (Some(last), 1..) = (words.as_mut_slice().last_mut(), total & 63) {
            // INVARIANT: what lies past the end is bad from the start.
            last.bad = u64::MAX.wrapping_shl(total & 63);
        }
        Ok(Spares {
            words,
            total,
            used: 0,
            bad: 0,
            reserved: 0,
            next: 0,
        })
    }

    fn word(&self, spare: SpareBlock) -> Option<(Word, u64)> {
        let (word, bit) = place(spare);
        Some((*self.words.as_slice().get(word)?, bit))
    }

    fn word_mut(&mut self, spare: SpareBlock) -> Option<(&mut Word, u64)> {
        if spare.0 >= self.total {
            return None;
        }
        let (word, bit) = place(spare);
        Some((self.words.as_mut_slice().get_mut(word)?, bit))
    }

    /// There is such a block.
    pub const fn contains(&self, spare: SpareBlock) -> bool {
        spare.0 < self.total
    }

    /// A block of the target lives there.
    pub fn is_used(&self, spare: SpareBlock) -> bool {
        self.word(spare).is_some_and(|(w, bit)| w.used & bit != 0)
    }

    /// It failed.
    pub fn is_bad(&self, spare: SpareBlock) -> bool {
        self.contains(spare) && self.word(spare).is_some_and(|(w, bit)| w.bad & bit != 0)
    }

    /// Hands out a block that is neither used, bad nor handed out; `None` if there is none.
    pub fn allocate(&mut self) -> Option<SpareBlock> {
        let words = self.words.as_mut_slice();
        let next = self.next.min(words.len());
        let numbers = (next..words.len()).chain(0..next);
        let (before, after) = words.split_at_mut_checked(next)?;
        let (word, at) = after
            .iter_mut()
            .chain(before)
            .zip(numbers)
            .find(|(word, _)| word.free() != 0)?;
        let low = word.free().trailing_zeros();
        word.reserved |= 1u64.wrapping_shl(low);
        self.reserved = self.reserved.saturating_add(1);
        self.next = at;
        let first = u32::try_from(at).ok()?.checked_mul(64)?;
        first.checked_add(low).map(SpareBlock)
    }

    /// Takes back a block that was handed out and is not to be used.
    pub fn release(&mut self, spare: SpareBlock) {
        let Some((word, bit)) = self.word_mut(spare) else {
            return;
        };
        if word.reserved & bit != 0 {
            word.reserved &= !bit;
            self.reserved = self.reserved.saturating_sub(1);
        }
    }

    /// A block of the target lives there from now on; a reservation has served its purpose.
    pub(crate) fn take(&mut self, spare: SpareBlock) {
        self.release(spare);
        if let Some((word, bit)) = self.word_mut(spare) {
            if word.used & bit == 0 {
                word.used |= bit;
                self.used = self.used.saturating_add(1);
            }
        }
    }

    /// Nothing lives there any more.
    pub(crate) fn free(&mut self, spare: SpareBlock) {
        if let Some((word, bit)) = self.word_mut(spare) {
            if word.used & bit != 0 {
                word.used &= !bit;
                self.used = self.used.saturating_sub(1);
            }
        }
    }

    /// It failed; a reservation ends.
    pub(crate) fn spoil(&mut self, spare: SpareBlock) {
        self.release(spare);
        if let Some((word, bit)) = self.word_mut(spare) {
            if word.bad & bit == 0 {
                word.bad |= bit;
                self.bad = self.bad.saturating_add(1);
            }
        }
    }

    /// No block from `from` up to this one is in use. It is, or there is none, or [`SEARCH`] words were looked at.
    pub fn unused_until(&self, from: SpareBlock) -> SpareBlock {
        let (first, bit) = place(from);
        let mut mask = bit.wrapping_neg();
        let mut at = from.0 & !63;
        let words = self.words.as_slice().get(first..).unwrap_or_default();
        for word in words.iter().take(SEARCH) {
            let bits = word.used & mask;
            mask = u64::MAX;
            // All 64, if there is none.
            let unused = bits.trailing_zeros();
            at = at.saturating_add(unused);
            if unused < 64 {
                break;
            }
        }
        SpareBlock(at.min(self.total).max(from.0))
    }

    /// The first bad block from `from` on.
    pub fn bad_from(&self, from: SpareBlock) -> Option<SpareBlock> {
        let (first, bit) = place(from);
        let mut mask = bit.wrapping_neg();
        let words = self.words.as_slice();
        for (word, at) in words.get(first..)?.iter().zip(first..words.len()) {
            let bits = word.bad & mask;
            mask = u64::MAX;
            if bits != 0 {
                let start = u32::try_from(at).ok()?.checked_mul(64)?;
                let spare = SpareBlock(start.checked_add(bits.trailing_zeros())?);
                return self.contains(spare).then_some(spare);
            }
        }
        None
    }

    /// How many there are.
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// How many could be handed out now.
    pub const fn unused(&self) -> u32 {
        self.total
            .saturating_sub(self.used)
            .saturating_sub(self.bad)
            .saturating_sub(self.reserved)
    }

    /// How many failed.
    pub const fn failed(&self) -> u32 {
        self.bad
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_block_is_handed_out_once() {
        for total in [0, 1, 63, 64, 65, 200] {
            let mut spares = Spares::new(total).expect("memory");
            let mut seen = BTreeSet::new();
            while let Some(spare) = spares.allocate() {
                assert!(spares.contains(spare));
                assert!(seen.insert(spare));
            }
            assert_eq!(seen.len(), total as usize);
            assert_eq!(spares.unused(), 0);
        }
    }

    #[test]
    fn what_was_given_back_comes_again_last() {
        let mut spares = Spares::new(200).expect("memory");
        let first = spares.allocate();
        assert_eq!(first, Some(SpareBlock(0)));
        for _ in 1..130 {
            assert!(spares.allocate().is_some());
        }
        spares.release(SpareBlock(0));
        assert_eq!(spares.allocate(), Some(SpareBlock(130)));
        for _ in 131..200 {
            assert!(spares.allocate().is_some());
        }
        assert_eq!(spares.allocate(), Some(SpareBlock(0)));
        assert_eq!(spares.allocate(), None);
    }

    #[test]
    fn what_is_unused_is_stepped_over_within_a_bound() {
        let total = 1_000_000;
        let mut spares = Spares::new(total).expect("memory");
        for used in [5, 64, 700_000] {
            spares.take(SpareBlock(used));
        }
        let until = |from| spares.unused_until(SpareBlock(from)).0;
        assert_eq!((until(0), until(5), until(6), until(64)), (5, 5, 64, 64));
        assert_eq!(until(65), 64 * 1025, "no further in one go");
        let (mut at, mut steps, mut found) = (0, 0, Vec::new());
        while at < total {
            at = until(at);
            if at < total && spares.is_used(SpareBlock(at)) {
                found.push(at);
                at += 1;
            }
            steps += 1;
        }
        assert_eq!(found, [5, 64, 700_000]);
        assert!(steps <= 20, "{steps}");
        assert_eq!((until(total), until(u32::MAX)), (total, u32::MAX));
    }

    #[test]
    fn bad_ones_are_found_in_order() {
        let mut spares = Spares::new(130).expect("memory");
        for bad in [0, 64, 129] {
            spares.spoil(SpareBlock(bad));
        }
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(spare) = spares.bad_from(SpareBlock(from)) {
            found.push(spare.0);
            from = spare.0 + 1;
        }
        assert_eq!(found, [0, 64, 129]);
        assert!(!spares.is_bad(SpareBlock(130)), "there is no such block");
        assert_eq!(spares.failed(), 3);
    }

    proptest! {
        #[test]
        fn equals_twin(total in 1u32..140, ops in prop::collection::vec((0u8..5, 0u32..150), 0..300)) {
            let mut spares = Spares::new(total).expect("memory");
            let (mut used, mut bad, mut reserved) =
                (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            for (op, n) in ops {
                let spare = SpareBlock(n);
                let real = n < total;
                match op {
                    0 => match spares.allocate() {
                        Some(s) => {
                            prop_assert!(s.0 < total);
                            prop_assert!(!used.contains(&s) && !bad.contains(&s));
                            prop_assert!(reserved.insert(s));
                        }
                        None => {
                            let mut all: BTreeSet<_> = used.union(&bad).copied().collect();
                            all.extend(&reserved);
                            prop_assert_eq!(all.len(), total as usize);
                        }
                    },
                    1 => {
                        spares.release(spare);
                        reserved.remove(&spare);
                    }
                    2 => {
                        spares.take(spare);
                        reserved.remove(&spare);
                        if real { used.insert(spare); }
                    }
                    3 => {
                        spares.free(spare);
                        used.remove(&spare);
                    }
                    _ => {
                        spares.spoil(spare);
                        reserved.remove(&spare);
                        used.remove(&spare);
                        spares.free(spare);
                        if real { bad.insert(spare); }
                    }
                }
                prop_assert_eq!(spares.is_used(spare), used.contains(&spare));
                prop_assert_eq!(spares.is_bad(spare), bad.contains(&spare));
                let taken: BTreeSet<_> = used.union(&bad).copied().collect();
                if taken.is_disjoint(&reserved) && used.is_disjoint(&bad) {
                    let n = used.len() + bad.len() + reserved.len();
                    prop_assert_eq!(spares.unused(), total - n as u32);
                }
            }
        }
    }
}
