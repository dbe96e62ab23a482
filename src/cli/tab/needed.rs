// SPDX-License-Identifier: GPL-2.0-only

//! Which mapped devices the root file system stands on, and `/usr`: these are opened before anything of it can be read,
//! and cannot be closed while it is mounted.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{major, minor};

use crate::device::{source::Source, sysfs};

/// How deep devices are stacked at most.
const DEEPEST: u32 = 16;

/// Names of mapped devices below the root file system.
#[derive(Debug, Default)]
pub struct Needed {
    /// All of them.
    pub mapped: BTreeSet<String>,
    /// The remap devices among them.
    pub remap: BTreeSet<String>,
}

/// What the root file system stands on, as far as that can be seen.
pub fn by_root(source: &dyn Source) -> Needed {
    let mut needed = Needed::default();
    let mounts = fs::read_to_string(source.proc().join("self/mountinfo")).unwrap_or_default();
    for mount in mounts.lines() {
        // ID, parent's ID, major:minor, root, mount point, options ... - type, source, ...
        let words: Vec<&str> = mount.split(' ').collect();
        let (Some(id), Some(&("/" | "/usr"))) = (words.get(2), words.get(4)) else {
            continue;
        };
        let mut after = words.iter().skip_while(|word| **word != "-");
        let device = after.nth(2).copied().unwrap_or_default();
        let id = match id.starts_with("0:") {
            // A file system of several devices, which names one.
            true => number_of(device).unwrap_or_default(),
            false => (*id).to_owned(),
        };
        if !id.is_empty() {
            below(&sysfs::disk(source, &id), DEEPEST, &mut needed);
        }
    }
    needed
}

fn number_of(node: &str) -> Option<String> {
    let meta = fs::metadata(node)
        .ok()
        .filter(|_| node.starts_with("/dev/"))?;
    Some(format!("{}:{}", major(meta.rdev()), minor(meta.rdev())))
}

fn below(folder: &Path, depth: u32, needed: &mut Needed) {
    if depth == 0 {
        return;
    }
    if let Ok(Some(name)) = sysfs::maybe(&folder.join("dm/name")) {
        if folder.join("remap/uuid").exists() {
            needed.remap.insert(name.clone());
        }
        needed.mapped.insert(name);
    }
    // A partition stands on what its disk stands on.
    let disk: PathBuf = match folder.join("partition").exists() {
        true => folder.join(".."),
        false => folder.to_owned(),
    };
    let slaves = fs::read_dir(disk.join("slaves")).into_iter().flatten();
    for slave in slaves.flatten() {
        below(&slave.path(), depth - 1, needed);
    }
}
