// SPDX-License-Identifier: GPL-2.0-only

//! What a device says is special, page by page: pending, remapped and lost sectors.

use anyhow::{bail, Context, Result};
use serde::Serialize;

use super::{
    model::Device,
    runs::{Kind, Run},
    source::Source,
};
use crate::{interrupt::Interrupt, progress};

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

#[cfg(test)]
mod tests {
    use super::*;

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
