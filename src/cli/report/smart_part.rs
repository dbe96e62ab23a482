// SPDX-License-Identifier: GPL-2.0-only

//! What the disks say of themselves (SMART), as far as it was written down.

use maud::{html, Markup};

use super::{
    chart::{Chart, Line},
    Seen,
};
use crate::{
    device::words::{grouped, time},
    history::{Counts, Sample},
};

/// A count: how it is called, and where it is.
type Row = (&'static str, fn(&Counts) -> Option<u64>);

const ROWS: [Row; 5] = [
    ("reallocated sectors", |c| c.reallocated_sectors),
    ("pending sectors", |c| c.pending_sectors),
    ("offline uncorrectable sectors", |c| {
        c.offline_uncorrectable_sectors
    }),
    ("reported uncorrectable errors", |c| {
        c.reported_uncorrectable_errors
    }),
    ("life used, in percent", |c| c.used_percent),
];

/// Which of the disks.
type Disk = fn(&Sample) -> Option<&Counts>;

const DISKS: [(&str, Disk); 2] = [
    ("main", |s| s.smart.as_ref()?.main.as_ref()),
    ("spare", |s| s.smart.as_ref()?.spare.as_ref()),
];

/// The counts of the disks of device `n`.
pub fn part(seen: &Seen, n: usize) -> Markup {
    let table = &seen.looked.device.table;
    let known = |disk: Disk| seen.history.iter().any(|sample| disk(sample).is_some());
    if !DISKS.iter().any(|(_, disk)| known(*disk)) {
        return html! { p { "Nothing was written down of what the disks say of themselves (SMART)." } };
    }
    html! {
        @for (which, of) in DISKS {
            @let name = if which == "main" { table.main.name() } else { table.spare.name() };
            @if known(of) {
                (disk(&seen.history, of, &format!("{which}, {name}"), &format!("smart-{which}-{n}")))
            } @else {
                p { "Nothing was written down of " (which) ", " (name) "." }
            }
        }
    }
}

fn disk(history: &[Sample], of: Disk, title: &str, id: &str) -> Markup {
    let told: Vec<(u64, &Counts)> = history
        .iter()
        .filter_map(|sample| Some((sample.at_unix_seconds, of(sample)?)))
        .collect();
    let points = |row: fn(&Counts) -> Option<u64>| -> Vec<(u64, u64)> {
        let value = |(at, counts): &(u64, &Counts)| Some((*at, row(counts)?));
        told.iter().filter_map(value).collect()
    };
    let passed = told.iter().rev().find_map(|(_, counts)| counts.passed);
    let lines = ROWS.iter().take(4).map(|(name, row)| {
        let points = points(*row);
        let now = points.last().map_or(0, |point| point.1);
        let now = grouped(now);
        Line { name, now, points }
    });
    let lines: Vec<Line> = lines.filter(|line| line.points.len() > 1).collect();
    let title = format!("SMART of {title}");
    html! {
        @if let Some(passed) = passed {
            p {
                (title) ": the disk itself says that it "
                @if passed { "is well." } @else { strong { "is about to fail." } }
            }
        }
        table {
            caption { (title) }
            thead {
                tr {
                    th scope="col" { "Count" }
                    th.number scope="col" { "First" }
                    th.number scope="col" { "Latest" }
                    th.wide scope="col" { "From when" }
                }
            }
            tbody {
                @for (name, row) in ROWS {
                    @let points = points(row);
                    @if let (Some(first), Some(last)) = (points.first(), points.last()) {
                        tr {
                            th scope="row" { (name) }
                            td.number { (grouped(first.1)) }
                            td.number { (grouped(last.1)) }
                            td.wide.time { (time(first.0)) " and " (time(last.0)) }
                        }
                    }
                }
            }
        }
        @if !lines.is_empty() {
            div.charts {
                (Chart { id: id.to_owned(), title: &title, lines, least_top: 4, value: grouped, levels: &[] }.draw())
            }
        }
    }
}
