// SPDX-License-Identifier: GPL-2.0-only

//! Remap devices that are there: how to reach them, and what is known of them.

pub mod block_io;
pub mod cells;
pub mod disk;
pub mod findings;
pub mod kernel_log;
pub mod lists;
pub mod live;
pub mod mapping;
pub mod model;
pub mod names;
pub mod raw;
pub mod recorded;
pub mod runs;
pub mod source;
pub mod status;
pub mod sysfs;
pub mod words;

use anyhow::{bail, Context, Result};
use serde::Serialize;

use model::Device;
use source::{Lines, Source};

/// What is said if there is none.
pub const NONE: &str = "There is no remap device.\n";

/// What identifies a mapped device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    /// Its name, as the kernel has it.
    pub name: String,
    /// N of dm-N.
    pub number: u32,
}

/// The remap devices, in order of their names.
pub fn all(source: &dyn Source) -> Result<Vec<Id>> {
    let mut ids = Vec::new();
    for number in sysfs::mapped(source)? {
        let Some(name) = sysfs::name(source, number)? else {
            // It went while we looked.
            continue;
        };
        if sysfs::is_remap(source, number) {
            ids.push(Id { name, number });
        }
    }
    ids.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(ids)
}

/// The remap device of this name: its own, `dm-N`, or the path of its node.
pub fn named(source: &dyn Source, name: &str) -> Result<Id> {
    let plain = name
        .strip_prefix("/dev/mapper/")
        .or_else(|| name.strip_prefix("/dev/"))
        .unwrap_or(name);
    for number in sysfs::mapped(source)? {
        let Some(own) = sysfs::name(source, number)? else {
            continue;
        };
        if own != plain && format!("dm-{number}") != plain {
            continue;
        }
        if !sysfs::is_remap(source, number) {
            bail!("{name} is no remap device, or was never resumed (remapctl status lists those there are)");
        }
        return Ok(Id { name: own, number });
    }
    bail!("there is no device {name} (remapctl status lists those there are)")
}

/// The devices of these names, or all if there are none.
pub fn chosen(source: &dyn Source, names: &[String]) -> Result<Vec<Id>> {
    if names.is_empty() {
        return all(source);
    }
    let mut ids: Vec<Id> = Vec::new();
    for name in names {
        let id = named(source, name)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// What is known of these devices. One that goes while it is looked at is left out if all were asked for.
pub fn look(source: &dyn Source, names: &[String]) -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    for (id, device) in each(source, chosen(source, names)?) {
        match device {
            Ok(device) => devices.push(device),
            Err(_) if names.is_empty() && gone(source, &id.name) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(devices)
}

/// Those of which nothing is known, and why.
pub type Unseen = Vec<(Id, anyhow::Error)>;

/// The same, where one that cannot be looked at does not hide the others.
pub fn look_at_each(source: &dyn Source, names: &[String]) -> Result<(Vec<Device>, Unseen)> {
    let (mut devices, mut unseen) = (Vec::new(), Vec::new());
    for (id, device) in each(source, chosen(source, names)?) {
        match device {
            Ok(device) => devices.push(device),
            Err(_) if names.is_empty() && gone(source, &id.name) => {}
            Err(e) => unseen.push((id, e)),
        }
    }
    Ok((devices, unseen))
}

/// A device of which nothing is known, as documents have it.
#[derive(Debug, Serialize)]
pub struct Unknown {
    pub name: String,
    pub error: String,
}

/// The same, in words.
pub fn told(unseen: Unseen) -> Vec<Unknown> {
    let unknown = unseen.into_iter().map(|(id, e)| Unknown {
        name: id.name,
        error: format!("{e:#}"),
    });
    unknown.collect()
}

/// What is known of each, or why nothing is.
pub fn each(source: &dyn Source, ids: Vec<Id>) -> Vec<(Id, Result<Device>)> {
    let only = match ids.as_slice() {
        [] => return Vec::new(),
        [id] => Some(id.name.as_str()),
        _ => None,
    };
    // The same error for all, if there is one.
    let lines = |kind| source.lines(kind, only).map_err(|e| format!("{e:#}"));
    let lines = lines(Lines::Table).and_then(|tables| Ok((tables, lines(Lines::Status)?)));
    let one = |id: &Id| -> Result<Device> {
        let (tables, statuses) = match &lines {
            Ok(lines) => lines,
            Err(e) => bail!("{e}"),
        };
        let line = |lines: &source::ByName, what| {
            let line = lines.get(&id.name).cloned();
            line.with_context(|| format!("it has no {what} line"))
        };
        let read = || -> Result<Device> {
            let (table, status) = (line(tables, "table")?, line(statuses, "status")?);
            model::read(source, id, &table, &status)
        };
        read().with_context(|| format!("cannot look at {}", id.name))
    };
    let devices: Vec<Result<Device>> = ids.iter().map(one).collect();
    ids.into_iter().zip(devices).collect()
}

/// Whether there is no such device any more.
pub fn gone(source: &dyn Source, name: &str) -> bool {
    named(source, name).is_err()
}
