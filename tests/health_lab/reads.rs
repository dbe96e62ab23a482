// SPDX-License-Identifier: GPL-2.0-only

//! What a scanner wants to read, whatever it waits for.

use dm_remap_core::health::scan::{Next, Read, Scanner};

/// The next read, at once or when the scanner is ready for it.
pub fn next(scanner: &mut Scanner, now: &mut u64) -> Read {
    loop {
        match scanner.next(*now, 0, 0) {
            Next::Read(read) => return read,
            Next::Wait(until) => *now = until,
            other => panic!("{other:?}"),
        }
    }
}
