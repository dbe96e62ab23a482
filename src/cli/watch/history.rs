// SPDX-License-Identifier: GPL-2.0-only

//! What became of a device since the watch of it began: how its counters grew, how fast it is scanned, what happened.

use std::{collections::VecDeque, time::Duration};

use crate::device::{
    model::{Device, Scan},
    words::{counted, grouped, size, span},
};

/// Numbers that are shown together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Errors,
    Moved,
    Sectors,
}

/// A number of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Number {
    group: Group,
    label: &'static str,
    value: u64,
    /// It only grows, unless it begins anew.
    counts: bool,
}

/// The numbers of a device, always the same ones.
fn numbers(device: &Device) -> Vec<Number> {
    let status = &device.status;
    let counter = |key: &str| status.counters.get(key).copied().unwrap_or(0);
    let row = |group, label, value, counts| Number {
        group,
        label,
        value,
        counts,
    };
    vec![
        row(Group::Errors, "reads", counter("read_errors"), true),
        row(Group::Errors, "writes", counter("write_errors"), true),
        row(Group::Errors, "recovered", counter("recovered"), true),
        row(Group::Errors, "met by scans", device.scan.errors, true),
        row(Group::Moved, "now", status.remapped_blocks, false),
        row(Group::Moved, "for writes", counter("moved_write"), true),
        row(Group::Moved, "for messages", counter("moved_message"), true),
        row(Group::Moved, "evacuated", counter("evacuated"), true),
        row(Group::Moved, "returned", counter("returned"), true),
        row(Group::Moved, "stayed", counter("stayed"), true),
        row(
            Group::Moved,
            "failed on spare",
            status.spare_failed_blocks,
            false,
        ),
        row(Group::Sectors, "pending", status.pending_sectors, false),
        row(Group::Sectors, "lost", status.lost_sectors, false),
    ]
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// In seconds since 1970.
    pub at: u64,
    pub text: String,
}

/// So many events are kept.
const EVENTS: usize = 100;

/// How far back the rate of the scanner looks.
const RECENT: Duration = Duration::from_secs(300);

/// A point of the scan.
#[derive(Clone, Copy, Debug)]
struct Point {
    at: Duration,
    passes: u64,
    done: u64,
    read: u64,
}

/// What became of a device.
#[derive(Debug)]
pub struct History {
    area: String,
    since: Duration,
    base: Vec<Number>,
    points: VecDeque<Point>,
    pub events: VecDeque<Event>,
}

impl History {
    /// Begins with what the device is at a time of the watch.
    pub fn new(device: &Device, at: Duration) -> Self {
        let mut history = History {
            area: device.area_uuid.clone(),
            since: at,
            base: numbers(device),
            points: VecDeque::new(),
            events: VecDeque::new(),
        };
        history.scanned(&device.scan, at);
        history
    }

    /// Goes on from what the device was to what it is.
    pub fn go_on(&mut self, was: &Device, is: &Device, at: Duration, now: u64) {
        if is.area_uuid != self.area {
            // Another one of the same name.
            let events = std::mem::take(&mut self.events);
            *self = History::new(is, at);
            self.events = events;
            self.add(now, "it is another device now".to_owned());
            return;
        }
        let (before, after) = (numbers(was), numbers(is));
        for ((base, before), after) in self.base.iter_mut().zip(&before).zip(&after) {
            if base.counts && after.value < before.value {
                base.value = 0;
            }
        }
        for text in changes(was, is) {
            self.add(now, text);
        }
        self.scanned(&is.scan, at);
    }

    /// Takes note of an event.
    pub fn add(&mut self, at: u64, text: String) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Event { at, text });
    }

    fn scanned(&mut self, scan: &Scan, at: Duration) {
        while let [_, second, ..] = self.points.make_contiguous() {
            if at.saturating_sub(second.at) < RECENT {
                break;
            }
            self.points.pop_front();
        }
        self.points.push_back(Point {
            at,
            passes: scan.passes,
            done: scan.done_sectors,
            read: scan.read_sectors,
        });
    }

    /// The numbers of a group, each with how it grew.
    pub fn told(&self, group: Group, device: &Device, at: Duration) -> Vec<String> {
        let watched = at.saturating_sub(self.since);
        let of_group = numbers(device)
            .into_iter()
            .zip(&self.base)
            .filter(|(number, _)| number.group == group);
        of_group
            .map(|(number, base)| {
                let (label, value) = (number.label, grouped(number.value));
                let more = number.value.saturating_sub(base.value);
                let less = base.value.saturating_sub(number.value);
                match (more, less) {
                    (0, 0) => format!("{label} {value}"),
                    (0, less) => format!("{label} {value} (-{})", grouped(less)),
                    (more, _) => {
                        let rate = rate(more, watched);
                        format!("{label} {value} (+{}, {rate})", grouped(more))
                    }
                }
            })
            .collect()
    }

    /// How long it is watched.
    pub fn watched(&self, at: Duration) -> Duration {
        at.saturating_sub(self.since)
    }

    /// How fast the scanner reads, and how long the rest of the pass takes.
    pub fn pace(&self, scan: &Scan) -> Option<String> {
        let (first, last) = (self.points.front()?, self.points.back()?);
        let took = last.at.saturating_sub(first.at);
        if took.is_zero() {
            return None;
        }
        let read = last.read.saturating_sub(first.read);
        let per_second = |sectors: u64| (sectors as f64 / took.as_secs_f64()) as u64;
        let mut text = match read {
            0 => format!(
                "nothing was read in the last {}",
                span(took.as_secs().max(1))
            ),
            read => format!(
                "{} a second in the last {}",
                size(per_second(read)),
                span(took.as_secs().max(1))
            ),
        };
        // Of this pass alone.
        let begin = self.points.iter().find(|p| p.passes == last.passes);
        let begin = begin.filter(|p| p.done < last.done && p.at < last.at);
        if let Some(begin) = begin {
            let seconds = (last.at - begin.at).as_secs_f64() / (last.done - begin.done) as f64;
            let left = scan.pass_sectors.saturating_sub(scan.done_sectors) as f64 * seconds;
            text += &format!("; about {} left of this pass", span(left.ceil() as u64));
        }
        Some(text)
    }
}

/// So many in that time, in the smallest unit that has one of them.
fn rate(number: u64, time: Duration) -> String {
    let per_second = number as f64 / time.as_secs_f64().max(1.0);
    let (rate, unit) = match per_second {
        rate if rate >= 1.0 => (rate, "a second"),
        rate if rate * 60.0 >= 1.0 => (rate * 60.0, "a minute"),
        rate => (rate * 3600.0, "an hour"),
    };
    if rate >= 10.0 {
        format!("{} {unit}", grouped(rate.round() as u64))
    } else {
        let text = format!("{rate:.1}");
        format!("{} {unit}", text.trim_end_matches(".0"))
    }
}

/// What happened between two looks.
fn changes(was: &Device, is: &Device) -> Vec<String> {
    let mut texts = Vec::new();
    let (a, b) = (&was.status, &is.status);
    let counter = |device: &Device, key: &str| device.status.counters.get(key).copied();
    let mut more = |before: u64, after: u64, noun: &str, what: &str, undone: &str| {
        if after > before {
            texts.push(format!("{} {what}", counted(after - before, noun)));
        } else if after < before && !undone.is_empty() {
            texts.push(format!("{} {undone}", counted(before - after, noun)));
        }
    };
    for (key, noun) in [
        ("read_errors", "read error"),
        ("write_errors", "write error"),
    ] {
        let (before, after) = (counter(was, key), counter(is, key));
        more(before.unwrap_or(0), after.unwrap_or(0), noun, "more", "");
    }
    let (before, after) = (a.remapped_blocks, b.remapped_blocks);
    more(
        before,
        after,
        "block",
        "moved to the spare area",
        "moved back",
    );
    let (before, after) = (a.pending_sectors, b.pending_sectors);
    more(
        before,
        after,
        "sector",
        "more pending",
        "not pending any more",
    );
    let (before, after) = (a.lost_sectors, b.lost_sectors);
    more(before, after, "sector", "lost", "not lost any more");
    let (before, after) = (a.spare_failed_blocks, b.spare_failed_blocks);
    more(before, after, "spare block", "could not be written", "");
    let (before, after) = (was.scan.passes, is.scan.passes);
    more(before, after, "pass", "of the scan ended", "");
    let mut turned = |before: bool, after: bool, on: &str, off: &str| {
        if before != after {
            texts.push(if after { on } else { off }.to_owned());
        }
    };
    turned(a.storm, b.storm, "a storm began", "the storm is over");
    turned(
        was.suspended,
        is.suspended,
        "it was suspended",
        "it was resumed",
    );
    turned(
        a.needs_check,
        b.needs_check,
        "the metadata has to be checked",
        "the metadata was checked",
    );
    if a.state != b.state {
        texts.push(format!("the state is {} now", b.state.word()));
    }
    if was.health.level != is.health.level {
        let (score, level) = (is.health.score, &is.health.level);
        texts.push(format!("the health is {level} now: {score} of 1000"));
    }
    // That it waits and goes on in turn is no event.
    let stands = |device: &Device| {
        let state = device.scan.state.as_str();
        matches!(state, "stopped" | "paused").then(|| state.to_owned())
    };
    match (stands(was), stands(is)) {
        (before, Some(state)) if before.as_ref() != Some(&state) => {
            texts.push(format!("the scan was {state}"));
        }
        (Some(_), None) => texts.push("the scan goes on".to_owned()),
        _ => {}
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::sample::device;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn rates_have_a_unit_of_their_size() {
        for (number, seconds, text) in [
            (1, 3600 * 10, "0.1 an hour"),
            (30, 3600, "30 an hour"),
            (1, 60, "1 a minute"),
            (3, 120, "1.5 a minute"),
            (9000, 2, "4,500 a second"),
            (5, 0, "5 a second"),
        ] {
            assert_eq!(rate(number, SECOND * seconds), text);
        }
    }

    #[test]
    fn counters_grow_and_begin_anew() {
        let was = device("safe");
        let mut history = History::new(&was, SECOND);
        let mut is = was.clone();
        is.status.counters.insert("read_errors".to_owned(), 7);
        is.status.pending_sectors = 8;
        history.go_on(&was, &is, SECOND * 61, 100);
        let told = history.told(Group::Errors, &is, SECOND * 61);
        assert_eq!(told[0], "reads 7 (+5, 5 a minute)");
        assert_eq!(told[1], "writes 3");
        let told = history.told(Group::Sectors, &is, SECOND * 61);
        assert_eq!(told, ["pending 8 (-8)", "lost 0"]);
        let texts: Vec<&str> = history.events.iter().map(|e| e.text.as_str()).collect();
        assert_eq!(
            texts,
            ["5 read errors more", "8 sectors not pending any more"]
        );
        // reset_stats, and one more.
        let was = is.clone();
        is.status.counters.insert("read_errors".to_owned(), 1);
        history.go_on(&was, &is, SECOND * 62, 101);
        let told = history.told(Group::Errors, &is, SECOND * 62);
        assert!(told[0].starts_with("reads 1 (+1, "), "{told:?}");
    }

    #[test]
    fn each_change_is_an_event() {
        let was = device("safe");
        let told = |change: fn(&mut Device)| {
            let mut is = was.clone();
            change(&mut is);
            changes(&was, &is).join(", ")
        };
        assert_eq!(told(|_| {}), "");
        assert_eq!(told(|d| d.scan.state = "running".to_owned()), "");
        assert_eq!(
            told(|d| d.scan.state = "paused".to_owned()),
            "the scan was paused"
        );
        assert_eq!(told(|d| d.scan.passes += 1), "1 pass of the scan ended");
        assert_eq!(told(|d| d.status.storm = true), "a storm began");
        assert_eq!(told(|d| d.suspended = true), "it was suspended");
        assert_eq!(told(|d| d.status.lost_sectors = 3), "3 sectors lost");
        let text = "2 blocks moved to the spare area";
        assert_eq!(told(|d| d.status.remapped_blocks += 2), text);
        let text = "the health is danger now: 812 of 1000";
        assert_eq!(told(|d| d.health.level = "danger".to_owned()), text);
        let text = "the state is ro now";
        assert_eq!(
            told(|d| d.status.state = crate::device::status::State::Ro),
            text
        );
    }

    #[test]
    fn the_pace_is_that_of_the_last_minutes_and_of_this_pass() {
        let was = device("safe");
        let mut history = History::new(&was, SECOND);
        assert_eq!(history.pace(&was.scan), None);
        let mut is = was.clone();
        // A MiB a second, for ten.
        is.scan.read_sectors += 10 * 2048;
        is.scan.done_sectors += 10 * 2048;
        is.scan.pass_sectors = is.scan.done_sectors + 300 * 2048;
        history.go_on(&was, &is, SECOND * 11, 0);
        let text = "1 MiB a second in the last 10 seconds; about 5 minutes left of this pass";
        assert_eq!(history.pace(&is.scan).as_deref(), Some(text));
        // Much later, nothing was read meanwhile; and then a pass has ended.
        for second in [700, 1005] {
            history.go_on(&is, &is, SECOND * second, 0);
        }
        let text = history.pace(&is.scan).expect("there is one");
        assert_eq!(text, "nothing was read in the last 5 minutes");
        let before = is.clone();
        is.scan.passes += 1;
        is.scan.read_sectors += 2048;
        is.scan.done_sectors = 0;
        history.go_on(&before, &is, SECOND * 1015, 0);
        let text = history.pace(&is.scan).expect("there is one");
        assert!(!text.contains("left"), "{text}");
    }

    #[test]
    fn another_device_of_the_same_name_begins_anew() {
        let was = device("safe");
        let mut history = History::new(&was, SECOND);
        let mut is = was.clone();
        is.area_uuid = "another".to_owned();
        is.status.remapped_blocks = 0;
        history.go_on(&was, &is, SECOND * 5, 9);
        assert_eq!(history.events.back().map(|e| e.at), Some(9));
        assert_eq!(history.told(Group::Moved, &is, SECOND * 5)[0], "now 0");
    }
}
