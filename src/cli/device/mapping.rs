// SPDX-License-Identifier: GPL-2.0-only

//! Making mapped devices and taking them away.

use anyhow::{bail, Result};
use dm_remap_core::grammar::table::TableLine;

use super::{
    kernel_log::KernelLog,
    live::{dmsetup, TARGET},
};

/// A device that is to be made.
pub struct New<'a> {
    pub name: &'a str,
    /// What device-mapper is to know it by.
    pub uuid: Option<&'a str>,
    pub size_sectors: u64,
    pub line: TableLine<'a>,
    pub read_only: bool,
    /// Nobody else is to see it.
    pub hidden: bool,
}

/// Makes a device. If the kernel refuses, what it said is the error.
pub fn create(new: &New<'_>) -> Result<()> {
    let table = format!("0 {} {TARGET} {}", new.size_sectors, new.line);
    let mut arguments = vec!["create"];
    if new.read_only {
        arguments.push("--readonly");
    }
    if new.hidden {
        arguments.push("--noudevrules");
    }
    if let Some(uuid) = new.uuid {
        arguments.extend(["--uuid", uuid]);
    }
    arguments.extend(["--table", &table, "--", new.name]);
    let mut log = KernelLog::listen();
    let Err(error) = dmsetup(&arguments) else {
        return Ok(());
    };
    let said = log.said();
    match said.first() {
        // The line that says most comes before that of device-mapper.
        Some(last) => {
            let ours = said.iter().find(|line| line.starts_with("dm_remap: "));
            bail!("the kernel refused it: {}", ours.unwrap_or(last))
        }
        None => Err(error),
    }
}

/// Takes a device away, in a second attempt if somebody (udev) just looks at it.
pub fn remove(name: &str) -> Result<()> {
    dmsetup(&["remove", "--retry", "--", name]).map(drop)
}
