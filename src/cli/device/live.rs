// SPDX-License-Identifier: GPL-2.0-only

//! The running kernel, through sysfs and through device-mapper's own tool.
//!
//! `dmsetup` knows how to make nodes and to wait for udev, and is there wherever udev has rules for device-mapper,
//! which call it; `docs/adr/0008-devices-through-dmsetup.md` weighs it against libraries.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{bail, Result};

use crate::programs;

use super::source::{ByName, Lines, Source, WriteError};

/// The target's name in tables.
pub const TARGET: &str = "remap";

/// The running kernel.
pub struct Live;

impl Source for Live {
    fn sys(&self) -> &Path {
        Path::new("/sys")
    }

    fn proc(&self) -> &Path {
        Path::new("/proc")
    }

    fn log(&self) -> PathBuf {
        PathBuf::from("/dev/kmsg")
    }

    fn lines(&self, kind: Lines, only: Option<&str>) -> Result<ByName> {
        let kind = match kind {
            Lines::Table => "table",
            Lines::Status => "status",
        };
        match only {
            Some(name) => {
                let line = dmsetup(&[kind, "--target", TARGET, "--", name])?;
                // With a target asked for, the line begins with the name.
                let line = line.trim_end();
                let line = line.strip_prefix(&format!("{name}: ")).unwrap_or(line);
                Ok(ByName::from([(name.to_owned(), line.to_owned())]))
            }
            None => {
                let all = dmsetup(&[kind, "--target", TARGET])?;
                let named = all.lines().filter_map(|line| line.split_once(": "));
                Ok(named
                    .map(|(name, line)| (name.to_owned(), line.trim_end().to_owned()))
                    .collect())
            }
        }
    }

    fn message(&self, name: &str, text: &str) -> Result<String> {
        let mut arguments = vec!["message", "--", name, "0"];
        arguments.extend(text.split_ascii_whitespace());
        dmsetup(&arguments)
    }

    fn write(&self, file: &Path, value: &str) -> Result<(), WriteError> {
        fs::write(file, format!("{value}\n"))
    }

    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }
}

/// Runs `dmsetup` with these arguments; the answer is what it prints.
pub fn dmsetup(arguments: &[&str]) -> Result<String> {
    // Names as the kernel has them, which is how sysfs has them as well.
    let raw = ["--manglename", "none"];
    let output = programs::run("dmsetup", "dmsetup", &[&raw, arguments].concat())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{}", reason(&said))
}

/// What was wrong, of what `dmsetup` said: what it says first, without its own words around it.
fn reason(said: &str) -> String {
    let line = said
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && *line != "Command failed.")
        .unwrap_or("dmsetup failed and did not say why");
    let line = line.strip_prefix("device-mapper: ").unwrap_or(line);
    let hint = if line.ends_with("Permission denied") {
        " (only root may do this)"
    } else if line.ends_with("Invalid argument") {
        " (the kernel log says what was wrong)"
    } else {
        ""
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    words.join(" ") + hint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_one_line_without_noise() {
        let said = "device-mapper: message ioctl on r  failed: Invalid argument\nCommand failed.\n";
        let hint = "(the kernel log says what was wrong)";
        let short = format!("message ioctl on r failed: Invalid argument {hint}");
        assert_eq!(reason(said), short);
        assert_eq!(reason("\n"), "dmsetup failed and did not say why");
        let said = "/dev/mapper/control: open failed: Permission denied\nFailure to ...\n";
        assert!(reason(said).ends_with("Permission denied (only root may do this)"));
    }
}
