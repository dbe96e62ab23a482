// SPDX-License-Identifier: GPL-2.0-only

//! What was written down of a device, as charts and in words.

use std::cmp::Ordering;

use maud::{html, Markup};

use super::{
    chart::{Chart, Line, GAP},
    Answer, Seen,
};
use crate::{
    device::words::{counted, day, grouped, per_mille, span, time},
    history::Sample,
};

/// So many changes are told in words.
const MOST_CHANGES: usize = 15;

/// The levels of the health, as the kernel module has them.
const LEVELS: &[(u64, &str)] = &[(700, "warning below"), (300, "danger below")];

/// What is known of each time, now included.
pub fn samples(answer: &Answer, seen: &Seen) -> Vec<Sample> {
    let now = Sample::of(&seen.looked.device, answer.at_unix_seconds);
    let mut samples = seen.history.clone();
    samples.push(now);
    samples.sort_by_key(|sample| sample.at_unix_seconds);
    samples
}

/// The past of device `n`.
pub fn part(answer: &Answer, seen: &Seen, n: usize) -> Markup {
    let folder = answer.history_folder.display();
    if let Some(error) = &seen.history_error {
        return html! { p { "What was written down of it could not be read: " (error) "." } };
    }
    let Some(first) = seen.history.first() else {
        return html! {
            p {
                "Nothing was written down of this device so far, so its past is not known. "
                "remapctl record writes it to " code { (folder) } ", and a timer can call that."
            }
        };
    };
    let samples = samples(answer, seen);
    let known = counted(seen.history.len() as u64, "time");
    let since = answer.at_unix_seconds.saturating_sub(first.at_unix_seconds);
    html! {
        p {
            "Written down " (known) " in " (span(since)) ". "
            "A line is broken where that was not done for more than " (span(GAP)) "."
        }
        div.charts { (charts(&samples, n)) }
        (changes(&samples))
    }
}

fn charts(samples: &[Sample], n: usize) -> Markup {
    let line = |name, of: fn(&Sample) -> u64| {
        let points: Vec<(u64, u64)> = samples.iter().map(|s| (s.at_unix_seconds, of(s))).collect();
        let now = points.last().map_or(0, |point| point.1);
        let now = grouped(now);
        Line { name, now, points }
    };
    let of_errors = |name, of: fn(&Sample) -> u64| {
        let points = added_up(samples, of);
        let now = grouped(points.last().map_or(0, |point| point.1));
        Line { name, now, points }
    };
    let last = samples.last();
    let all = last.map_or(0, |s| s.spare_total_blocks);
    let forecast = last.map_or(0, |s| s.failure_probability_per_mille);
    let charts = [
        Chart {
            id: format!("moved-{n}"),
            title: "What moved, and what could not be read",
            lines: vec![
                line("moved blocks", |s| s.remapped_blocks),
                line("pending sectors", |s| s.pending_sectors),
                line("lost sectors", |s| s.lost_sectors),
            ],
            least_top: 4,
            value: grouped,
            levels: &[],
        },
        Chart {
            id: format!("errors-{n}"),
            title: "Errors, added up",
            lines: vec![
                of_errors("of reads", |s| s.read_errors),
                of_errors("of writes", |s| s.write_errors),
                of_errors("met by scans", |s| s.scan_errors),
            ],
            least_top: 4,
            value: grouped,
            levels: &[],
        },
        Chart {
            id: format!("spare-{n}"),
            title: "Spare blocks used",
            lines: vec![Line {
                now: format!("{} of {}", grouped(used(last)), grouped(all)),
                ..line("used", |s| s.spare_used_blocks)
            }],
            // What is nearly nothing of all should be seen to grow.
            least_top: (all / 100).max(4),
            value: grouped,
            levels: &[],
        },
        Chart {
            id: format!("health-{n}"),
            title: "Health",
            lines: vec![line("of 1000", |s| s.health_score)],
            least_top: 1000,
            value: grouped,
            levels: LEVELS,
        },
        Chart {
            id: format!("forecast-{n}"),
            title: "Expected to fail within 30 days",
            lines: vec![Line {
                now: per_mille(forecast),
                ..line("probability", |s| s.failure_probability_per_mille)
            }],
            least_top: 100,
            value: per_mille,
            levels: &[],
        },
    ];
    html! {
        @for chart in &charts { (chart.draw()) }
    }
}

fn used(sample: Option<&Sample>) -> u64 {
    sample.map_or(0, |s| s.spare_used_blocks)
}

/// A counter that begins anew when the device is opened, as if it did not: what it counted between the last record and
/// its end is not known.
fn added_up(samples: &[Sample], of: fn(&Sample) -> u64) -> Vec<(u64, u64)> {
    let (mut sum, mut before) = (0u64, 0);
    let point = |sample: &Sample| {
        sum = sum.saturating_add(grown(before, of(sample)));
        before = of(sample);
        (sample.at_unix_seconds, sum)
    };
    samples.iter().map(point).collect()
}

/// By how much a counter has grown that may have begun anew.
fn grown(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

/// What changed from one time to the next, in words, the latest first.
fn changes(samples: &[Sample]) -> Markup {
    let pairs = samples.iter().zip(samples.iter().skip(1));
    let mut told: Vec<(&Sample, &Sample, String)> = pairs
        .map(|(before, after)| (before, after, change(before, after)))
        .filter(|(.., text)| !text.is_empty())
        .collect();
    told.reverse();
    let left = told.len().saturating_sub(MOST_CHANGES);
    told.truncate(MOST_CHANGES);
    html! {
        @if told.is_empty() {
            p { "Nothing has changed in that time." }
        } @else {
            table {
                caption {
                    "What happened, the latest first"
                    @if left > 0 { "; " (grouped(left as u64)) " earlier changes are in the charts alone" }
                }
                thead { tr { th scope="col" { "When" } th scope="col" { "What" } } }
                tbody {
                    @for (before, after, text) in &told {
                        tr {
                            td.time { (between(before.at_unix_seconds, after.at_unix_seconds)) }
                            td { (text) }
                        }
                    }
                }
            }
        }
    }
}

/// `2027-01-14 07:00 to 08:00`, or with both days.
fn between(first: u64, last: u64) -> String {
    let end = time(last);
    let end = match end.split_once(' ') {
        Some((date, hour)) if date == day(first) => hour,
        _ => &end,
    };
    format!("{} to {end}", time(first))
}

/// What is counted, and where it is.
type Count = (&'static str, fn(&Sample) -> u64);

fn change(before: &Sample, after: &Sample) -> String {
    let mut words = Vec::new();
    let state: [Count; 3] = [
        ("moved block", |s| s.remapped_blocks),
        ("pending sector", |s| s.pending_sectors),
        ("lost sector", |s| s.lost_sectors),
    ];
    for (noun, of) in state {
        let (was, is) = (of(before), of(after));
        match is.cmp(&was) {
            Ordering::Greater => words.push(format!("{} more", counted(is - was, noun))),
            Ordering::Less => words.push(format!("{} fewer", counted(was - is, noun))),
            Ordering::Equal => {}
        }
    }
    let errors: [Count; 3] = [
        ("read error", |s| s.read_errors),
        ("write error", |s| s.write_errors),
        ("error met by scans", |s| s.scan_errors),
    ];
    for (noun, of) in errors {
        let more = grown(of(before), of(after));
        if more > 0 {
            words.push(match noun.split_once(' ') {
                Some(("error", rest)) => format!("{} {rest}", counted(more, "error")),
                _ => counted(more, noun),
            });
        }
    }
    let level = |sample: &Sample| match sample.health_score {
        0..=299 => "danger",
        300..=699 => "warning",
        _ => "good",
    };
    if level(before) != level(after) {
        let (from, to) = (before.health_score, after.health_score);
        words.push(format!("health {from} to {to} ({})", level(after)));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: u64, errors: u64) -> Sample {
        Sample {
            at_unix_seconds: time,
            read_errors: errors,
            health_score: 1000,
            ..Sample::default()
        }
    }

    #[test]
    fn a_counter_that_begins_anew_goes_on() {
        let samples = [at(1, 2), at(2, 5), at(3, 1), at(4, 1), at(5, 4)];
        let sums = added_up(&samples, |s| s.read_errors);
        assert_eq!(sums, [(1, 2), (2, 5), (3, 6), (4, 6), (5, 9)]);
    }

    #[test]
    fn a_day_is_said_once() {
        let noon = 1_800_014_400;
        assert_eq!(between(noon, noon + 3600), "2027-01-15 12:00 to 13:00");
        let said = "2027-01-15 12:00 to 2027-01-16 12:00";
        assert_eq!(between(noon, noon + 86400), said);
    }

    #[test]
    fn changes_in_words() {
        let before = at(1, 5);
        assert_eq!(change(&before, &at(2, 5)), "");
        let after = Sample {
            remapped_blocks: 3,
            pending_sectors: 1,
            scan_errors: 2,
            health_score: 640,
            ..at(2, 1)
        };
        let said =
            "3 moved blocks more, 1 pending sector more, 1 read error, 2 errors met by scans, \
            health 1000 to 640 (warning)";
        assert_eq!(change(&before, &after), said);
        let back = "3 moved blocks fewer, 1 pending sector fewer, 4 read errors, health 640 to 1000 (good)";
        let healed = Sample {
            scan_errors: 2,
            ..before
        };
        assert_eq!(change(&after, &healed), back);
    }
}
