// SPDX-License-Identifier: GPL-2.0-only

//! `dmsetup status`, `dmsetup table`, and what is measured by IMA.

use core::fmt::{self, Write};

use kernel::prelude::*;

use dm_remap_core::grammar::status::Line;

use crate::dm::target::Target;
use crate::{
    dm::{context::TargetInfo, target::StatusKind, text::TextWriter},
    target::{attributes::state_word, table::Table, Remap},
};

/// Writes the line of `kind`. What does not fit is asked for again with more room.
pub(crate) fn write(table: &Table, ti: TargetInfo<'_>, kind: StatusKind, out: &mut TextWriter<'_>) {
    // A line that was cut is told by its length.
    let _ = match kind {
        StatusKind::Info => info(table, out),
        StatusKind::Table => line(table, ti, out),
        StatusKind::Ima => ima(table, ti, out),
    };
}

fn info(table: &Table, out: &mut TextWriter<'_>) -> fmt::Result {
    let volume = table.volume();
    let summary = volume.summary();
    let (score, scan) = {
        let keeper = volume.keeper.lock();
        (keeper.health.score(), keeper.scanner.position())
    };
    write!(
        out,
        "{}",
        Line {
            counters: summary.counters,
            status: summary.engine,
            block_size: volume.shape().block,
            stats: summary.stats,
            queued: volume.requests.lock().len(),
            score,
            scan,
        }
    )
}

fn line(table: &Table, ti: TargetInfo<'_>, out: &mut TextWriter<'_>) -> fmt::Result {
    let (main, spare) = names(table, ti);
    write!(out, "{}", table.line(main, spare))
}

fn ima(table: &Table, ti: TargetInfo<'_>, out: &mut TextWriter<'_>) -> fmt::Result {
    let [major, minor, patch] = Remap::VERSION;
    let (main, spare) = names(table, ti);
    let shape = table.shape();
    write!(
        out,
        "target_name=remap,target_version={major}.{minor}.{patch},main={main},main_start={},\
         spare={spare},spare_start={},spare_len={},block_sectors={},state={};",
        shape.main_start.0,
        shape.spare_start.0,
        shape.spare_len.0,
        shape.block.sectors(),
        state_word(table.volume().summary().engine.state),
    )
}

/// The devices as `major:minor`.
fn names<'a>(table: &Table, ti: TargetInfo<'a>) -> (&'a str, &'a str) {
    let name = |device| {
        ti.table_device_name(device)
            .and_then(|name: &CStr| name.to_str().ok())
            .unwrap_or("?")
    };
    (name(table.main), name(table.spare))
}
