// SPDX-License-Identifier: GPL-2.0-only

//! CRC32C (Castagnoli), the checksum of every metadata block.
//!
//! A byte a step: a million entries are 16 MiB of blocks in each of two copies, and most of the time that it
//! takes to load them was this at half a byte a step.

/// The reflected polynomial.
const POLY: u32 = 0x82f6_3b78;

/// What each byte contributes.
static TABLE: [u32; 256] = table();

// Evaluated by the compiler alone: an index that is out of bounds, or a sum that overflows, would be
// an error of the build.
#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]
const fn table() -> [u32; 256] {
    let mut table = [0u32; 256];
    let mut b = 0;
    while b < 256 {
        let mut c = b as u32;
        let mut bit = 0;
        while bit < 8 {
            c = if c & 1 == 1 { (c >> 1) ^ POLY } else { c >> 1 };
            bit += 1;
        }
        table[b] = c;
        b += 1;
    }
    table
}

/// A checksum that is being computed.
#[derive(Clone, Copy, Debug)]
pub struct Crc32c(u32);

impl Crc32c {
    /// The checksum of nothing, so far.
    pub const fn new() -> Self {
        Crc32c(!0)
    }

    /// Goes on with `bytes`.
    #[must_use]
    #[inline(never)]
    pub fn with(self, bytes: &[u8]) -> Self {
        let mut crc = self.0;
        for &byte in bytes {
            let [low, ..] = crc.to_le_bytes();
            // Always inside: the compiler drops the test.
            let entry = TABLE.get(usize::from(low ^ byte)).copied().unwrap_or(0);
            crc = crc.wrapping_shr(8) ^ entry;
        }
        Crc32c(crc)
    }

    /// The checksum.
    pub const fn value(self) -> u32 {
        !self.0
    }
}

impl Default for Crc32c {
    fn default() -> Self {
        Self::new()
    }
}

/// The CRC32C of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    Crc32c::new().with(bytes).value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_rfc_3720() {
        // Appendix B.4 of the iSCSI standard.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let up: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&up), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn pieces_make_the_whole() {
        let bytes: Vec<u8> = (0..1000u32).map(|i| (i * 7 % 251) as u8).collect();
        for cut in 0..=bytes.len() {
            let (a, b) = bytes.split_at(cut);
            assert_eq!(Crc32c::new().with(a).with(b).value(), crc32c(&bytes));
        }
    }
}
