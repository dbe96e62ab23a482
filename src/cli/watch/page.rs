// SPDX-License-Identifier: GPL-2.0-only

//! The page of one device: what `status` finds, the picture of `map`, counters, forecast, events.

use std::time::Duration;

use ratatui::{
    style::{Modifier, Style},
    text::{Line, Span},
};

use crate::{
    device::{
        cells::Cell,
        model::Device,
        words::{counted, size, span},
    },
    health,
    map::picture::{self, Sign, Style as Canvas, BETWEEN},
    status,
};

use super::{
    history::{Event, Group, History},
    state::{App, Watched},
    text::{grave, tint, Text},
};

/// The part of a window's height that the picture takes, and its lines at most.
const PICTURE_PART: usize = 4;
const PICTURE_MOST: usize = 16;

/// So many events are shown.
const EVENTS: usize = 30;

/// How a picture is drawn in a window of this size, and in how many parts.
pub fn canvas(text: &Text, lines: usize) -> (Canvas, u64) {
    let lines = (lines / PICTURE_PART).clamp(1, PICTURE_MOST);
    let canvas = Canvas {
        look: text.look,
        columns: text.columns,
        lines,
    };
    (canvas, (canvas.width() * lines) as u64)
}

/// The lines of the page of `name`.
pub fn fill(text: &mut Text, app: &App, name: &str, lines: usize, at: Duration) {
    let plain = Style::new();
    let Some(watched) = app.devices.get(name) else {
        text.fact("state", "there is no such device", plain);
        return;
    };
    let danger = grave(text.look, crate::device::findings::Gravity::Danger);
    if let Some(since) = watched.gone {
        let time = span(at.saturating_sub(since).as_secs().max(1));
        let said = format!("not there for {time}; what follows is what was seen last");
        text.fact("GONE", &said, danger);
    } else if let Some(why) = &watched.trouble {
        text.fact("UNKNOWN", why, danger);
    }
    if let (Some(looked), Some(history)) = (&watched.looked, &watched.history) {
        let device = &looked.device;
        for (what, said) in status::facts(device, app.now) {
            text.fact(what, &said, plain);
        }
        if let Some(pace) = history.pace(&device.scan) {
            text.fact("", &pace, plain);
        }
        for said in looked.smart.iter().flat_map(|smart| smart.lines(app.now)) {
            text.fact("smart", &said, plain);
        }
        for finding in &looked.findings {
            let style = grave(text.look, finding.gravity);
            text.fact(finding.gravity.mark(), &finding.text, style);
            if !finding.advice.is_empty() {
                text.fact("", &format!("what to do: {}", finding.advice), plain);
            }
        }
        picture(text, app, name, device, lines);
        counters(text, history, device, at);
        // What comes first is said above, too.
        for (what, said) in health::forecast(&device.health) {
            text.fact(what, &said, plain);
        }
        worst(text, device);
    }
    events(text, app, name, watched);
}

fn picture(text: &mut Text, app: &App, name: &str, device: &Device, lines: usize) {
    let seen = app.picture.as_ref().filter(|picture| picture.name == name);
    match seen.map(|picture| &picture.cells) {
        None => text.fact("map", "is being read", Style::new()),
        Some(Err(why)) => text.fact("map", why, Style::new()),
        Some(Ok(cells)) => {
            let parts = cells.len() as u64;
            let each = device.table.size_sectors / parts.max(1);
            let said = format!("{} of {}", counted(parts, "part"), size(each));
            text.fact("map", &said, Style::new());
            let canvas = canvas(text, lines).0;
            draw(text, cells, &canvas);
        }
    }
}

fn draw(text: &mut Text, cells: &[Cell], canvas: &Canvas) {
    for row in picture::rows(cells, canvas) {
        let mut spans = vec![Span::raw(format!("{}{}", row.label, row.edge))];
        for same in row.signs.chunk_by(|a, b| a.color == b.color) {
            spans.push(painted(same));
        }
        spans.push(Span::raw(row.edge.to_string()));
        text.lines.push(Line::from(spans));
    }
    for (indent, signs) in picture::legend_lines(canvas) {
        let mut spans = vec![Span::raw(" ".repeat(indent))];
        for (n, (sign, name)) in signs.into_iter().enumerate() {
            if n > 0 {
                spans.push(Span::raw(" ".repeat(BETWEEN)));
            }
            spans.push(painted(&[sign]));
            spans.push(Span::raw(format!(" {name}")));
        }
        text.lines.push(Line::from(spans));
    }
}

/// Signs of one colour.
fn painted(signs: &[Sign]) -> Span<'static> {
    let color = signs.first().and_then(|sign| sign.color);
    let style = color.map_or(Style::new(), |number| tint(picture::Look::Color, number));
    let signs: String = signs.iter().map(|sign| sign.sign).collect();
    Span::styled(signs, style)
}

fn counters(text: &mut Text, history: &History, device: &Device, at: Duration) {
    for (what, group) in [
        ("errors", Group::Errors),
        ("moved", Group::Moved),
        ("sectors", Group::Sectors),
    ] {
        let told = history.told(group, device, at).join(", ");
        text.fact(what, &told, Style::new());
    }
    let watched = span(history.watched(at).as_secs().max(1));
    let said = format!("for {watched}: what grew meanwhile stands behind a number");
    let faint = Style::new().add_modifier(Modifier::DIM);
    text.fact("watched", &said, faint);
}

fn worst(text: &mut Text, device: &Device) {
    let regions = device
        .map
        .worst
        .iter()
        .map(|region| format!("{} of 1000 at sector {}", region.score, region.first_sector));
    let regions: Vec<String> = regions.collect();
    if !regions.is_empty() {
        text.fact("worst", &regions.join(", "), Style::new());
    }
}

/// What was seen and what the kernel said, the last first.
fn events(text: &mut Text, app: &App, name: &str, watched: &Watched) {
    let mut events: Vec<Event> = Vec::new();
    if let Some(history) = &watched.history {
        events.extend(history.events.iter().cloned());
    }
    if let Some(picture) = app.picture.as_ref().filter(|picture| picture.name == name) {
        events.extend(picture.said.iter().map(|said| Event {
            at: said.at,
            text: format!("kernel: {}", said.text),
        }));
    }
    // What came later stands behind, also within a second.
    events.reverse();
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    if events.is_empty() {
        text.fact("events", "none", Style::new());
    }
    for (n, event) in events.iter().take(EVENTS).enumerate() {
        let what = if n == 0 { "events" } else { "" };
        let said = match app.now.saturating_sub(event.at) {
            0 => format!("now: {}", event.text),
            ago => format!("{} ago: {}", span(ago), event.text),
        };
        text.fact(what, &said, Style::new());
    }
}
