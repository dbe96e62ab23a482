// SPDX-License-Identifier: GPL-2.0-only

//! Map files of GNU ddrescue: where it is, and then all parts in order, each with a sign for how it is.

use super::{lines, shown, Bad, Place, Run, Wrong};

/// How a part can be: not tried, not trimmed, not scraped, bad, finished.
const SIGNS: [&str; 5] = ["?", "*", "/", "-", "+"];

/// The same of the work: copying, trimming, scraping, retrying, filling, generating, finished.
const WORK: [&str; 7] = ["?", "*", "/", "-", "F", "G", "+"];

/// What is bad; with `failed`, also what failed as a whole and was not tried sector by sector.
pub fn parse(bytes: &[u8], failed: bool, size_sectors: u64) -> Result<Vec<Run>, Wrong> {
    let mut bad = Bad::on(size_sectors);
    let mut begun = false;
    let mut last: Option<u64> = None;
    for line in lines(bytes) {
        let (line, text) = line?;
        let place = Place::Line(line);
        let wrong = |what: String| Wrong { place, what };
        // No line has four, and one may have millions.
        let words: Vec<&str> = text.split_ascii_whitespace().take(4).collect();
        if !begun {
            let right = match words.as_slice() {
                [at, work] => number(at).is_some() && WORK.contains(work),
                [at, work, pass] => {
                    number(at).is_some() && WORK.contains(work) && number(pass).is_some()
                }
                _ => false,
            };
            if !right {
                return Err(wrong(format!(
                    "{} does not say where ddrescue is, as its first line has to",
                    shown(text)
                )));
            }
            begun = true;
            continue;
        }
        let part = match words.as_slice() {
            [at, len, sign] if SIGNS.contains(sign) => number(at)
                .zip(number(len))
                .map(|(at, len)| (at, len, *sign)),
            _ => None,
        };
        let Some((first, len, sign)) = part else {
            return Err(wrong(format!(
                "{} is no position, size and one of ? * / - +",
                shown(text)
            )));
        };
        let end = first.checked_add(len).filter(|_| len > 0);
        let Some(end) = end else {
            return Err(wrong(format!(
                "a part has no size like {}",
                shown(words[1])
            )));
        };
        if last.is_some_and(|last| last != first) {
            return Err(wrong(format!(
                "{} is not where the part before it ends",
                shown(words[0])
            )));
        }
        last = Some(end);
        if sign == "-" || failed && (sign == "*" || sign == "/") {
            bad.add(place, first, len)?;
        }
    }
    if !begun {
        return Err(Wrong {
            place: Place::Line(1),
            what: "this is no map file: nothing is in it".to_owned(),
        });
    }
    Ok(bad.runs())
}

/// As C reads it: hexadecimal with 0x, octal with 0.
fn number(word: &str) -> Option<u64> {
    let (digits, radix) = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if word.len() > 1 && word.starts_with('0') => (word, 8),
        None => (word, 10),
    };
    // A sign is no digit.
    let all = digits.chars().all(|digit| digit.is_digit(radix));
    u64::from_str_radix(digits, radix).ok().filter(|_| all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_does() {
        for (word, value) in [
            ("0", Some(0)),
            ("0x0", Some(0)),
            ("0XfF", Some(255)),
            ("017", Some(15)),
            ("18", Some(18)),
            ("018", None),
            ("0x", None),
            ("", None),
            ("+1", None),
            ("0x+1", None),
            ("-1", None),
            ("0x10000000000000000", None),
            ("0xFFFFFFFFFFFFFFFF", Some(u64::MAX)),
        ] {
            assert_eq!(number(word), value, "{word}");
        }
    }
}
