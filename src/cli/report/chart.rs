// SPDX-License-Identifier: GPL-2.0-only

//! Lines over time as a picture. What a line is at is told by its dashes and by words, and not by its colour alone.

use std::fmt::Write;

use maud::{html, Markup, PreEscaped};

use crate::device::words::{day, time};

/// A line: its name, what it is at now in words, and its points in order of time.
pub struct Line {
    pub name: &'static str,
    pub now: String,
    pub points: Vec<(u64, u64)>,
}

pub struct Chart<'a> {
    /// A name that no other has on the page.
    pub id: String,
    pub title: &'a str,
    pub lines: Vec<Line>,
    /// The scale ends here, or where the lines do if they are higher.
    pub least_top: u64,
    /// A value in words.
    pub value: fn(u64) -> String,
    /// Values with a name, as thresholds are.
    pub levels: &'a [(u64, &'a str)],
}

/// The picture, and in it where the lines are.
const WIDTH: u32 = 340;
const HEIGHT: u32 = 150;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 332.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 122.0;

/// A line is broken where nothing is known for longer than this, in seconds: what is old is kept once a day.
pub const GAP: u64 = 3 * 86400;

/// From a time and a value to a place.
struct Scale {
    first: u64,
    last: u64,
    top: u64,
}

impl Scale {
    fn x(&self, at: u64) -> f64 {
        let all = self.last.saturating_sub(self.first).max(1);
        LEFT + (RIGHT - LEFT) * at.saturating_sub(self.first) as f64 / all as f64
    }

    fn y(&self, value: u64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * value as f64 / self.top.max(1) as f64
    }
}

impl Chart<'_> {
    pub fn draw(&self) -> Markup {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let (Some(first), Some(last)) = (
            points().map(|point| point.0).min(),
            points().map(|point| point.0).max(),
        ) else {
            return html! {};
        };
        let highest = points().map(|point| point.1).max().unwrap_or(0);
        let top = match highest <= self.least_top {
            true => self.least_top,
            false => round(highest),
        };
        let scale = Scale { first, last, top };
        let id = &self.id;
        html! {
            figure.chart {
                figcaption id={ (id) "-title" } { (self.title) }
                svg role="img" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } aria-labelledby={ (id) "-title " (id) "-text" } {
                    title { (self.title) }
                    desc id={ (id) "-text" } { (self.description(first, last)) }
                    (self.axes(&scale))
                    @for (n, line) in self.lines.iter().enumerate() {
                        @let (path, dots) = path(&line.points, &scale);
                        path.line.{ "line-" (n) } d=(PreEscaped(path)) {}
                        @for (x, y) in dots {
                            circle.dot.{ "line-" (n) } cx=(x) cy=(y) r="2" {}
                        }
                    }
                }
                ul.legend {
                    @for (n, line) in self.lines.iter().enumerate() {
                        li {
                            svg width="26" height="8" viewBox="0 0 26 8" aria-hidden="true" focusable="false" {
                                path.line.{ "line-" (n) } d="M0 4h26" {}
                            }
                            " " (line.name) ": " strong { (line.now) }
                        }
                    }
                }
            }
        }
    }

    fn axes(&self, scale: &Scale) -> Markup {
        let (left, right) = (LEFT, RIGHT);
        let half = scale.top / 2;
        let mut marks = vec![(0, true), (scale.top, true)];
        if scale.top % 2 == 0 && self.levels.is_empty() {
            marks.push((half, false));
        }
        html! {
            @for (value, whole) in marks {
                @let y = place(scale.y(value));
                path.grid.whole[whole] d={ "M" (left) " " (y) "H" (right) } {}
                text x=(left - 4.0) y=(y) dy="4" text-anchor="end" { ((self.value)(value)) }
            }
            @for (value, name) in self.levels {
                @let y = place(scale.y(*value));
                path.grid d={ "M" (left) " " (y) "H" (right) } {}
                text x=(left - 4.0) y=(y) dy="4" text-anchor="end" { ((self.value)(*value)) }
                text.level x=(left + 3.0) y=(y) dy="11" { (name) }
            }
            text x=(left) y=(BOTTOM + 17.0) { (day(scale.first)) }
            @if scale.last > scale.first {
                text x=(right) y=(BOTTOM + 17.0) text-anchor="end" { (day(scale.last)) }
            }
        }
    }

    /// For who does not see the lines.
    fn description(&self, first: u64, last: u64) -> String {
        let mut text = format!("From {} to {}.", time(first), time(last));
        for line in &self.lines {
            let values = || line.points.iter().map(|point| point.1);
            if let (Some(begin), Some(least), Some(most)) =
                (values().next(), values().min(), values().max())
            {
                let value = self.value;
                let _ = write!(
                    text,
                    " {}: {} at first, {} now, between {} and {}.",
                    line.name,
                    value(begin),
                    line.now,
                    value(least),
                    value(most)
                );
            }
        }
        text
    }
}

/// The next of 1, 2, 5, 10, 20 and so on.
fn round(value: u64) -> u64 {
    let mut unit: u64 = 1;
    loop {
        for factor in [1, 2, 5] {
            let top = unit.saturating_mul(factor);
            if top >= value {
                return top;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// A place in tenths.
fn place(at: f64) -> f64 {
    (at * 10.0).round() / 10.0
}

/// A line in steps, broken at gaps; what is alone between two gaps is a dot.
fn path(points: &[(u64, u64)], scale: &Scale) -> (String, Vec<(f64, f64)>) {
    let mut path = String::new();
    let mut dots = Vec::new();
    for run in points.chunk_by(|a, b| b.0.saturating_sub(a.0) <= GAP) {
        let run = thinned(run, scale);
        let (Some(&(first, value)), Some(&(last, _))) = (run.first(), run.last()) else {
            continue;
        };
        if run.len() == 1 {
            dots.push((place(scale.x(first)), place(scale.y(value))));
            continue;
        }
        let mut at = value;
        let _ = write!(path, "M{} {}", place(scale.x(first)), place(scale.y(value)));
        for &(time, value) in &run {
            if value != at {
                at = value;
                let _ = write!(path, "H{}V{}", place(scale.x(time)), place(scale.y(value)));
            }
        }
        let _ = write!(path, "H{}", place(scale.x(last)));
    }
    (path, dots)
}

/// No more points than can be seen: of those that fall on one column the first and last, the least and most.
fn thinned(run: &[(u64, u64)], scale: &Scale) -> Vec<(u64, u64)> {
    let column = |point: &(u64, u64)| scale.x(point.0).floor();
    let mut kept = Vec::new();
    for points in run.chunk_by(|a, b| column(a) == column(b)) {
        let least = points.iter().min_by_key(|point| point.1);
        let most = points.iter().max_by_key(|point| point.1);
        let mut few: Vec<(u64, u64)> = [points.first(), least, most, points.last()]
            .into_iter()
            .flatten()
            .copied()
            .collect();
        few.sort_by_key(|point| point.0);
        few.dedup();
        kept.append(&mut few);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86400;

    #[test]
    fn scales_end_at_round_numbers() {
        for (value, top) in [(0, 1), (1, 1), (3, 5), (10, 10), (11, 20), (501, 1000)] {
            assert_eq!(round(value), top);
        }
        assert_eq!(round(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_line_is_in_steps_and_broken_where_nothing_is_known() {
        let scale = Scale {
            first: 0,
            last: 28 * DAY,
            top: 112,
        };
        // A day is ten units.
        let points = [
            (0, 0),
            (DAY, 0),
            (2 * DAY, 12),
            (3 * DAY, 12),
            (10 * DAY, 112),
            (20 * DAY, 12),
            (21 * DAY, 12),
        ];
        let (path, dots) = path(&points, &scale);
        assert_eq!(path, "M52 122H72V110H82M252 110H262");
        assert_eq!(dots, [(152.0, 10.0)]);
    }

    #[test]
    fn of_many_points_those_that_can_be_seen_are_drawn() {
        let points: Vec<(u64, u64)> = (0..100_000).map(|n| (n, n % 7)).collect();
        let scale = Scale {
            first: 0,
            last: 99_999,
            top: 7,
        };
        let kept = thinned(&points, &scale);
        assert!(kept.len() <= 4 * 281, "{}", kept.len());
        assert!(kept.iter().any(|point| point.1 == 6) && kept.contains(&(99_999, 99_999 % 7)));
        // And each kept one is one that was there.
        assert!(kept.iter().all(|point| points.contains(point)));
    }
}
