// SPDX-License-Identifier: GPL-2.0-only

//! What is typed at dm-remap, and what it prints: the table line, messages, replies and the status line.
//!
//! Words come as device-mapper splits them, and text goes to any [`core::fmt::Write`]. Every way to be
//! wrong has a text of its own, which says what would be right.

pub mod geometry;
pub mod message;
pub mod reply;
pub mod status;
pub mod table;

use core::fmt;

/// Text on its way out: words, and words with a number behind them.
///
/// An error is kept and ends what follows, so that it is asked for once, at the end. (That, and no
/// `write!` with arguments of its own for each line, is most of what its users would otherwise be.)
struct Out<'a> {
    to: &'a mut dyn fmt::Write,
    result: fmt::Result,
}

impl<'a> Out<'a> {
    fn new(to: &'a mut dyn fmt::Write) -> Self {
        Out { to, result: Ok(()) }
    }

    #[inline(never)]
    fn text(&mut self, text: &str) {
        if self.result.is_ok() {
            self.result = self.to.write_str(text);
        }
    }

    #[inline(never)]
    fn number(&mut self, before: &str, number: u64) {
        self.text(before);
        if self.result.is_ok() {
            self.result = write!(self.to, "{number}");
        }
    }
}

/// Why a word is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotANumber {
    /// It has something else than decimal digits, or nothing.
    Digits,
    /// It does not fit into 64 bits.
    TooLarge,
}

/// The number that `word` is: decimal digits and nothing else.
fn number(word: &str) -> Result<u64, NotANumber> {
    if word.is_empty() || !word.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotANumber::Digits);
    }
    let mut value = 0u64;
    for byte in word.bytes() {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(digit))
            .ok_or(NotANumber::TooLarge)?;
    }
    Ok(value)
}

/// The number that `word` is, if it is decimal digits and fits into 32 bits.
pub fn small_number(word: &str) -> Option<u32> {
    u32::try_from(number(word).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_digits_and_fit() {
        assert_eq!(number("0"), Ok(0));
        assert_eq!(number("007"), Ok(7));
        assert_eq!(number("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(number("18446744073709551616"), Err(NotANumber::TooLarge));
        assert_eq!(number("99999999999999999999999"), Err(NotANumber::TooLarge));
        for word in ["", "+1", "-1", "1k", "0x10", " 1", "1 ", "١"] {
            assert_eq!(number(word), Err(NotANumber::Digits), "{word:?}");
        }
    }
}
