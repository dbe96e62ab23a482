// SPDX-License-Identifier: GPL-2.0-only

//! Where what is known of devices comes from: a running kernel, or files that were recorded of one.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::{live::Live, recorded::Recorded};
use crate::{history, smart, tab};

/// A line of device-mapper that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// What the device was made from.
    Table,
    /// How it is.
    Status,
}

/// Lines by the names of their devices: `<start> <len> remap <the target's own words>`.
pub type ByName = BTreeMap<String, String>;

/// Why the kernel does not take a value.
pub type WriteError = io::Error;

/// A kernel with remap devices, or what was recorded of one. Whoever shows it while it is looked at does so in a thread of
/// its own.
pub trait Source: Send {
    /// Where sysfs is.
    fn sys(&self) -> &Path;

    /// Where procfs is.
    fn proc(&self) -> &Path;

    /// The log of the kernel, in the form of /dev/kmsg.
    fn log(&self) -> PathBuf;

    /// The lines of all remap devices, or of one.
    fn lines(&self, kind: Lines, only: Option<&str>) -> Result<ByName>;

    /// Sends a message; the answer is the reply.
    fn message(&self, name: &str, text: &str) -> Result<String>;

    /// Writes to a file of sysfs: the kernel's own error says why it does not take the value.
    fn write(&self, file: &Path, value: &str) -> Result<(), WriteError>;

    /// Seconds since 1970.
    fn now(&self) -> u64;

    /// The program that asks disks for what they say of themselves.
    fn smartctl(&self) -> PathBuf {
        PathBuf::from(smart::PROGRAM)
    }

    /// The table of the devices that are opened at boot.
    fn remaptab(&self) -> PathBuf {
        tab::place()
    }

    /// The folder of what was written down of devices.
    fn history(&self) -> PathBuf {
        PathBuf::from(history::FOLDER)
    }
}

/// The running kernel, or the recording in a folder.
pub fn open(recorded: Option<&PathBuf>) -> Box<dyn Source> {
    match recorded {
        Some(folder) => Box::new(Recorded::new(folder)),
        None => Box::new(Live),
    }
}
