// SPDX-License-Identifier: GPL-2.0-only

//! Bars for long work: how far it is, how fast it goes, how long it still takes. On standard error, and only if that
//! is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `bytes`, labelled `what`. The caller increments it, and clears it at the end.
pub fn of_bytes(what: &'static str, bytes: u64) -> ProgressBar {
    styled(
        what,
        bytes,
        "{msg} {wide_bar} {percent:>3} %  {binary_bytes_per_sec}, {eta} left",
    )
}

/// A bar of things that are counted.
pub fn of_items(what: &'static str, items: u64) -> ProgressBar {
    styled(
        what,
        items,
        "{msg} {wide_bar} {pos}/{len}  {per_sec}, {eta} left",
    )
}

fn styled(what: &'static str, length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::new(length)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what);
    bar.enable_steady_tick(std::time::Duration::from_millis(250));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_are_right() {
        let bars = [of_bytes("reading", 10), of_items("entries", 10)];
        for bar in bars {
            bar.inc(4);
            assert_eq!((bar.position(), bar.length()), (4, Some(10)));
            bar.finish_and_clear();
        }
        assert!(ProgressStyle::with_template("{binary_bytes_per_sec}").is_ok());
    }
}
