// SPDX-License-Identifier: GPL-2.0-only

//! What sysfs says: of mapped devices, of the files of `docs/sysfs.md`, and of the disks below.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{bail, Context, Result};

use super::source::Source;

/// N of each dm-N there is, in order.
pub fn mapped(source: &dyn Source) -> Result<Vec<u32>> {
    let folder = source.sys().join("block");
    let entries = fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?;
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("dm-"));
        numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The folder of dm-N.
pub fn folder(source: &dyn Source, number: u32) -> PathBuf {
    source.sys().join(format!("block/dm-{number}"))
}

/// The name of dm-N; `None` if there is no such device.
pub fn name(source: &dyn Source, number: u32) -> Result<Option<String>> {
    maybe(&folder(source, number).join("dm/name"))
}

/// Whether dm-N is a remap device that was resumed.
pub fn is_remap(source: &dyn Source, number: u32) -> bool {
    folder(source, number).join("remap/uuid").exists()
}

/// What a file says, without its newline; `None` if there is none.
pub fn maybe(file: &Path) -> Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim_end_matches('\n').to_owned())),
        // What is read of a device that went is ENODEV.
        Err(e) if e.kind() == ErrorKind::NotFound || e.raw_os_error() == Some(19) => Ok(None),
        Err(e) => Err(anyhow::Error::new(e).context(format!("{}", file.display()))),
    }
}

/// The files in a folder.
pub struct Files(PathBuf);

impl Files {
    /// Those of a remap device.
    pub fn of(source: &dyn Source, number: u32) -> Self {
        Files(folder(source, number).join("remap"))
    }

    /// Where a file is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// What a file says.
    pub fn text(&self, file: &str) -> Result<String> {
        let path = self.path(file);
        maybe(&path)?.with_context(|| format!("there is no {}", path.display()))
    }

    /// The number that it says.
    pub fn number<T: FromStr>(&self, file: &str) -> Result<T> {
        let text = self.text(file)?;
        match text.parse() {
            Ok(number) => Ok(number),
            Err(_) => bail!("{}: '{text}' is not a number", self.path(file).display()),
        }
    }

    /// The same, where a word (`unknown`, `auto`) may stand instead.
    pub fn number_or_word<T: FromStr>(&self, file: &str, word: &str) -> Result<Option<T>> {
        if self.text(file)? == word {
            return Ok(None);
        }
        self.number(file).map(Some)
    }
}

/// Where sysfs has the device `major:minor`.
pub fn disk(source: &dyn Source, id: &str) -> PathBuf {
    source.sys().join("dev/block").join(id)
}

/// The node of the device `major:minor`, as people know it.
pub fn node(source: &dyn Source, id: &str) -> Option<String> {
    let disk = disk(source, id);
    if let Ok(Some(mapped)) = maybe(&disk.join("dm/name")) {
        return Some(format!("/dev/mapper/{mapped}"));
    }
    let event = maybe(&disk.join("uevent")).ok()??;
    let name = event
        .lines()
        .find_map(|line| line.strip_prefix("DEVNAME="))?;
    Some(format!("/dev/{name}"))
}
