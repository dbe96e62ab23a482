// SPDX-License-Identifier: GPL-2.0-only

//! Map files of GNU ddrescue: all of the device, in bytes, each part with a sign for how it is.
//!
//! What is not bad is *not tried*, never *finished*: ddrescue would take that for copied.

use std::fmt::Write;

use crate::{
    device::{model::Device, runs::Run},
    output::in_a_line,
};

/// The map of a device on which these sectors are bad. The runs are in order.
pub fn text(device: &Device, bad: &[Run]) -> String {
    let mut text = format!(
        "# Mapfile. Created by remapctl {}\n\
         # {} of {} sectors: what is known to be bad, all else to be tried\n\
         # current_pos  current_status  current_pass\n\
         0x00000000     ?               1\n\
         #      pos        size  status\n",
        env!("CARGO_PKG_VERSION"),
        in_a_line(&device.name),
        device.table.size_sectors
    );
    let mut part = |first: u64, end: u64, sign: char| {
        if first < end {
            let (at, size) = (bytes(first), bytes(end - first));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "0x{at:08X}  0x{size:08X}  {sign}");
        }
    };
    let mut from = 0;
    for run in bad {
        part(from, run.first_sector, '?');
        part(run.first_sector, run.end(), '-');
        from = run.end();
    }
    part(from, device.table.size_sectors, '?');
    text
}

fn bytes(sectors: u64) -> u64 {
    sectors.saturating_mul(512)
}
