// SPDX-License-Identifier: GPL-2.0-only

//! Which whole disk lies below a device.

use crate::device::{source::Source, sysfs};

/// A whole disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub node: String,
    /// It turns, or the kernel does not know.
    pub turns: bool,
}

/// What the kernel puts together from others: none of them is the one disk.
const MADE: [&str; 4] = ["dm", "md", "loop", "bcache"];

/// The whole disk of which `major:minor` is, or is a part; or why that is not known.
pub fn below(source: &dyn Source, id: &str) -> Result<Place, String> {
    let own = sysfs::disk(source, id);
    let whole = match own.join("partition").exists() {
        // The folder of a partition lies in that of its disk.
        true => own.join(".."),
        false => own,
    };
    let says = |file: &str| sysfs::maybe(&whole.join(file)).ok().flatten();
    if let Some(what) = MADE.iter().find(|what| whole.join(what).is_dir()) {
        return Err(match *what {
            "dm" => "it is a mapped device, and not known which disk is below".to_owned(),
            "md" => "it is a RAID, and not known which disk is below".to_owned(),
            what => format!("it is no disk ({what})"),
        });
    }
    let event = says("uevent").unwrap_or_default();
    let name = event.lines().find_map(|l| l.strip_prefix("DEVNAME="));
    match name {
        Some(name) => Ok(Place {
            node: format!("/dev/{name}"),
            turns: says("queue/rotational").is_none_or(|word| word != "0"),
        }),
        None => Err("it is not known which disk it is".to_owned()),
    }
}
