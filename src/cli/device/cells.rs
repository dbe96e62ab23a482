// SPDX-License-Identifier: GPL-2.0-only

//! The device as equal parts: how well each is, and what lies in it.

use anyhow::{bail, Context, Result};
use dm_remap_core::{grammar::message::MOST_PARTS, health::REGION_SHIFT};
use serde::Serialize;

use super::{model::Device, source::Source};

/// An equal part of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    pub first_sector: u64,
    pub size_sectors: u64,
    /// The lowest score of a region in it, of 1000.
    pub score: u32,
    /// Whether it has blocks that moved, sectors that could not be read, and lost ones.
    pub remapped: bool,
    pub pending: bool,
    pub lost: bool,
}

/// Regions are what scores are kept of.
const REGION_SECTORS: u64 = 1 << REGION_SHIFT;

/// So many parts as can be told apart, at most `wanted`.
pub fn parts(device: &Device, wanted: u64) -> u64 {
    let regions = device.table.size_sectors.div_ceil(REGION_SECTORS);
    wanted.min(regions).clamp(1, MOST_PARTS)
}

/// The device in `parts` parts.
pub fn read(source: &dyn Source, device: &Device, parts: u64) -> Result<Vec<Cell>> {
    let name = &device.name;
    let reply = source.message(name, &format!("health {parts}"))?;
    let scores: Result<Vec<u32>, _> = reply.split_ascii_whitespace().map(str::parse).collect();
    let scores = scores.with_context(|| format!("the health of {name} is '{}'", reply.trim()))?;
    if scores.len() as u64 != parts {
        bail!(
            "the health of {name} has {} parts, not {parts}",
            scores.len()
        );
    }
    let size = device.table.size_sectors;
    let regions = size.div_ceil(REGION_SECTORS);
    // As the kernel has it: whole regions.
    let edge = |n: u64| (regions.saturating_mul(n) / parts * REGION_SECTORS).min(size);
    let mut cells: Vec<Cell> = (0..)
        .zip(scores)
        .map(|(n, score)| Cell {
            first_sector: edge(n),
            size_sectors: edge(n + 1) - edge(n),
            score,
            remapped: false,
            pending: false,
            lost: false,
        })
        .collect();
    let status = &device.status;
    for (kind, count) in [
        ("remapped", status.remapped_blocks),
        ("pending", status.pending_sectors),
        ("lost", status.lost_sectors),
    ] {
        if count > 0 {
            mark(source, name, kind, &mut cells)?;
        }
    }
    Ok(cells)
}

/// Marks the cells that have something of a kind. A million blocks in one cell are one mark, so what a page has
/// left of its last cell is not asked for.
fn mark(source: &dyn Source, name: &str, kind: &str, cells: &mut [Cell]) -> Result<()> {
    let mut from = 0;
    loop {
        let page = source.message(name, &format!("list {kind} from {from}"))?;
        let mut more = None;
        let mut last = None;
        for line in page.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["more", "from", sector] => more = Some(number(sector, line)?),
                [first, len, what, ..] if *what == kind => {
                    let first = number(first, line)?;
                    last = touch(cells, kind, first, number(len, line)?).or(last);
                }
                _ => bail!("'{line}' is no line of a list"),
            }
        }
        let Some(more) = more else {
            return Ok(());
        };
        let past = last.and_then(|at| cells.get(at + 1));
        let next = past.map_or(more, |cell: &Cell| more.max(cell.first_sector));
        let in_last = last.is_some_and(|at| at + 1 == cells.len());
        // A page that leads nowhere would be asked for without end.
        if in_last || next <= from {
            return Ok(());
        }
        from = next;
    }
}

fn number(word: &str, line: &str) -> Result<u64> {
    word.parse()
        .with_context(|| format!("'{line}' is no line of a list"))
}

/// Marks what these sectors touch; the answer is the last of it.
fn touch(cells: &mut [Cell], kind: &str, first: u64, len: u64) -> Option<usize> {
    let end = first.saturating_add(len);
    let begin = cells.partition_point(|cell| cell.first_sector + cell.size_sectors <= first);
    let mut last = None;
    for (n, cell) in cells.iter_mut().enumerate().skip(begin) {
        if cell.first_sector >= end {
            break;
        }
        match kind {
            "remapped" => cell.remapped = true,
            "pending" => cell.pending = true,
            _ => cell.lost = true,
        }
        last = Some(n);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(count: u64) -> Vec<Cell> {
        let cell = |n| Cell {
            first_sector: n * 2048,
            size_sectors: 2048,
            score: 1000,
            remapped: false,
            pending: false,
            lost: false,
        };
        (0..count).map(cell).collect()
    }

    #[test]
    fn what_touches_a_cell_marks_it() {
        let marked = |first, len| {
            let mut cells = cells(4);
            let last = touch(&mut cells, "pending", first, len);
            let marks: String = cells
                .iter()
                .map(|c| if c.pending { 'x' } else { '.' })
                .collect();
            (marks, last)
        };
        assert_eq!(marked(0, 1), ("x...".into(), Some(0)));
        assert_eq!(marked(2047, 1), ("x...".into(), Some(0)));
        assert_eq!(marked(2047, 2), ("xx..".into(), Some(1)));
        assert_eq!(marked(2048, 2048), (".x..".into(), Some(1)));
        assert_eq!(marked(6144, 9999), ("...x".into(), Some(3)));
        assert_eq!(marked(8192, 8), ("....".into(), None));
        assert_eq!(marked(0, u64::MAX), ("xxxx".into(), Some(3)));
    }
}
