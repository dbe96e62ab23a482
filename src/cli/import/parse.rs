// SPDX-License-Identifier: GPL-2.0-only

//! Lists of bad places, read: of bytes that anybody may have written to runs that the device has, or to where and why they
//! are no list. What is kept is as long as what is bad, not as the list.

pub mod badblocks;
pub mod ddrescue;
pub mod json;

use std::{fmt, str};

use super::super::device::runs::{self, Run};

const SECTOR: u64 = 512;

/// Where in the list something stands, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Line(usize),
    /// Of a document.
    Range(usize),
}

/// What is wrong, and where. Displaying it gives what follows the name of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub place: Place,
    pub what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Line(line) => write!(f, ":{line}: {}", self.what),
            Place::Range(range) => write!(f, ": range {range}: {}", self.what),
        }
    }
}

/// The sectors of a device that are found to be bad.
struct Bad {
    /// How many sectors the device has.
    size: u64,
    runs: Vec<Run>,
}

impl Bad {
    fn on(size_sectors: u64) -> Self {
        Bad {
            size: size_sectors,
            runs: Vec::new(),
        }
    }

    /// Takes the sectors that these bytes touch, all of which the device has.
    fn add(&mut self, place: Place, first: u64, len: u64) -> Result<(), Wrong> {
        let end = first.checked_add(len);
        let end = end.map_or(u64::MAX, |end| end.div_ceil(SECTOR));
        self.take(place, first / SECTOR, end, end <= self.size)
    }

    /// The same of a block, the last of which may be cut short by the end of the device.
    fn add_block(&mut self, place: Place, first: u64, len: u64) -> Result<(), Wrong> {
        let from = first / SECTOR;
        let end = first.saturating_add(len).div_ceil(SECTOR).min(self.size);
        self.take(place, from, end, from < self.size)
    }

    fn take(&mut self, place: Place, first: u64, end: u64, within: bool) -> Result<(), Wrong> {
        if !within {
            let size = self.size;
            return Err(Wrong {
                place,
                what: format!("this reaches past the end of the device, which has {size} sectors"),
            });
        }
        let run = Run {
            first_sector: first,
            size_sectors: end.saturating_sub(first),
        };
        // Most lists are in order.
        match self.runs.last_mut() {
            Some(last) if last.first_sector <= first && first <= last.end() => {
                let end = end.max(last.end());
                last.size_sectors = end - last.first_sector;
            }
            _ => self.runs.push(run),
        }
        Ok(())
    }

    /// In order, each once.
    fn runs(self) -> Vec<Run> {
        runs::joined(self.runs)
    }
}

/// The lines that say something, each with its number: not those that are empty, nor comments.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Result<(usize, &str), Wrong>> {
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    lines.filter_map(|(line, text)| match str::from_utf8(text) {
        Ok(text) => {
            let text = text.trim_matches([' ', '\t', '\r']);
            let says = !text.is_empty() && !text.starts_with('#');
            says.then_some(Ok((line, text)))
        }
        Err(_) => Some(Err(Wrong {
            place: Place::Line(line),
            what: "this is no text".to_owned(),
        })),
    })
}

/// As it is shown: short, and of letters alone.
fn shown(text: &str) -> String {
    format!("'{}'", short(text, 40))
}

/// At most so many characters of it, and none that a terminal obeys.
fn short(text: &str, most: usize) -> String {
    let mut short = String::new();
    for letter in text.chars().take(most) {
        match letter {
            '\'' | '"' => short.push(letter),
            other => short.extend(other.escape_debug()),
        }
    }
    if text.chars().nth(most).is_some() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sectors_that_are_touched_and_no_more_than_there_are() {
        let of = |first, len, block| {
            let mut bad = Bad::on(805);
            let place = Place::Line(3);
            let done = match block {
                true => bad.add_block(place, first, len),
                false => bad.add(place, first, len),
            };
            done.map(|()| (bad.runs[0].first_sector, bad.runs[0].size_sectors))
        };
        assert_eq!(of(0, 1, false), Ok((0, 1)));
        assert_eq!(of(511, 2, false), Ok((0, 2)));
        assert_eq!(of(4096, 4096, true), Ok((8, 8)));
        assert_eq!(of(804 * 512, 512, false), Ok((804, 1)));
        // The last block has five sectors.
        assert_eq!(of(800 * 512, 4096, true), Ok((800, 5)));
        assert!(of(800 * 512, 4096, false).is_err());
        assert!(of(805 * 512, 1, true).is_err());
        assert!(of(u64::MAX, 1, true).is_err());
        let error = of(512, u64::MAX, false).expect_err("it has an end");
        let says = ":3: this reaches past the end of the device, which has 805 sectors";
        assert_eq!(error.to_string(), says);
        // A device as long as can be counted.
        let mut bad = Bad::on(u64::MAX);
        assert_eq!(bad.add(Place::Line(1), u64::MAX - 1, 1), Ok(()));
        assert_eq!(bad.add_block(Place::Line(2), u64::MAX - 1, 4096), Ok(()));
        let last = u64::MAX / 512;
        let run = Run {
            first_sector: last,
            size_sectors: 1,
        };
        assert_eq!(bad.runs(), [run]);
    }

    #[test]
    fn what_touches_is_kept_as_one() {
        let mut bad = Bad::on(1 << 40);
        for n in (0..1000).chain([2000]).chain(0..1000) {
            let added = bad.add_block(Place::Line(1), n * 4096, 4096);
            assert_eq!(added, Ok(()));
        }
        assert_eq!(bad.runs.len(), 3);
        let runs = bad.runs();
        let runs: Vec<_> = runs
            .iter()
            .map(|r| (r.first_sector, r.size_sectors))
            .collect();
        assert_eq!(runs, [(0, 8000), (16_000, 8)]);
    }

    #[test]
    fn nothing_that_is_shown_is_long_or_obeyed() {
        assert_eq!(shown("it's \"so\""), "'it's \"so\"'");
        assert_eq!(shown("\u{1b}[2J\u{202e}"), "'\\u{1b}[2J\\u{202e}'");
        let long = "é".repeat(41);
        assert_eq!(shown(&long), format!("'{}...'", "é".repeat(40)));
        assert_eq!(shown(&long[2..]), format!("'{}'", "é".repeat(40)));
    }
}
