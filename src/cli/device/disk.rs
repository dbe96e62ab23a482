// SPDX-License-Identifier: GPL-2.0-only

//! Block devices that are to be main or spare: what the kernel knows of them, and who uses them.

use std::{
    fs::{self, File, OpenOptions},
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
    /// The major:minor of the whole disk, which is its own unless it is a partition.
    pub disk: String,
    /// Where it begins on its disk, if it is a partition.
    pub start_sectors: u64,
    pub zoned: bool,
    pub read_only: bool,
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
        let (disk, disk_id) = match own.join("queue").exists() {
            true => (own.clone(), Some(id.clone())),
            false => (own.join(".."), sysfs::maybe(&own.join("../dev"))?),
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
            read_only: sysfs::maybe(&own.join("ro"))?.is_some_and(|text| text != "0"),
            path: path.to_owned(),
            disk: disk_id
                .with_context(|| format!("{path}: it is not known which disk it is on"))?,
            id,
            model,
        })
    }

    /// An error unless an open file is this device: by now, another one may have its path.
    pub fn refuse_another(&self, file: &File) -> Result<()> {
        let rdev = file.metadata().with_context(|| self.path.clone())?.rdev();
        if format!("{}:{}", major(rdev), minor(rdev)) != self.id {
            bail!("{} is another device than a moment ago", self.path);
        }
        Ok(())
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

    /// An error if something has it open that is no remap device, or mounts it. Other mapped devices share one claim with ours,
    /// so the kernel would let both write.
    pub fn refuse_others(&self, source: &dyn Source) -> Result<()> {
        let users = raw::others(source, &self.id);
        if !users.is_empty() {
            bail!("{} is in use: {}", self.path, users.join(", "));
        }
        Ok(())
    }

    /// The first of its partitions that has one of these sectors, by its node.
    pub fn partition_in(
        &self,
        source: &dyn Source,
        start: u64,
        len: u64,
    ) -> Result<Option<String>> {
        let folder = sysfs::disk(source, &self.id);
        let entries = fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let part = entry?.path();
            if !part.join("partition").exists() {
                continue;
            }
            let (from, size): (u64, u64) =
                (number(&part.join("start"))?, number(&part.join("size"))?);
            if from < start.saturating_add(len) && start < from.saturating_add(size) {
                let name = part.file_name().unwrap_or_default().to_string_lossy();
                names.push(format!("/dev/{name}"));
            }
        }
        Ok(names.into_iter().min())
    }

    /// What `libblkid` finds in a part of it; `None` if that is nothing.
    pub fn signature(&self, part: Option<(u64, u64)>) -> Result<Option<Found>> {
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
            Some(8) => Ok(Some(Found {
                what: "signatures that contradict each other".to_owned(),
                is_table: false,
                end_sectors: None,
            })),
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

/// What a device holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// In words.
    pub what: String,
    /// It is a partition table: the partitions have what there is.
    pub is_table: bool,
    /// The first sector behind it, from where it begins, if that is known.
    pub end_sectors: Option<u64>,
}

/// What a device holds, of what blkid prints for scripts. What it knows of the place in a partition table of
/// another device is nothing that the device holds.
fn found(said: &str) -> Option<Found> {
    let value = |key: &str| {
        let pair = said.lines().filter_map(|line| line.split_once('='));
        let mut pair = pair.filter(|(k, _)| *k == key);
        pair.next().map(|(_, value)| value.to_owned())
    };
    if let Some(table) = value("PTTYPE") {
        return Some(Found {
            what: format!("a partition table ({table})"),
            is_table: true,
            end_sectors: None,
        });
    }
    let kind = value("TYPE")?;
    let bytes = |key: &str| value(key).and_then(|text| text.parse::<u64>().ok());
    let end = bytes("FSLASTBLOCK").zip(bytes("FSBLOCKSIZE"));
    let end = end.and_then(|(blocks, size)| blocks.checked_mul(size));
    Some(Found {
        what: match value("LABEL") {
            Some(label) => format!("{kind}, labelled {label}"),
            None => kind,
        },
        is_table: false,
        end_sectors: end.map(|bytes| bytes.div_ceil(512)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_blkid_prints_is_told_in_words() {
        for (said, words, end) in [
            (
                "DEVNAME=/dev/sdb\nFSBLOCKSIZE=1024\nFSLASTBLOCK=409600\nTYPE=ext4\n",
                Some("ext4"),
                Some(819_200),
            ),
            ("LABEL=home\nTYPE=xfs\n", Some("xfs, labelled home"), None),
            (
                "FSBLOCKSIZE=4096\nFSLASTBLOCK=18446744073709551615\nTYPE=xfs\n",
                Some("xfs"),
                None,
            ),
            (
                "PTUUID=1\nPTTYPE=gpt\n",
                Some("a partition table (gpt)"),
                None,
            ),
            ("PART_ENTRY_TYPE=0x83\nPART_ENTRY_NUMBER=1\n", None, None),
            ("", None, None),
        ] {
            let found = found(said);
            assert_eq!(found.as_ref().map(|found| found.what.as_str()), words);
            assert_eq!(found.and_then(|found| found.end_sectors), end);
        }
    }
}
