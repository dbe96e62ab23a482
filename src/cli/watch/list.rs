// SPDX-License-Identifier: GPL-2.0-only

//! The list of all devices: a line each, with as many columns as there is room for.

use ratatui::{
    style::{Modifier, Style},
    text::{Line, Span},
};

use crate::{
    device::{
        findings::Gravity,
        words::{grouped, per_mille, percent, span},
    },
    map::picture::Look,
    status::{self, Looked},
};

use super::{
    state::{App, Watched},
    text::{cut, grave, width},
};

/// A column: its heading, and its place among those that are left out where there is no room: the last ones first.
const COLUMNS: [(&str, usize); 8] = [
    ("device", 0),
    ("health", 1),
    ("state", 2),
    ("spare used", 6),
    ("scan", 5),
    ("pending", 3),
    ("30 days", 4),
    ("what wants attention", 7),
];

/// The name and the last column may be cut.
const NAME: usize = 0;
const LAST: usize = COLUMNS.len() - 1;

/// No column that may be cut is narrower.
const LEAST: usize = 8;

/// Between two columns.
const GAP: usize = 2;

/// What is in the columns, and how grave it is.
type Cells = ([String; COLUMNS.len()], Gravity);

/// The heading, and a line for each device.
pub fn lines(
    app: &App,
    columns: usize,
    look: Look,
    at: std::time::Duration,
) -> (Line<'static>, Vec<Line<'static>>) {
    let rows: Vec<Cells> = app
        .devices
        .iter()
        .map(|(name, watched)| cells(name, watched, at))
        .collect();
    let heading = COLUMNS.map(|(heading, _)| heading.to_owned());
    let all: Vec<&[String; COLUMNS.len()]> =
        rows.iter().map(|(row, _)| row).chain([&heading]).collect();
    let widths = widths(&all, columns.saturating_sub(GAP));
    let chosen = app.chosen();
    let lines = rows.iter().enumerate().map(|(n, (row, gravity))| {
        let mark = if n == chosen { "> " } else { "  " };
        let text = format!("{mark}{}", joined(row, &widths, look));
        let mut style = grave(look, *gravity);
        if n == chosen {
            style = style.add_modifier(Modifier::REVERSED);
        }
        // The mark goes over the whole line.
        let rest = " ".repeat(columns.saturating_sub(width(&text)));
        Line::from(Span::styled(text + &rest, style))
    });
    let heading = format!("  {}", joined(&heading, &widths, look));
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let lines = lines.collect();
    (Line::from(Span::styled(heading, bold)), lines)
}

fn cells(name: &str, watched: &Watched, at: std::time::Duration) -> Cells {
    let mut row = [(); COLUMNS.len()].map(|()| "-".to_owned());
    row[NAME] = name.to_owned();
    row[LAST] = String::new();
    if let Some(since) = watched.gone {
        row[2] = "gone".to_owned();
        row[LAST] = format!(
            "not there for {}",
            span(at.saturating_sub(since).as_secs().max(1))
        );
        return (row, Gravity::Warning);
    }
    if let Some(why) = &watched.trouble {
        row[2] = "unknown".to_owned();
        row[LAST].clone_from(why);
        return (row, Gravity::Danger);
    }
    let Some(looked) = &watched.looked else {
        return (row, Gravity::Note);
    };
    let Looked { device, .. } = looked;
    let (status, health, scan) = (&device.status, &device.health, &device.scan);
    row[1] = format!("{} {}", health.score, health.level);
    row[2] = looked.verdict().to_owned();
    row[3] = format!(
        "{} of {}",
        grouped(status.remapped_blocks),
        grouped(status.spare_blocks)
    );
    row[4] = format!(
        "{} {}",
        percent(scan.done_sectors, scan.pass_sectors),
        scan.state
    );
    row[5] = grouped(status.pending_sectors);
    row[6] = per_mille(health.failure_probability_per_mille);
    let codes: Vec<&str> = status::serious(looked).map(|f| f.code).collect();
    row[LAST] = codes.join(" ");
    (row, looked.gravest())
}

/// How wide each column is; those for which there is no room are not.
fn widths(rows: &[&[String; COLUMNS.len()]], room: usize) -> [Option<usize>; COLUMNS.len()] {
    let mut places: Vec<usize> = (0..COLUMNS.len()).collect();
    places.sort_by_key(|&column| COLUMNS[column].1);
    let mut widths = [None; COLUMNS.len()];
    let mut left = room;
    for column in places {
        let widest = rows.iter().map(|row| width(&row[column])).max();
        let wanted = widest.unwrap_or(0);
        let gap = if column == NAME { 0 } else { GAP };
        let wide = match column {
            NAME => wanted.min(room.saturating_sub(GAP + LEAST + 4).max(LEAST)),
            LAST => wanted.min(left.saturating_sub(gap)),
            _ => wanted,
        };
        let enough = column != LAST || wide >= LEAST.min(wanted);
        if wide + gap > left || !enough {
            // What matters less does not take its place.
            break;
        }
        left -= wide + gap;
        widths[column] = Some(wide);
    }
    widths
}

fn joined(
    row: &[String; COLUMNS.len()],
    widths: &[Option<usize>; COLUMNS.len()],
    look: Look,
) -> String {
    let mut text = String::new();
    for (cell, wide) in row.iter().zip(widths) {
        let Some(wide) = *wide else {
            continue;
        };
        if !text.is_empty() {
            text.push_str(&" ".repeat(GAP));
        }
        let cell = cut(cell, wide, look);
        let rest = wide.saturating_sub(width(&cell));
        text.push_str(&cell);
        text.push_str(&" ".repeat(rest));
    }
    text
}
