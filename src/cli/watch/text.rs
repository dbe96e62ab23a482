// SPDX-License-Identifier: GPL-2.0-only

//! Text that fits: wrapped, cut, and with a word before it.

use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

use crate::{device::findings::Gravity, map::picture::Look};

/// In fewer columns nothing is indented much.
const NARROW: usize = 40;

/// How many columns something takes.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// As much of it as fits, with a dot in place of the rest.
pub fn cut(text: &str, room: usize, look: Look) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let dots = if look == Look::Ascii { '.' } else { '…' };
    let mut cut = String::new();
    for c in text.chars() {
        if width(&cut) + width(&c.to_string()) >= room {
            break;
        }
        cut.push(c);
    }
    if room > 0 {
        cut.push(dots);
    }
    cut
}

/// Lines of at most `room` columns, the first one of `first`; a word that is longer is broken.
pub fn wrap(text: &str, first: usize, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut left = first.max(1);
    for word in text.split_whitespace() {
        let gap = usize::from(!line.is_empty());
        if gap + width(word) > left && gap > 0 {
            lines.push(std::mem::take(&mut line));
            left = room.max(1);
        } else if gap > 0 {
            line.push(' ');
            left -= gap;
        }
        for c in word.chars() {
            let wide = width(&c.to_string());
            if !line.is_empty() && wide > left {
                lines.push(std::mem::take(&mut line));
                left = room.max(1);
            }
            line.push(c);
            left = left.saturating_sub(wide);
        }
    }
    lines.push(line);
    lines
}

/// Lines of text for a window.
pub struct Text {
    pub lines: Vec<Line<'static>>,
    pub columns: usize,
    pub look: Look,
}

impl Text {
    pub fn new(columns: usize, look: Look) -> Self {
        Text {
            lines: Vec::new(),
            columns,
            look,
        }
    }

    /// A word, and what is said of it.
    pub fn fact(&mut self, what: &str, text: &str, style: Style) {
        let indent = if self.columns < NARROW { 2 } else { 12 };
        let before = match what {
            "" => " ".repeat(indent),
            _ if self.columns < NARROW => format!("{what} "),
            _ => format!("  {what:9} "),
        };
        let room = |taken: usize| self.columns.saturating_sub(taken);
        let lines = wrap(text, room(width(&before)), room(indent));
        let bold = Style::new().add_modifier(Modifier::BOLD);
        for (n, line) in lines.into_iter().enumerate() {
            let start = if n == 0 {
                Span::styled(before.clone(), bold)
            } else {
                Span::raw(" ".repeat(indent))
            };
            let line = Span::styled(line, style);
            self.lines.push(Line::from(vec![start, line]));
        }
    }
}

/// A colour of 256, where there are colours.
pub fn tint(look: Look, number: u8) -> Style {
    match look {
        Look::Color => Style::new().fg(Color::Indexed(number)),
        _ => Style::new(),
    }
}

/// The colours of the picture, for words.
pub fn grave(look: Look, gravity: Gravity) -> Style {
    match gravity {
        Gravity::Note => tint(look, 34),
        Gravity::Warning => tint(look, 214),
        Gravity::Danger => tint(look, 196).add_modifier(Modifier::BOLD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_words_and_cut_at_the_edge() {
        assert_eq!(wrap("one two  three", 7, 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3, 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 5, 5), [""]);
        assert_eq!(wrap("ab", 0, 0), ["a", "b"]);
        assert_eq!(
            wrap("one two three four", 3, 9),
            ["one", "two three", "four"]
        );
        assert_eq!(cut("abcdef", 6, Look::Shades), "abcdef");
        assert_eq!(cut("abcdefg", 6, Look::Shades), "abcde…");
        assert_eq!(cut("abcdefg", 1, Look::Ascii), ".");
        assert_eq!(cut("abcdefg", 0, Look::Ascii), "");
        // A sign of two columns is not cut through.
        assert_eq!(cut("磁碟磁碟", 4, Look::Shades), "磁…");
    }
}
