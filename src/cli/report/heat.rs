// SPDX-License-Identifier: GPL-2.0-only

//! The heat map: a picture whose cells have a colour and a sign, and the same in words.

use std::fmt::Write;

use maud::{html, Markup, PreEscaped};

use crate::{
    device::{
        cells::Cell,
        words::{counted, size},
    },
    map::picture::Kind,
};

/// Cells of a line, and how large one is.
const COLUMNS: usize = 64;
const SIDE: usize = 10;

/// Lines are apart by more than they are high.
const PITCH: usize = 12;

/// So many places are named.
const MOST_PLACES: usize = 12;

/// The map of device `n`.
pub fn map(cells: &[Cell], n: usize) -> Markup {
    let all: u64 = cells.iter().map(|cell| cell.size_sectors).sum();
    let each = all / (cells.len() as u64).max(1);
    let lines = cells.len().div_ceil(COLUMNS).max(1);
    let columns = cells.len().clamp(1, COLUMNS);
    let (width, height) = (columns * SIDE, lines * PITCH - 2);
    let places = places(cells);
    let summary = summary(cells);
    html! {
        figure.heat {
            svg role="img" width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) }
                aria-labelledby={ "heat-" (n) " heat-" (n) "-text" } {
                title id={ "heat-" (n) } { "Heat map" }
                desc id={ "heat-" (n) "-text" } { (summary) }
                @for kind in Kind::all() {
                    @let forms = forms(cells, kind);
                    @if !forms.is_empty() {
                        path.cell.{ "heat-" (kind.name()) } d=(PreEscaped(forms)) {}
                    }
                    @let marks = marks(cells, kind);
                    @if !marks.is_empty() {
                        path.mark.{ "mark-" (kind.name()) } d=(PreEscaped(marks)) {}
                    }
                }
            }
            figcaption.quiet {
                (counted(cells.len() as u64, "part")) " of " (size(each)) ", in lines from left to right as text is read"
                @if lines > 1 {
                    ": each line is " (size(each * COLUMNS as u64))
                }
                ". A part shows the gravest of what is in it. " (summary)
            }
            (legend())
        }
        @if !places.is_empty() {
            (table(&places))
        }
    }
}

/// What the colours and signs mean.
fn legend() -> Markup {
    html! {
        ul.legend aria-label="What the parts show" {
            @for kind in Kind::all() {
                li {
                    svg width="16" height="16" viewBox="-1 -1 12 12" aria-hidden="true" focusable="false" {
                        path.cell.{ "heat-" (kind.name()) } d="M0 0h10v10h-10z" {}
                        path.mark.{ "mark-" (kind.name()) } d=(PreEscaped(mark(kind, 0, 0))) {}
                    }
                    " " (kind.name())
                }
            }
        }
    }
}

/// Where the cell number `n` is.
fn at(n: usize) -> (usize, usize) {
    (n % COLUMNS * SIDE, n / COLUMNS * PITCH)
}

/// The cells of a kind; those beside each other are one form.
fn forms(cells: &[Cell], kind: Kind) -> String {
    let mut path = String::new();
    for (line, cells) in cells.chunks(COLUMNS).enumerate() {
        let mut n = 0;
        for run in cells.chunk_by(|a, b| Kind::of(a) == Kind::of(b)) {
            if run.first().is_some_and(|cell| Kind::of(cell) == kind) {
                let width = run.len() * SIDE;
                let _ = write!(
                    path,
                    "M{} {}h{width}v{SIDE}h-{width}z",
                    n * SIDE,
                    line * PITCH
                );
            }
            n += run.len();
        }
    }
    path
}

/// The signs on the cells of a kind.
fn marks(cells: &[Cell], kind: Kind) -> String {
    let mut path = String::new();
    for (n, cell) in cells.iter().enumerate() {
        if Kind::of(cell) == kind {
            let (x, y) = at(n);
            path.push_str(&mark(kind, x, y));
        }
    }
    path
}

/// A sign, so that colour is not all that tells.
fn mark(kind: Kind, x: usize, y: usize) -> String {
    let form = match kind {
        Kind::Good => return String::new(),
        Kind::Touched => "m4 4h2v2h-2z",
        Kind::Remapped => "m5 2l3 3-3 3-3-3z",
        Kind::Warning => "m2 8l6-6",
        Kind::Danger => "m2 2l6 6m0-6l-6 6",
        Kind::Pending => "m5 2l3 6h-6z",
        Kind::Lost => "m2.5 2.5h5v5h-5z",
    };
    format!("M{x} {y}{form}")
}

/// In one sentence.
fn summary(cells: &[Cell]) -> String {
    let count = |kind| cells.iter().filter(|cell| Kind::of(cell) == kind).count();
    let kinds = Kind::all().map(|kind| (kind, count(kind)));
    let told = kinds.iter().filter(|(_, count)| *count > 0);
    let told: Vec<String> = told
        .map(|(kind, count)| format!("{count} {}", kind.name()))
        .collect();
    match told.is_empty() {
        true => "There are no parts.".to_owned(),
        false => format!("Of the parts: {}.", told.join(", ")),
    }
}

/// Cells beside each other that show the same.
struct Place {
    kind: Kind,
    first_sector: u64,
    size_sectors: u64,
    score: u32,
    what: String,
}

fn places(cells: &[Cell]) -> Vec<Place> {
    let alike = |a: &Cell, b: &Cell| {
        Kind::of(a) == Kind::of(b)
            && (a.lost, a.pending, a.remapped) == (b.lost, b.pending, b.remapped)
    };
    let runs = cells.chunk_by(alike);
    let place = |run: &[Cell]| {
        let first = run.first().filter(|cell| Kind::of(cell) != Kind::Good)?;
        Some(Place {
            kind: Kind::of(first),
            first_sector: first.first_sector,
            size_sectors: run.iter().map(|cell| cell.size_sectors).sum(),
            score: run.iter().map(|cell| cell.score).min().unwrap_or(0),
            what: what(first),
        })
    };
    runs.filter_map(place).collect()
}

/// All that is in a cell.
fn what(cell: &Cell) -> String {
    let words = [
        (cell.lost, "lost sectors"),
        (cell.pending, "pending sectors"),
        (cell.remapped, "moved blocks"),
    ];
    let there: Vec<&str> = words
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, w)| *w)
        .collect();
    match there.is_empty() {
        true => "errors".to_owned(),
        false => there.join(", "),
    }
}

fn table(places: &[Place]) -> Markup {
    let mut gravest: Vec<&Place> = places.iter().collect();
    let rank = |kind: Kind| Kind::all().iter().position(|other| *other == kind);
    gravest.sort_by_key(|place| (std::cmp::Reverse(rank(place.kind)), place.score));
    gravest.truncate(MOST_PLACES);
    gravest.sort_by_key(|place| place.first_sector);
    let left = places.len() - gravest.len();
    html! {
        table {
            caption {
                "Where something is"
                @if left > 0 {
                    ": the gravest places, " (left) " more are in the picture alone"
                }
            }
            thead {
                tr {
                    th scope="col" { "Into the device" }
                    th.number.wide scope="col" { "From sector" }
                    th scope="col" { "Shown as" }
                    th scope="col" { "What is there" }
                    th.number scope="col" { "Lowest health" }
                }
            }
            tbody {
                @for place in &gravest {
                    tr {
                        td {
                            span.whole { (size(place.first_sector)) "," } " "
                            span.whole { (size(place.size_sectors)) " long" }
                        }
                        td.number.wide { (place.first_sector) }
                        td { (place.kind.name()) }
                        td { (place.what) }
                        td.number { (place.score) }
                    }
                }
            }
        }
    }
}
