// SPDX-License-Identifier: GPL-2.0-only

//! Names of mapped devices.

use anyhow::{bail, Result};

/// What device-mapper takes for a name without writing it otherwise, and how long it may be.
const SIGNS: &str = "#+-.:=@_";
const LONGEST: usize = 127;

/// An error unless a device can be named so.
pub fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || SIGNS.contains(c);
    if name.is_empty() || name.len() > LONGEST || !name.chars().all(fits) {
        bail!("'{name}' cannot be a name: at most {LONGEST} letters, digits and {SIGNS}");
    }
    if name.starts_with('-') {
        bail!("'{name}' cannot be a name: programs would take it for an option");
    }
    if matches!(name, "." | ".." | "control") {
        bail!("'{name}' cannot be a name: it is something else in /dev/mapper");
    }
    Ok(())
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
            "-a",
            &"n".repeat(128),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
