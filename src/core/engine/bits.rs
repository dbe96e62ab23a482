// SPDX-License-Identifier: GPL-2.0-only

//! A set of sectors of one block.

use crate::{
    mem::{Buf, NoMemory},
    record::CHUNK_SECTORS,
};

/// The bits of `len` sectors from `first` on, within one chunk; what lies beyond it is cut.
pub(super) const fn mask(first: u32, len: u32) -> u64 {
    let all = if len >= CHUNK_SECTORS {
        u64::MAX
    } else {
        1u64.wrapping_shl(len).wrapping_sub(1)
    };
    if first >= CHUNK_SECTORS {
        0
    } else {
        all.wrapping_shl(first)
    }
}

/// A set of sectors of one block, a word a chunk.
#[derive(Default)]
pub(super) struct Bits(Buf<u64>);

impl Bits {
    /// The empty set, with room for `chunks` chunks.
    pub(super) fn new(chunks: u32) -> Result<Bits, NoMemory> {
        let mut words = Buf::new();
        words.try_reserve(usize::try_from(chunks).map_err(|_| NoMemory)?)?;
        for _ in 0..chunks {
            words.push(0)?;
        }
        Ok(Bits(words))
    }

    /// Takes all sectors out.
    pub(super) fn clear(&mut self) {
        self.0.as_mut_slice().fill(0);
    }

    /// Puts `len` sectors from `first` on in.
    pub(super) fn add(&mut self, first: u32, len: u32) {
        for (chunk, bits) in Parts::of(first, len) {
            if let Some(word) = word(&mut self.0, chunk) {
                *word |= bits;
            }
        }
    }

    /// The sectors of `chunk` that are in the set.
    pub(super) fn chunk(&self, chunk: u16) -> u64 {
        self.0
            .as_slice()
            .get(usize::from(chunk))
            .copied()
            .unwrap_or(0)
    }

    /// Puts the sectors `bits` of `chunk` in.
    pub(super) fn add_bits(&mut self, chunk: u16, bits: u64) {
        if let Some(word) = word(&mut self.0, chunk) {
            *word |= bits;
        }
    }
}

fn word(words: &mut Buf<u64>, chunk: u16) -> Option<&mut u64> {
    words.as_mut_slice().get_mut(usize::from(chunk))
}

/// A range of sectors of a block, chunk by chunk: the chunk, and the bits in it.
pub(super) struct Parts {
    at: u32,
    end: u32,
}

impl Parts {
    /// Of `len` sectors from `first` on.
    pub(super) const fn of(first: u32, len: u32) -> Parts {
        Parts {
            at: first,
            end: first.saturating_add(len),
        }
    }
}

impl Iterator for Parts {
    type Item = (u16, u64);

    #[inline(never)]
    fn next(&mut self) -> Option<(u16, u64)> {
        if self.at >= self.end {
            return None;
        }
        let chunk = self.at.wrapping_div(CHUNK_SECTORS);
        let first = self.at.wrapping_rem(CHUNK_SECTORS);
        let len = self
            .end
            .saturating_sub(self.at)
            .min(CHUNK_SECTORS.saturating_sub(first));
        self.at = self.at.saturating_add(len);
        Some((u16::try_from(chunk).ok()?, mask(first, len)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_at_the_edges_of_a_chunk() {
        assert_eq!(mask(0, 0), 0);
        assert_eq!(mask(0, 64), u64::MAX);
        assert_eq!(mask(63, 5), 1 << 63);
        assert_eq!(mask(64, 1), 0);
        assert_eq!(mask(8, 8), 0xff00);
    }

    #[test]
    fn a_range_over_three_chunks() {
        let mut bits = Bits::new(4).expect("granted");
        bits.add(60, 72);
        assert_eq!(bits.chunk(0), mask(60, 4));
        assert_eq!(bits.chunk(1), u64::MAX);
        assert_eq!(bits.chunk(2), mask(0, 4));
        assert_eq!(bits.chunk(3), 0);
        bits.add_bits(3, 1);
        assert_eq!(bits.chunk(3), 1);
        bits.clear();
        assert_eq!(bits.chunk(1), 0);
    }
}
