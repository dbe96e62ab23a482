// SPDX-License-Identifier: GPL-2.0-only

//! What was recorded of a kernel, as files.
//!
//! ```text
//! sys/block/dm-0/...           as in sysfs, likewise sys/dev/block
//! proc/self/mountinfo          as in procfs, likewise proc/uptime
//! dm/NAME/table                the lines of dmsetup
//! dm/NAME/status
//! dm/NAME/messages/health-64   the reply to "health 64"
//! now                          seconds since 1970
//! bin/smartctl                 a program that answers for the disks
//! history                      what was written down of devices
//! remaptab                     /etc/remaptab
//! kmsg                         the log of the kernel, as in /dev/kmsg
//! ```

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::source::{ByName, Lines, Source, WriteError};

/// A recording.
pub struct Recorded {
    folder: PathBuf,
    sys: PathBuf,
    proc: PathBuf,
}

impl Recorded {
    /// The recording in this folder.
    pub fn new(folder: &Path) -> Self {
        Recorded {
            folder: folder.to_owned(),
            sys: folder.join("sys"),
            proc: folder.join("proc"),
        }
    }

    fn read(&self, path: &str) -> Result<String> {
        let path = self.folder.join(path);
        fs::read_to_string(&path).with_context(|| format!("{}", path.display()))
    }
}

impl Source for Recorded {
    fn sys(&self) -> &Path {
        &self.sys
    }

    fn proc(&self) -> &Path {
        &self.proc
    }

    fn log(&self) -> PathBuf {
        self.folder.join("kmsg")
    }

    fn lines(&self, kind: Lines, only: Option<&str>) -> Result<ByName> {
        let file = match kind {
            Lines::Table => "table",
            Lines::Status => "status",
        };
        let mut lines = ByName::new();
        let folder = self.folder.join("dm");
        let entries = fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?;
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if only.is_none_or(|only| only == name) {
                let line = self.read(&format!("dm/{name}/{file}"))?;
                lines.insert(name, line.trim_end().to_owned());
            }
        }
        Ok(lines)
    }

    fn message(&self, name: &str, text: &str) -> Result<String> {
        let file = text.replace(' ', "-");
        self.read(&format!("dm/{name}/messages/{file}"))
    }

    fn write(&self, file: &Path, value: &str) -> Result<(), WriteError> {
        // As in sysfs, no file comes into being.
        let mut file = OpenOptions::new().write(true).truncate(true).open(file)?;
        file.write_all(format!("{value}\n").as_bytes())
    }

    fn now(&self) -> u64 {
        let now = self.read("now").ok();
        now.and_then(|now| now.trim().parse().ok()).unwrap_or(0)
    }

    fn smartctl(&self) -> PathBuf {
        self.folder.join("bin/smartctl")
    }

    fn remaptab(&self) -> PathBuf {
        self.folder.join("remaptab")
    }

    fn history(&self) -> PathBuf {
        self.folder.join("history")
    }
}
