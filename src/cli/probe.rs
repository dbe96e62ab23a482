// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl probe`: what udev's rules ask of each block device. Is there a spare area on it, and may what lies on it be
//! used past a map?
//!
//! It reads the few sectors where superblocks are, by the code that the kernel module has, and writes nothing. It never
//! fails: what it cannot find out it does not say.

use std::{env, fs, path::Path};

use anyhow::Result;
use dm_remap_core::open::{examine, Examined};

use crate::{
    area::uuid_text,
    device::{
        block_io::{Access, Part},
        disk::BlockDevice,
        source::Source,
    },
    exit::Exit,
    output::print,
    tab::{place, Spec, Table},
};

/// Says what udev's rules want to know of a block device.
#[derive(clap::Args)]
pub struct Args {
    /// As variables for a rule
    #[arg(long, required = true)]
    udev: bool,
    /// The device's node
    #[arg(value_name = "NODE")]
    node: String,
}

pub fn run(args: &Args, source: &dyn Source) -> Result<Exit> {
    let table = Table::read(&place()).unwrap_or_default();
    let variable = |key: &str| env::var(key).unwrap_or_default();
    let links = variable("DEVLINKS");
    let is = |path: &str| path == args.node || links.split(' ').any(|link| link == path);
    let mut said = String::new();

    // What lies on a device that is listed, or that a remap device has open, is to be used through that alone.
    let listed = table.entries.iter().find(|entry| is(&entry.main.path()));
    if let Some(entry) = listed {
        said += &format!("ID_REMAP_MAIN={}\n", entry.name);
    }
    if listed.is_some() || held(source, &variable("DEVPATH")) {
        said += "ID_REMAP_HIDE=1\n";
    }

    // A device that holds something else may hold an old superblock as well, which counts for nothing.
    let taken = ["ID_FS_TYPE", "ID_PART_TABLE_TYPE"];
    let free = taken.iter().all(|key| variable(key).is_empty());
    let mut starts: Vec<u64> = if free { vec![0] } else { Vec::new() };
    let by_uuid = table
        .entries
        .iter()
        .filter(|entry| matches!(entry.spare, Spec::Area(_)));
    starts.extend(
        by_uuid
            .map(|entry| entry.settings.spare_start)
            .filter(|start| *start != 0),
    );
    starts.sort_unstable();
    starts.dedup();
    let mut areas: Vec<String> = Vec::new();
    if let Ok(device) = BlockDevice::at(source, &args.node) {
        areas.extend(starts.iter().filter_map(|start| area(&device, *start)));
        areas.dedup();
    }
    if let Some(first) = areas.first() {
        said += &format!("ID_REMAP_AREA_UUID={first}\n");
        let links: Vec<String> = areas
            .iter()
            .map(|uuid| format!("disk/by-id/remap-area-{uuid}"))
            .collect();
        said += &format!("ID_REMAP_LINKS={}\n", links.join(" "));
    }
    print(&said)?;
    Ok(Exit::Fine)
}

/// Whether a remap device has the device open that lies there in sysfs.
fn held(source: &dyn Source, place: &str) -> bool {
    let place = place.trim_start_matches('/');
    let holders = source.sys().join(place).join("holders");
    let is_remap = |holder: &Path| {
        let uuid = fs::read_to_string(holder.join("dm/uuid")).unwrap_or_default();
        uuid.starts_with("REMAP-") || holder.join("remap/uuid").exists()
    };
    let entries = fs::read_dir(holders).into_iter().flatten().flatten();
    !place.is_empty()
        && entries
            .map(|entry| entry.path())
            .any(|path| is_remap(&path))
}

/// The UUID of the area that begins at this sector.
fn area(device: &BlockDevice, start: u64) -> Option<String> {
    let len = device
        .size_sectors
        .checked_sub(start)
        .filter(|len| *len > 0)?;
    let mut part = Part::open(device, start, len, Access::Look).ok()?;
    match examine(&mut part, dm_remap_core::units::SectorCount(len), None) {
        Ok(Examined::Formatted(found)) => Some(uuid_text(&found.superblock.uuid)),
        _ => None,
    }
}
