// SPDX-License-Identifier: GPL-2.0-only

//! How MAIN and SPARE are named in the table: each comes to the path of a node or of a link that udev makes.

use std::fmt;

use crate::area::{uuid_of, uuid_text};

use super::names;

/// The links that udev makes to spare areas, by their own UUIDs.
pub const AREA_LINK: &str = "/dev/disk/by-id/remap-area-";

/// A device of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// A path below /dev.
    Path(String),
    /// `PARTUUID=`
    PartUuid(String),
    /// `PARTLABEL=`
    PartLabel(String),
    /// `AREA=`: the spare area with this UUID.
    Area([u8; 16]),
}

impl Spec {
    /// The main device that a word names, or what is wrong with it.
    pub fn main(word: &str) -> Result<Self, String> {
        let of_content = [
            "UUID=",
            "LABEL=",
            "/dev/disk/by-uuid/",
            "/dev/disk/by-label/",
        ];
        if of_content.iter().any(|start| word.starts_with(start)) {
            return Err(format!(
                "MAIN '{word}' is the name of what lies on the disk, and the remap device has that as well: take a path of /dev/disk/by-id or PARTUUID="
            ));
        }
        if word.starts_with("AREA=") {
            return Err(format!("MAIN '{word}' would be a spare area"));
        }
        Self::either(word, "MAIN")
    }

    /// The spare device, likewise.
    pub fn spare(word: &str) -> Result<Self, String> {
        if let Some(text) = word.strip_prefix("AREA=") {
            let uuid = uuid_of(text);
            return uuid
                .map(Spec::Area)
                .ok_or_else(|| format!("SPARE '{word}' has no UUID after AREA="));
        }
        if ["UUID=", "LABEL="]
            .iter()
            .any(|start| word.starts_with(start))
        {
            return Err(format!(
                "SPARE '{word}' would be a file system: AREA= takes the UUID of a spare area"
            ));
        }
        Self::either(word, "SPARE")
    }

    fn either(word: &str, which: &str) -> Result<Self, String> {
        if let Some(uuid) = word.strip_prefix("PARTUUID=") {
            let fits = |c: char| c.is_ascii_hexdigit() || c == '-';
            return match !uuid.is_empty() && uuid.chars().all(fits) {
                true => Ok(Spec::PartUuid(uuid.to_ascii_lowercase())),
                false => Err(format!("{which} '{word}' has no UUID after PARTUUID=")),
            };
        }
        if let Some(label) = word.strip_prefix("PARTLABEL=") {
            return match label {
                "" => Err(format!("{which} '{word}' has no label after PARTLABEL=")),
                "." | ".." => Err(format!("{which} '{word}': no link can be called so")),
                _ => Ok(Spec::PartLabel(label.to_owned())),
            };
        }
        let Some(below) = word.strip_prefix("/dev/") else {
            let ways = match which {
                "MAIN" => "PARTUUID= or PARTLABEL=",
                _ => "PARTUUID=, PARTLABEL= or AREA=",
            };
            return Err(format!(
                "{which} '{word}' is no path below /dev, and no {ways}"
            ));
        };
        let part = |part: &str| part.is_empty() || part == "." || part == "..";
        if below.split('/').any(part) {
            return Err(format!("{which} '{word}' is no plain path of a device"));
        }
        Ok(Spec::Path(word.to_owned()))
    }

    /// Where the device is found.
    pub fn path(&self) -> String {
        match self {
            Spec::Path(path) => path.clone(),
            Spec::PartUuid(uuid) => format!("/dev/disk/by-partuuid/{uuid}"),
            Spec::PartLabel(label) => {
                format!("/dev/disk/by-partlabel/{}", names::link_value(label))
            }
            Spec::Area(uuid) => format!("{AREA_LINK}{}", uuid_text(uuid)),
        }
    }
}

/// As the table has it.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spec::Path(path) => f.write_str(path),
            Spec::PartUuid(uuid) => write!(f, "PARTUUID={uuid}"),
            Spec::PartLabel(label) => write!(f, "PARTLABEL={label}"),
            Spec::Area(uuid) => write!(f, "AREA={}", uuid_text(uuid)),
        }
    }
}
