// SPDX-License-Identifier: GPL-2.0-only

//! What was known of a device at earlier times: a folder with one file for each spare area, one line of JSON for each
//! time that somebody looked.
//!
//! A power cut costs the line that was being written, and no other: lines are appended, and a file that is thinned gets
//! a new one in its place, whole. One program writes at a time, by a lock on the folder; who reads needs none.

mod sample;
mod thin;

pub use sample::{Counts, Sample, Smart};

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{ensure, Context, Result};
use rustix::fs::{flock, FlockOperation};

/// Where it is if nobody says otherwise.
pub const FOLDER: &str = "/var/lib/dm-remap";

/// What ends the name of a file.
const SUFFIX: &str = "jsonl";

/// The file that is locked; it is empty.
const LOCK: &str = ".lock";

/// Files can be read by all, as what they are about in sysfs.
const MODE: u32 = 0o644;

/// So many bytes at the end of a file hold its last line, and some before.
const END: u64 = 1 << 16;

/// A folder of histories.
#[derive(Clone, Debug)]
pub struct History {
    folder: PathBuf,
}

impl History {
    /// The one in this folder, which need not be there yet.
    pub fn at(folder: &Path) -> Self {
        History {
            folder: folder.to_owned(),
        }
    }

    /// The file of the spare area with this UUID.
    pub fn file(&self, area: &str) -> Result<PathBuf> {
        // It becomes the name of a file.
        let plain = |c: char| c.is_ascii_hexdigit() || c == '-';
        ensure!(
            !area.is_empty() && area.len() <= 64 && area.chars().all(plain),
            "'{area}' is no UUID of a spare area"
        );
        Ok(self.folder.join(format!("{area}.{SUFFIX}")))
    }

    /// All that is known of an area, the oldest first; nothing if nothing was ever recorded. Lines that are none, as a
    /// power cut may leave one, are passed over.
    pub fn read(&self, area: &str) -> Result<Vec<Sample>> {
        let file = self.file(area)?;
        match fs::read(&file) {
            Ok(bytes) => Ok(parsed(&bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// What was recorded last of an area up to `now`; nothing if that is not known. Only the end of the file is read. What is
    /// later was written by a clock that was wrong, and would be the last for as long as that time has not come.
    pub fn latest(&self, area: &str, now: u64) -> Option<Sample> {
        let mut file = File::open(self.file(area).ok()?).ok()?;
        let len = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(len.saturating_sub(END))).ok()?;
        let mut bytes = Vec::new();
        file.take(END).read_to_end(&mut bytes).ok()?;
        let mut known = parsed(&bytes).into_iter().rev();
        known.find(|sample| sample.at_unix_seconds <= now)
    }

    /// Adds what is known now. When this is on the disk, what is too much of what is old goes. The answer is the file.
    pub fn append(&self, area: &str, sample: &Sample) -> Result<PathBuf> {
        let path = self.file(area)?;
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make {}", self.folder.display()))?;
        let _lock = self.lock()?;
        let name = || format!("cannot write {}", path.display());
        let known = write_last(&path, sample).with_context(name)?;
        if let Some(kept) = thin::thinned(&known, sample.at_unix_seconds) {
            self.replace(&path, &kept).with_context(name)?;
        }
        // The name of a new file is durable with its folder.
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.with_context(name)?;
        Ok(path)
    }

    /// Nobody else writes while this is open. It is waited for: a line is written in no time.
    fn lock(&self) -> Result<File> {
        let path = self.folder.join(LOCK);
        let name = || format!("cannot lock {}", path.display());
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(false);
        let file = options.open(&path).with_context(name)?;
        flock(&file, FlockOperation::LockExclusive).with_context(name)?;
        Ok(file)
    }

    /// Puts a file with these samples in the place of the one that is there.
    fn replace(&self, path: &Path, samples: &[Sample]) -> Result<()> {
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(MODE))
            .tempfile_in(&self.folder)?;
        for sample in samples {
            file.write_all(&line(sample)?)?;
        }
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

/// Adds a line to a file, durably; the answer is all that is in it then.
fn write_last(path: &Path, sample: &Sample) -> Result<Vec<Sample>> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    let mut file = options.open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // What follows the last end of a line was never whole.
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    if whole < bytes.len() {
        bytes.truncate(whole);
        file.set_len(whole as u64)?;
    }
    file.seek(SeekFrom::Start(whole as u64))?;
    let new = line(sample)?;
    file.write_all(&new)?;
    file.sync_data()?;
    bytes.extend(new);
    Ok(parsed(&bytes))
}

fn line(sample: &Sample) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(sample)?;
    line.push(b'\n');
    Ok(line)
}

/// The lines that are samples, in the order of their times.
fn parsed(bytes: &[u8]) -> Vec<Sample> {
    let lines = bytes.split(|b| *b == b'\n');
    let mut samples: Vec<Sample> = lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    samples.sort_by_key(|sample| sample.at_unix_seconds);
    samples
}

#[cfg(test)]
mod tests;
