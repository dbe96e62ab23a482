// SPDX-License-Identifier: GPL-2.0-only

//! Drawing the window: a title, a body, and the keys, as far as they fit.

use std::time::Duration;

use ratatui::{
    layout::Rect,
    style::{Modifier, Style},
    text::{Line, Span},
    Frame,
};

use crate::{
    device::{findings::Gravity, words::counted},
    map::picture::Look,
};

use super::{
    list, page,
    state::{App, Drawn},
    text::{cut, grave, width, Text},
};

/// Windows from so many lines on have a heading above the list.
const HEADED: usize = 6;

/// Draws what is to be seen at this time of the watch.
pub fn draw(frame: &mut Frame<'_>, app: &App, look: Look, at: Duration) -> Drawn {
    let area = frame.area();
    let (columns, lines) = (usize::from(area.width), usize::from(area.height));
    let mut top = Vec::new();
    let mut bottom = Vec::new();
    if lines >= 3 {
        top.push(title(app, columns, look, at));
    }
    if let Some(trouble) = app.trouble.as_ref().filter(|_| lines >= 4) {
        let text = cut(&format!("cannot look: {trouble}"), columns, look);
        bottom.push(Line::styled(text, grave(look, Gravity::Danger)));
    }
    if lines >= 2 {
        bottom.push(keys(app, columns, look));
    }
    let mut text = Text::new(columns, look);
    let mut parts = None;
    if let Some(name) = &app.page {
        parts = Some(page::canvas(&text, lines).1);
        if !app.help {
            page::fill(&mut text, app, name, lines, at);
        }
    }
    let mut body = text.lines;
    let mut first = app.scroll;
    let mut seen = lines.saturating_sub(top.len() + bottom.len());
    if app.help {
        body = help(columns, look);
    } else if app.page.is_none() {
        let (heading, rows) = list::lines(app, columns, look, at);
        if rows.is_empty() {
            body = vec![Line::raw("There is no remap device.")];
        } else {
            if lines >= HEADED {
                top.push(heading);
                seen = seen.saturating_sub(1);
            }
            body = rows;
            // What is marked stays in the middle, as far as there is something on both sides.
            first = app.chosen().saturating_sub(seen / 2);
        }
    }
    let most_scroll = body.len().saturating_sub(seen);
    first = first.min(most_scroll);
    let body = body.into_iter().skip(first).take(seen);
    let blank = std::iter::repeat(Line::raw(""));
    let middle = body.chain(blank).take(seen);
    let all = top.into_iter().chain(middle).chain(bottom);
    for (row, line) in area.rows().zip(all) {
        frame.render_widget(line, row);
    }
    let more = first < most_scroll;
    if more && seen > 0 && lines >= 2 {
        more_below(frame, area, look);
    }
    Drawn {
        most_scroll,
        lines: seen,
        parts,
    }
}

/// That the text goes on, at the end of the last line.
fn more_below(frame: &mut Frame<'_>, area: Rect, look: Look) {
    let sign = if look == Look::Ascii { "v" } else { "↓" };
    let place = Rect {
        x: area.right().saturating_sub(1),
        y: area.bottom().saturating_sub(1),
        width: 1,
        height: 1,
    };
    let style = Style::new().add_modifier(Modifier::BOLD);
    frame.render_widget(Line::styled(sign, style), place);
}

/// What is seen, and how it is kept up to date.
fn title(app: &App, columns: usize, look: Look, at: Duration) -> Line<'static> {
    let (left, gravity) = match &app.page {
        _ if app.help => ("remapctl watch: keys and signs".to_owned(), Gravity::Note),
        None => summary(app),
        Some(name) => match app.devices.get(name) {
            Some(watched) if watched.gone.is_some() => (format!("{name} is gone"), Gravity::Danger),
            Some(watched) => match &watched.looked {
                Some(looked) => (format!("{name} {}", looked.verdict()), looked.gravest()),
                None => (name.clone(), Gravity::Danger),
            },
            None => (name.clone(), Gravity::Note),
        },
    };
    let right = if app.waits(at) {
        let late = at.saturating_sub(app.looked_at).as_secs();
        format!("no answer for {late} s")
    } else if app.paused {
        "paused".to_owned()
    } else {
        format!("every {} s", app.interval().as_secs_f64())
    };
    let style = grave(look, gravity).add_modifier(Modifier::BOLD);
    let room = columns.saturating_sub(width(&right) + 2);
    if room < width(&left) && !app.paused && !app.waits(at) {
        return Line::from(Span::styled(cut(&left, columns, look), style));
    }
    let left = cut(&left, room, look);
    let between = " ".repeat(columns.saturating_sub(width(&left) + width(&right)));
    Line::from(vec![
        Span::styled(left, style),
        Span::raw(between),
        Span::raw(right),
    ])
}

fn summary(app: &App) -> (String, Gravity) {
    let mut gravest = Gravity::Note;
    let (mut dangers, mut warnings, mut unknown, mut gone) = (0, 0, 0, 0);
    for watched in app.devices.values() {
        let gravity = match &watched.looked {
            _ if watched.gone.is_some() => {
                gone += 1;
                Gravity::Warning
            }
            Some(looked) if watched.trouble.is_none() => {
                dangers += u64::from(looked.gravest() == Gravity::Danger);
                warnings += u64::from(looked.gravest() == Gravity::Warning);
                looked.gravest()
            }
            _ => {
                unknown += 1;
                Gravity::Danger
            }
        };
        gravest = gravest.max(gravity);
    }
    let mut text = counted(app.devices.len() as u64, "device");
    for (number, what) in [
        (dangers, "in danger"),
        (warnings, "with a warning"),
        (unknown, "unknown"),
        (gone, "gone"),
    ] {
        if number > 0 {
            text += &format!(", {number} {what}");
        }
    }
    (text, gravest)
}

/// The keys that matter here, those first that are most needed.
fn keys(app: &App, columns: usize, look: Look) -> Line<'static> {
    let arrows = if look == Look::Ascii {
        "j k"
    } else {
        "↑ ↓"
    };
    let pause = if app.paused { "go on" } else { "pause" };
    let all: &[(&str, &str)] = if app.help {
        &[("q", "quit"), ("esc", "back"), (arrows, "scroll")]
    } else if app.page.is_some() {
        &[
            ("q", "quit"),
            ("?", "help"),
            ("esc", "list"),
            (arrows, "scroll"),
            ("tab", "next device"),
            ("p", pause),
            ("r", "look now"),
        ]
    } else {
        &[
            ("q", "quit"),
            ("?", "help"),
            ("enter", "open"),
            (arrows, "choose"),
            ("p", pause),
            ("r", "look now"),
        ]
    };
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut spans = Vec::new();
    // The last column is for the sign that there is more.
    let mut left = columns.saturating_sub(2);
    for (n, (key, what)) in all.iter().enumerate() {
        let gap = if n == 0 { "" } else { "  " };
        let word = format!(" {what}");
        let wide = width(gap) + width(key) + width(&word);
        if wide > left {
            break;
        }
        left -= wide;
        spans.push(Span::raw(gap));
        spans.push(Span::styled((*key).to_owned(), bold));
        spans.push(Span::raw(word));
    }
    Line::from(spans)
}

/// All keys.
fn help(columns: usize, look: Look) -> Vec<Line<'static>> {
    let mut text = Text::new(columns, look);
    let rows = [
        ("q", "quit; Ctrl-C does so, too"),
        ("up down", "or k and j: choose a device; on a page, scroll"),
        ("pgup pgdn", "a window up or down"),
        ("home end", "or g and G: to the beginning or the end"),
        ("enter", "or right or l: open the page of a device"),
        ("esc", "or left, h, backspace: back to the list"),
        (
            "tab",
            "on a page: the next device; with shift, the one before",
        ),
        ("p", "or space: pause, and go on; meanwhile r looks once"),
        ("r", "look now"),
        ("? F1", "these lines"),
    ];
    for (key, what) in rows {
        text.fact(key, what, Style::new());
    }
    let words = "what wants attention stands in the words of remapctl status, and docs say what to do; \
        30 days: how probable it is that the disk fails within them; gone: was there, and is not any more";
    text.fact("words", words, Style::new());
    text.lines
}
