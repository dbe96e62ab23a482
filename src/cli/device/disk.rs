// SPDX-License-Identifier: GPL-2.0-only

//! Block devices that are to be main or spare: what the kernel knows of them, and who uses them.

use std::{
    fs::{self, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    path::Path,
    str::FromStr,
};

use anyhow::{bail, Context, Result};
use dm_remap_core::{grammar::geometry, units::SectorCount};
use rustix::fs::{major, minor, OFlags};

use super::{raw, source::Source, sysfs};
use crate::programs;

/// A block device.
#[derive(Clone, Debug)]
pub struct BlockDevice {
    /// As it was named.
    pub path: String,
    /// Its major:minor.
    pub id: String,
    pub size_sectors: u64,
    pub logical_bytes: u32,
    pub physical_bytes: u32,
    /// Where it begins on its disk, if it is a partition.
    pub start_sectors: u64,
    pub zoned: bool,
    /// What the disk calls itself.
    pub model: Option<String>,
}

impl BlockDevice {
    /// What the kernel knows of the device at `path`.
    pub fn at(source: &dyn Source, path: &str) -> Result<Self> {
        let meta = fs::metadata(path).with_context(|| path.to_owned())?;
        if !meta.file_type().is_block_device() {
            bail!("{path} is no block device");
        }
        let id = format!("{}:{}", major(meta.rdev()), minor(meta.rdev()));
        let own = sysfs::disk(source, &id);
        // A partition has no queue of its own, and lies in the folder of its disk.
        let disk = match own.join("queue").exists() {
            true => own.clone(),
            false => own.join(".."),
        };
        let model = [disk.join("device/model"), disk.join("device/name")]
            .iter()
            .find_map(|file| sysfs::maybe(file).ok()?)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty());
        Ok(BlockDevice {
            size_sectors: number(&own.join("size"))?,
            logical_bytes: number(&disk.join("queue/logical_block_size"))?,
            physical_bytes: number(&disk.join("queue/physical_block_size"))?,
            start_sectors: sysfs::maybe(&own.join("start"))?
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            zoned: sysfs::maybe(&disk.join("queue/zoned"))?.is_some_and(|text| text != "none"),
            path: path.to_owned(),
            id,
            model,
        })
    }

    /// The same, as the checks of a table line take it.
    pub fn geometry(&self) -> geometry::Device {
        geometry::Device {
            size: SectorCount(self.size_sectors),
            logical_bytes: self.logical_bytes,
            physical_bytes: self.physical_bytes,
            zoned: self.zoned,
        }
    }

    /// An error if somebody has it: a mount, another mapped device, RAID, swap.
    pub fn refuse_in_use(&self, source: &dyn Source) -> Result<()> {
        let flags = i32::try_from(OFlags::EXCL.bits()).unwrap_or(0);
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&self.path);
        match opened {
            Ok(_) => Ok(()),
            Err(e) if e.kind() == ErrorKind::ResourceBusy => {
                let users = raw::users(source, &self.id, u32::MAX);
                match users.is_empty() {
                    true => bail!("{} is in use", self.path),
                    false => bail!("{} is in use: {}", self.path, users.join(", ")),
                }
            }
            Err(e) => Err(e).with_context(|| self.path.clone()),
        }
    }

    /// What `libblkid` finds in a part of it, in words; `None` if that is nothing.
    pub fn signature(&self, part: Option<(u64, u64)>) -> Result<Option<String>> {
        let mut arguments = vec!["--probe".to_owned(), "--output".into(), "export".into()];
        if let Some((start, len)) = part {
            let bytes = |sectors: u64| u128::from(sectors) * 512;
            arguments.extend(["--offset".into(), bytes(start).to_string()]);
            arguments.extend(["--size".into(), bytes(len).to_string()]);
        }
        arguments.extend(["--".to_owned(), self.path.clone()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = programs::run("blkid", "util-linux", &arguments)?;
        let said = String::from_utf8_lossy(&output.stdout);
        match output.status.code() {
            Some(0) => Ok(found(&said)),
            Some(2) => Ok(None),
            Some(8) => Ok(Some("signatures that contradict each other".to_owned())),
            _ => {
                let said = String::from_utf8_lossy(&output.stderr);
                bail!("blkid cannot look at {}: {}", self.path, said.trim())
            }
        }
    }
}

fn number<T: FromStr>(file: &Path) -> Result<T> {
    let text = sysfs::maybe(file)?;
    let number = text.and_then(|text| text.trim().parse().ok());
    number.with_context(|| format!("{} says no number", file.display()))
}

/// What a device holds, of what blkid prints for scripts. What it knows of the place in a partition table of
/// another device is nothing that the device holds.
fn found(said: &str) -> Option<String> {
    let value = |key: &str| {
        let pair = said.lines().filter_map(|line| line.split_once('='));
        let mut pair = pair.filter(|(k, _)| *k == key);
        pair.next().map(|(_, value)| value.to_owned())
    };
    if let Some(table) = value("PTTYPE") {
        return Some(format!("a partition table ({table})"));
    }
    let kind = value("TYPE")?;
    Some(match value("LABEL") {
        Some(label) => format!("{kind}, labelled {label}"),
        None => kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_blkid_prints_is_told_in_words() {
        for (said, words) in [
            (
                "DEVNAME=/dev/sdb\nTYPE=ext4\nUSAGE=filesystem\n",
                Some("ext4"),
            ),
            ("LABEL=home\nTYPE=xfs\n", Some("xfs, labelled home")),
            ("PTUUID=1\nPTTYPE=gpt\n", Some("a partition table (gpt)")),
            ("PART_ENTRY_TYPE=0x83\nPART_ENTRY_NUMBER=1\n", None),
            ("", None),
        ] {
            assert_eq!(found(said).as_deref(), words);
        }
    }
}
