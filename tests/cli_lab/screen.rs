// SPDX-License-Identifier: GPL-2.0-only

//! What stands on a terminal, drawn as SVG: the same bytes for the same text, whatever fonts there are. Signs that fill a
//! place or a part of it are forms; only words are text.

use std::fmt::Write;

/// A place for one character, in pixels, and what is around all of them.
const WIDTH: usize = 8;
const HEIGHT: usize = 16;
const AROUND: usize = 12;

const BACK: &str = "#1b1d1e";
const FRONT: &str = "#d4d4d4";

/// A character, and its colour of 256.
type Place = (char, Option<u8>);

/// What a program wrote, as lines of characters.
fn places(said: &str) -> Vec<Vec<Place>> {
    let line = |line: &str| {
        let (mut places, mut color, mut rest) = (Vec::new(), None, line);
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if c != '\u{1b}' {
                places.push((c, color));
                continue;
            }
            let (sequence, after) = rest.split_once('m').expect("a colour");
            color = sequence
                .strip_prefix("[38;5;")
                .map(|n| n.parse().expect("a colour"));
            assert!(color.is_some() || sequence == "[0", "{sequence}");
            rest = after;
        }
        places
    };
    said.lines().map(line).collect()
}

/// The colour that xterm gives a number of its cube.
fn of_256(number: Option<u8>) -> String {
    let Some(number) = number.and_then(|n| n.checked_sub(16)).filter(|n| *n < 216) else {
        return FRONT.to_owned();
    };
    let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    let (r, g, b) = (number / 36, number / 6 % 6, number % 6);
    format!("#{:02x}{:02x}{:02x}", level(r), level(g), level(b))
}

/// What is drawn of a sign in its place; nothing for a letter.
fn form(sign: char) -> Option<&'static str> {
    Some(match sign {
        '█' => "h8v16h-8z",
        '▲' => "m4 3l4 9h-8z",
        '◆' => "m4 3l4 5-4 5-4-5z",
        '│' => "m3.5 0h1v16h-1z",
        _ => return None,
    })
}

/// The picture of a terminal in which `said` stands.
pub fn svg(title: &str, description: &str, said: &str) -> String {
    let lines = places(said);
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let (width, height) = (
        columns * WIDTH + 2 * AROUND,
        lines.len() * HEIGHT + 2 * AROUND,
    );
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"t d\">\n\
         <!-- SPDX-License-Identifier: GPL-2.0-only; made by 'make pictures' -->\n\
         <title id=\"t\">{title}</title>\n<desc id=\"d\">{description}</desc>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{BACK}\"/>\n\
         <g font-family=\"ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace\" font-size=\"13\" xml:space=\"preserve\">\n"
    );
    for (n, line) in lines.iter().enumerate() {
        let top = AROUND + n * HEIGHT;
        let mut column = 0;
        for run in line.chunk_by(|a, b| a.1 == b.1 && form(a.0) == form(b.0)) {
            let left = AROUND + column * WIDTH;
            column += run.len();
            let (sign, color) = run[0];
            let color = of_256(color);
            let wide = run.len() * WIDTH;
            // It never ends, so the writing of it does not either.
            let _ = match form(sign) {
                Some("h8v16h-8z") => {
                    writeln!(
                        text,
                        "<path fill=\"{color}\" d=\"M{left} {top}h{wide}v16h-{wide}z\"/>"
                    )
                }
                Some(form) => {
                    let forms =
                        (0..run.len()).map(|n| format!("M{} {top}{form}", left + n * WIDTH));
                    let forms: String = forms.collect();
                    writeln!(text, "<path fill=\"{color}\" d=\"{forms}\"/>")
                }
                None => words(&mut text, run, (left, top), &color),
            };
        }
    }
    text + "</g>\n</svg>\n"
}

/// Words as text that is as wide as its places.
fn words(
    to: &mut String,
    run: &[Place],
    (left, top): (usize, usize),
    color: &str,
) -> std::fmt::Result {
    let line: String = run.iter().map(|place| place.0).collect();
    let word = line.trim();
    if word.is_empty() {
        return Ok(());
    }
    let before = line.chars().take_while(|c| *c == ' ').count();
    let (left, base) = (left + before * WIDTH, top + 12);
    let wide = word.chars().count() * WIDTH;
    let word = word.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(to, "<text x=\"{left}\" y=\"{base}\" textLength=\"{wide}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{color}\">{word}</text>")
}
