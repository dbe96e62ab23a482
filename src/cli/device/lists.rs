// SPDX-License-Identifier: GPL-2.0-only

//! What a device says is special, page by page: pending, remapped and lost sectors.

use anyhow::{bail, Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{model::Device, source::Source};
use crate::{interrupt::Interrupt, progress};

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sectors that could not be read, or were marked
    Pending,
    /// Blocks that moved to the spare area
    Remapped,
    /// Sectors that nobody holds any more
    Lost,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Pending => "pending",
            Kind::Remapped => "remapped",
            Kind::Lost => "lost",
        }
    }
}

/// Sectors that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Run {
    pub first_sector: u64,
    pub size_sectors: u64,
}

impl Run {
    /// The first sector behind it.
    pub fn end(self) -> u64 {
        self.first_sector.saturating_add(self.size_sectors)
    }
}

/// A line of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    #[serde(flatten)]
    pub run: Run,
    pub kind: Kind,
    /// Where a remapped block lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spare_block: Option<u64>,
}

/// Reads the lists of these kinds, in the order of kinds.
pub fn read(
    source: &dyn Source,
    device: &Device,
    kinds: &[Kind],
    interrupt: &Interrupt,
) -> Result<Vec<Line>> {
    let status = &device.status;
    let mut kinds = kinds.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    let bar = progress::of_items("listing", device.table.size_sectors);
    let mut lines = Vec::new();
    for kind in kinds {
        let count = match kind {
            Kind::Pending => status.pending_sectors,
            Kind::Remapped => status.remapped_blocks,
            Kind::Lost => status.lost_sectors,
        };
        if count == 0 {
            continue;
        }
        let mut from = Some(0);
        while let Some(at) = from {
            interrupt.check()?;
            bar.set_position(at);
            let text = format!("list {} from {at}", kind.word());
            let page = source.message(&device.name, &text)?;
            from = one_page(&page, kind, at, device.table.size_sectors, &mut lines)?;
        }
    }
    bar.finish_and_clear();
    Ok(lines)
}

/// Takes a page apart; the answer is where the next one begins.
fn one_page(
    page: &str,
    kind: Kind,
    from: u64,
    size: u64,
    lines: &mut Vec<Line>,
) -> Result<Option<u64>> {
    let mut next = None;
    for text in page.lines() {
        let wrong = || format!("'{text}' is no line of a list");
        let number = |word: &str| word.parse::<u64>().with_context(wrong);
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            ["more", "from", sector] => next = Some(number(sector)?),
            [first, len, word, rest @ ..] if *word == kind.word() => {
                let run = Run {
                    first_sector: number(first)?,
                    size_sectors: number(len)?,
                };
                let spare_block = match (kind, rest) {
                    (Kind::Remapped, [spare]) => Some(number(spare)?),
                    (Kind::Pending | Kind::Lost, []) => None,
                    _ => bail!("{}", wrong()),
                };
                if run.size_sectors == 0 || run.end() > size {
                    bail!("'{text}' is not within the device");
                }
                lines.push(Line {
                    run,
                    kind,
                    spare_block,
                });
            }
            _ => bail!("{}", wrong()),
        }
    }
    // A page that leads nowhere would be asked for without end.
    match next {
        Some(next) if next <= from => bail!("a list that goes on from {next} after {from}"),
        next => Ok(next),
    }
}

/// In order, with nothing twice, and nothing between two that could be one.
pub fn joined(mut runs: Vec<Run>) -> Vec<Run> {
    runs.sort_unstable();
    let mut joined: Vec<Run> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if run.first_sector <= last.end() => {
                let end = last.end().max(run.end());
                last.size_sectors = end - last.first_sector;
            }
            _ => joined.push(run),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first_sector: u64, size_sectors: u64) -> Run {
        Run {
            first_sector,
            size_sectors,
        }
    }

    #[test]
    fn runs_are_joined_where_they_touch() {
        let runs = vec![run(20, 4), run(0, 8), run(8, 2), run(21, 1), run(40, 1)];
        assert_eq!(joined(runs), [run(0, 10), run(20, 4), run(40, 1)]);
        assert_eq!(joined(Vec::new()), []);
    }

    #[test]
    fn a_page_that_is_none_is_told() {
        let mut lines = Vec::new();
        for (page, says) in [
            ("0 8 pending\nmore from 0", "a list that goes on from 0"),
            ("0 8 lost", "'0 8 lost' is no line of a list"),
            ("0 8 pending 5", "is no line of a list"),
            ("x 8 pending", "is no line of a list"),
            ("96 8 pending", "is not within the device"),
            ("0 0 pending", "is not within the device"),
        ] {
            let error = one_page(page, Kind::Pending, 0, 100, &mut lines);
            let error = format!("{:#}", error.expect_err(page));
            assert!(error.contains(says), "{error}");
        }
    }
}
