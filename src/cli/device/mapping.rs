// SPDX-License-Identifier: GPL-2.0-only

//! Making mapped devices and taking them away.

use anyhow::{bail, Result};
use dm_remap_core::grammar::table::TableLine;

use super::{
    kernel_log::KernelLog,
    live::{dmsetup, TARGET},
};

/// What device-mapper takes for a name without writing it otherwise, and how long it may be.
const SIGNS: &str = "#+-.:=@_";
const LONGEST: usize = 127;

/// An error unless a device can be named so.
pub fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || SIGNS.contains(c);
    if name.is_empty() || name.len() > LONGEST || !name.chars().all(fits) {
        bail!("'{name}' cannot be a name: at most {LONGEST} letters, digits and {SIGNS}");
    }
    if matches!(name, "." | ".." | "control") {
        bail!("'{name}' cannot be a name: it is something else in /dev/mapper");
    }
    Ok(())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_device_mapper_takes_as_they_are() {
        for name in ["safe", "a", "vg-lv_1.x:y=z@#+", &"n".repeat(127)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "a b",
            "a/b",
            "ä",
            "control",
            ".",
            "..",
            "a\n",
            &"n".repeat(128),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
