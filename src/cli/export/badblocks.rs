// SPDX-License-Identifier: GPL-2.0-only

//! Lists of bad blocks as badblocks(8) writes them: a decimal number a line, in order.

use std::fmt::Write;

use crate::device::runs::Run;

/// The blocks of `block_bytes` that these sectors touch. The runs are in order.
pub fn text(runs: &[Run], block_bytes: u64) -> String {
    let size = block_bytes / 512;
    let mut text = String::new();
    // The first block that was not told yet.
    let mut from = 0;
    for run in runs {
        let end = run.end().div_ceil(size);
        for block in from.max(run.first_sector / size)..end {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{block}");
        }
        from = from.max(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_that_is_touched_is_there_once() {
        let run = |first_sector, size_sectors| Run {
            first_sector,
            size_sectors,
        };
        let runs = [run(7, 2), run(15, 1), run(1 << 40, 1)];
        assert_eq!(text(&runs, 4096), "0\n1\n137438953472\n");
        assert_eq!(text(&runs, 512), "7\n8\n15\n1099511627776\n");
        assert_eq!(text(&[], 4096), "");
    }
}
