// SPDX-License-Identifier: GPL-2.0-only

//! Drawing: a cell is a character, and a line begins with where on the device it is.

use dm_remap_core::health::map::{DANGER, PERFECT, WARNING};

use crate::device::{
    cells::Cell,
    words::{counted, size},
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

/// Where a line begins, with a blank and an edge behind it.
const LABEL: usize = 12;

/// What stands above and below: title, legend, the prompt.
const AROUND: usize = 4;

impl Style {
    /// Cells of a line.
    fn width(&self) -> usize {
        // An edge on each side.
        self.columns.saturating_sub(LABEL + 2).clamp(8, 256)
    }

    /// For how many cells there is room.
    pub fn room(&self) -> u64 {
        let lines = self.lines.saturating_sub(AROUND).max(1);
        (self.width() * lines) as u64
    }
}

/// What a cell tells: the gravest of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
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
    fn of(cell: &Cell) -> Kind {
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
}

/// The line above: what it is, and how large a cell is.
pub fn title(name: &str, sectors: u64, score: u64, cells: &[Cell]) -> String {
    let each = sectors / (cells.len() as u64).max(1);
    format!(
        "{name}: {}, {score} of 1000; {} of {}\n",
        size(sectors),
        counted(cells.len() as u64, "part"),
        size(each)
    )
}

/// The cells, line by line.
pub fn draw(cells: &[Cell], style: &Style) -> String {
    let edge = if style.look == Look::Ascii {
        '|'
    } else {
        '│'
    };
    let mut text = String::new();
    for line in cells.chunks(style.width()) {
        let start = line.first().map_or(0, |cell| cell.first_sector);
        text.push_str(&format!(
            "{:>width$} {edge}",
            size(start),
            width = LABEL - 1
        ));
        let mut color = None;
        for cell in line {
            paint(Kind::of(cell), style.look, &mut color, &mut text);
        }
        if color.is_some() {
            text.push_str(RESET);
        }
        text.push(edge);
        text.push('\n');
    }
    text
}

const RESET: &str = "\u{1b}[0m";

/// Adds a sign; colours are told only where they change.
fn paint(kind: Kind, look: Look, color: &mut Option<u8>, text: &mut String) {
    let &(_, ascii, unicode, number, _) = kind.row();
    if look == Look::Color && *color != Some(number) {
        *color = Some(number);
        text.push_str(&format!("\u{1b}[38;5;{number}m"));
    }
    text.push(match look {
        Look::Ascii => ascii,
        Look::Shades => unicode,
        // Where colours tell how well it is, a whole block is easier on the eye.
        Look::Color if matches!(kind, Kind::Pending | Kind::Remapped) => unicode,
        Look::Color => '█',
    });
}

/// What the signs mean, in a line.
pub fn legend(style: &Style) -> String {
    let mut text = " ".repeat(LABEL);
    for (n, &(kind, .., name)) in KINDS.iter().enumerate() {
        if n > 0 {
            text.push_str("  ");
        }
        let mut color = None;
        paint(kind, style.look, &mut color, &mut text);
        if color.is_some() {
            text.push_str(RESET);
        }
        text.push(' ');
        text.push_str(name);
    }
    text.push('\n');
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
        for columns in [22, 40, 80, 200] {
            let style = style(Look::Ascii, columns);
            let drawn = draw(&cells, &style);
            let width = drawn.lines().map(|line| line.chars().count()).max();
            assert_eq!(width, Some(columns.min(60 + LABEL + 2)), "{columns}");
            assert_eq!(drawn.lines().count(), 60usize.div_ceil(style.width()));
        }
        let drawn = draw(&cells, &style(Look::Ascii, 34));
        assert!(drawn.contains("\n     20 MiB |"), "{drawn}");
        assert_eq!(style(Look::Ascii, 34).room(), 20 * 20);
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
