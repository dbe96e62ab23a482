// SPDX-License-Identifier: GPL-2.0-only

//! Drawing: a cell is a character, and a line begins with where on the device it is.

use dm_remap_core::health::map::{DANGER, PERFECT, WARNING};

use crate::{
    device::{
        cells::Cell,
        words::{counted, size},
    },
    output::in_a_line,
};

/// With which means a picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Letters and signs that each output has.
    Ascii,
    /// Unicode without colours.
    Shades,
    /// Unicode and 256 colours.
    Color,
}

/// How a picture is drawn, and how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub look: Look,
    pub columns: usize,
    pub lines: usize,
}

/// Where a line begins, with a blank behind it.
const LABEL: usize = 12;

/// In fewer columns the picture needs all of them.
const NARROW: usize = 32;

/// A title is no longer than this, but for a long name.
const TITLE: usize = 60;

impl Style {
    /// Columns before the edge of a line.
    fn label(&self) -> usize {
        if self.columns < NARROW {
            0
        } else {
            LABEL
        }
    }

    /// Cells of a line.
    pub fn width(&self) -> usize {
        // An edge on each side.
        self.columns
            .saturating_sub(self.label() + 2)
            .clamp(1, MOST_CELLS)
    }

    /// For how many cells there is room.
    pub fn room(&self) -> u64 {
        let title = TITLE.div_ceil(self.columns.max(1));
        // A line between two pictures, and the prompt.
        let around = title + legend_lines(self).len() + 2;
        let lines = self.lines.saturating_sub(around).max(1);
        (self.width() * lines) as u64
    }
}

/// Longer lines are hard to follow.
const MOST_CELLS: usize = 256;

/// What a cell tells: the gravest of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Lost,
    Pending,
    Danger,
    Warning,
    Remapped,
    Touched,
    Good,
}

/// Each kind: the ASCII sign, the Unicode sign, the colour (of 256), and what the legend says.
const KINDS: [(Kind, char, char, u8, &str); 7] = [
    (Kind::Good, '.', '·', 34, "good"),
    (Kind::Touched, ':', '░', 148, "errors"),
    (Kind::Remapped, 'r', '◆', 39, "moved"),
    (Kind::Warning, 'w', '▒', 214, "warning"),
    (Kind::Danger, 'D', '▓', 196, "danger"),
    (Kind::Pending, 'P', '▲', 208, "pending"),
    (Kind::Lost, 'L', '█', 201, "lost"),
];

impl Kind {
    pub fn of(cell: &Cell) -> Kind {
        match cell {
            Cell { lost: true, .. } => Kind::Lost,
            Cell { pending: true, .. } => Kind::Pending,
            Cell {
                score: ..DANGER, ..
            } => Kind::Danger,
            Cell {
                score: ..WARNING, ..
            } => Kind::Warning,
            Cell { remapped: true, .. } => Kind::Remapped,
            Cell {
                score: ..PERFECT, ..
            } => Kind::Touched,
            Cell { .. } => Kind::Good,
        }
    }

    fn row(self) -> &'static (Kind, char, char, u8, &'static str) {
        let row = KINDS.iter().find(|row| row.0 == self);
        row.unwrap_or(&KINDS[0])
    }

    /// All of them, the gravest last.
    pub fn all() -> [Kind; 7] {
        KINDS.map(|row| row.0)
    }

    /// What the legend says.
    pub fn name(self) -> &'static str {
        self.row().4
    }
}

/// The line above: what it is, and how large a cell is.
pub fn title(name: &str, sectors: u64, score: u64, cells: &[Cell]) -> String {
    let each = sectors / (cells.len() as u64).max(1);
    format!(
        "{}: {}, {score} of 1000; {} of {}\n",
        in_a_line(name),
        size(sectors),
        counted(cells.len() as u64, "part"),
        size(each)
    )
}

/// What stands for a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    pub sign: char,
    /// Of 256.
    pub color: Option<u8>,
}

/// A line of a picture.
pub struct Row {
    /// Where on the device it begins.
    pub label: String,
    /// What stands before and after the signs.
    pub edge: char,
    pub signs: Vec<Sign>,
}

/// The sign of a kind.
fn sign(kind: Kind, look: Look) -> Sign {
    let &(_, ascii, unicode, number, _) = kind.row();
    let sign = match look {
        Look::Ascii => ascii,
        Look::Shades => unicode,
        // Where colours tell how well it is, a whole block is easier on the eye.
        Look::Color if matches!(kind, Kind::Pending | Kind::Remapped) => unicode,
        Look::Color => '█',
    };
    Sign {
        sign,
        color: (look == Look::Color).then_some(number),
    }
}

/// The cells, line by line.
pub fn rows<'a>(cells: &'a [Cell], style: &'a Style) -> impl Iterator<Item = Row> + 'a {
    let edge = match style.look {
        Look::Ascii => '|',
        _ => '│',
    };
    let row = move |line: &[Cell]| {
        let start = line.first().map_or(0, |cell| cell.first_sector);
        let label = match style.label() {
            0 => String::new(),
            width => format!("{:>width$} ", size(start), width = width - 1),
        };
        let signs = line.iter().map(|cell| sign(Kind::of(cell), style.look));
        Row {
            label,
            edge,
            signs: signs.collect(),
        }
    };
    cells.chunks(style.width()).map(row)
}

/// The cells as text.
pub fn draw(cells: &[Cell], style: &Style) -> String {
    let mut text = String::new();
    for row in rows(cells, style) {
        text.push_str(&row.label);
        text.push(row.edge);
        paint(&row.signs, &mut text);
        text.push(row.edge);
        text.push('\n');
    }
    text
}

const RESET: &str = "\u{1b}[0m";

/// Adds signs; colours are told only where they change.
fn paint(signs: &[Sign], text: &mut String) {
    let mut color = None;
    for sign in signs {
        if let Some(number) = sign.color.filter(|_| sign.color != color) {
            color = sign.color;
            text.push_str(&format!("\u{1b}[38;5;{number}m"));
        }
        text.push(sign.sign);
    }
    if color.is_some() {
        text.push_str(RESET);
    }
}

/// What the signs mean: an indentation, and signs with words, for each line.
pub fn legend_lines(style: &Style) -> Vec<(usize, Vec<(Sign, &'static str)>)> {
    let all = KINDS.map(|(kind, .., name)| (sign(kind, style.look), name));
    let wide = |name: &str| 2 + name.len();
    let whole: usize = all.iter().map(|(_, name)| wide(name) + BETWEEN).sum();
    let indent = style.label();
    if indent + whole - BETWEEN <= style.columns {
        return vec![(indent, all.to_vec())];
    }
    let mut lines: Vec<(usize, Vec<(Sign, &'static str)>)> = Vec::new();
    let mut used = 0;
    for (sign, name) in all {
        used += BETWEEN + wide(name);
        match lines.last_mut() {
            Some((_, line)) if used <= style.columns => line.push((sign, name)),
            _ => {
                used = wide(name);
                lines.push((0, vec![(sign, name)]));
            }
        }
    }
    lines
}

/// Between what two signs mean.
pub const BETWEEN: usize = 2;

/// What the signs mean, as text.
pub fn legend(style: &Style) -> String {
    let mut text = String::new();
    for (indent, line) in legend_lines(style) {
        text.push_str(&" ".repeat(indent));
        for (n, (sign, name)) in line.into_iter().enumerate() {
            if n > 0 {
                text.push_str(&" ".repeat(BETWEEN));
            }
            paint(&[sign], &mut text);
            text.push(' ');
            text.push_str(name);
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(n: u64, score: u32) -> Cell {
        Cell {
            first_sector: n * 2048,
            size_sectors: 2048,
            score,
            remapped: false,
            pending: false,
            lost: false,
        }
    }

    fn style(look: Look, columns: usize) -> Style {
        let lines = 24;
        Style {
            look,
            columns,
            lines,
        }
    }

    #[test]
    fn a_cell_tells_the_gravest_of_what_is_in_it() {
        let scores = [1000, 999, 700, 699, 300, 299, 0];
        let mut cells: Vec<Cell> = (0..).zip(scores).map(|(n, s)| cell(n, s)).collect();
        let drawn = draw(&cells, &style(Look::Ascii, 40));
        assert_eq!(drawn, "    0 bytes |.::wwDD|\n");
        cells[0].remapped = true;
        cells[6].remapped = true;
        cells[1].remapped = true;
        cells[1].pending = true;
        cells[2].pending = true;
        cells[2].lost = true;
        let drawn = draw(&cells, &style(Look::Shades, 40));
        assert_eq!(drawn, "    0 bytes │◆▲█▒▒▓▓│\n");
    }

    #[test]
    fn lines_are_as_wide_as_the_terminal_and_say_where_they_begin() {
        let cells: Vec<Cell> = (0..60).map(|n| cell(n, 1000)).collect();
        for columns in [12, 20, 31, 32, 40, 80, 200] {
            let style = style(Look::Ascii, columns);
            let drawn = draw(&cells, &style);
            let width = drawn.lines().map(|line| line.chars().count()).max();
            assert_eq!(
                width,
                Some(columns.min(60 + style.label() + 2)),
                "{columns}"
            );
            assert_eq!(drawn.lines().count(), 60usize.div_ceil(style.width()));
        }
        let drawn = draw(&cells, &style(Look::Ascii, 34));
        assert!(drawn.contains("\n     20 MiB |"), "{drawn}");
        // Of 24 lines, two are the title's, two the legend's, and two are left.
        assert_eq!(style(Look::Ascii, 34).room(), 20 * 17);
        assert_eq!(style(Look::Ascii, 80).room(), 66 * 20);
    }

    #[test]
    fn a_legend_fits_the_terminal() {
        for columns in [12, 20, 40, 66, 79, 80, 200] {
            let said = legend(&style(Look::Shades, columns));
            for line in said.lines() {
                assert!(line.chars().count() <= columns, "{columns}: {line}");
            }
            let words: Vec<&str> = said.split_whitespace().collect();
            assert_eq!(words.len(), 14, "{said}");
        }
        let said = legend(&style(Look::Ascii, 40));
        let lines = ". good  : errors  r moved  w warning\nD danger  P pending  L lost\n";
        assert_eq!(said, lines);
    }

    #[test]
    fn colours_change_where_the_cells_do_and_end_with_the_line() {
        let cells = [cell(0, 1000), cell(1, 1000), cell(2, 0)];
        let drawn = draw(&cells, &style(Look::Color, 80));
        let line = "    0 bytes │\u{1b}[38;5;34m██\u{1b}[38;5;196m█\u{1b}[0m│\n";
        assert_eq!(drawn, line);
        let legend = legend(&style(Look::Ascii, 80));
        let said = ". good  : errors  r moved  w warning  D danger  P pending  L lost";
        assert_eq!(legend.trim(), said);
    }
}
