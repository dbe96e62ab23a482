// SPDX-License-Identifier: GPL-2.0-only

//! The kernel log: why the kernel refused, since device-mapper's error is a number; and what it said of a device.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::fs::OFlags;

use super::source::Source;

/// What the kernel says from now on. Where the log cannot be read, that is nothing.
pub struct KernelLog(Option<File>);

impl KernelLog {
    /// Begins to listen.
    pub fn listen() -> Self {
        let at_end = |mut file: File| file.seek(SeekFrom::End(0)).is_ok().then_some(file);
        KernelLog(open(Path::new("/dev/kmsg")).and_then(at_end))
    }

    /// What was said of remap devices since, the last line first.
    pub fn said(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let Some(file) = &mut self.0 else {
            return lines;
        };
        let mut record = [0u8; 8192];
        loop {
            match file.read(&mut record) {
                Ok(0) => break,
                Ok(n) => lines.extend(ours(&String::from_utf8_lossy(&record[..n]))),
                // It went by faster than it was read: what comes next is there.
                Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
                Err(_) => break,
            }
        }
        lines.reverse();
        lines
    }
}

fn open(log: &Path) -> Option<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(log);
    file.ok()
}

/// Something that was said of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// About when, in seconds since 1970.
    pub at: u64,
    pub text: String,
}

/// What the kernel says of remap devices, from what is left of the past on. Where the log cannot be read, that is nothing.
pub struct Chronicle {
    log: Option<BufReader<File>>,
    /// Microseconds since the boot, and the line without the name of the module; the last [`KEPT`] of them.
    lines: VecDeque<(u64, String)>,
}

/// So many lines of all devices are kept.
const KEPT: usize = 1000;

/// A record is no longer than this, and a read that has less room for it fails.
const RECORD: usize = 8192;

impl Chronicle {
    pub fn of(source: &dyn Source) -> Self {
        let log = open(&source.log());
        Chronicle {
            log: log.map(|log| BufReader::with_capacity(RECORD, log)),
            lines: VecDeque::new(),
        }
    }

    /// What was said of a device, up to now.
    pub fn of_device(&mut self, source: &dyn Source, name: &str) -> Vec<Said> {
        self.read();
        let uptime = fs::read_to_string(source.proc().join("uptime")).unwrap_or_default();
        let seconds = uptime.split('.').next().and_then(|word| word.parse().ok());
        let booted = source.now().saturating_sub(seconds.unwrap_or(0));
        let of_device = |(at, line): &(u64, String)| {
            let text = line.strip_prefix(name)?.strip_prefix(": ")?;
            Some(Said {
                at: booted + at / 1_000_000,
                text: text.to_owned(),
            })
        };
        self.lines.iter().filter_map(of_device).collect()
    }

    fn read(&mut self) {
        let Some(log) = &mut self.log else {
            return;
        };
        loop {
            let mut line = Vec::new();
            match log.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {}
                // It went by faster than it was read: what comes next is there.
                Err(e) if e.kind() == ErrorKind::BrokenPipe => continue,
                // No more for now.
                Err(_) => break,
            }
            if let Some(line) = of_module(&String::from_utf8_lossy(&line)) {
                self.lines.push_back(line);
            }
            if self.lines.len() > KEPT {
                self.lines.pop_front();
            }
        }
    }
}

/// When a record was made, in microseconds since the boot, and what it says, if it is of the module.
fn of_module(record: &str) -> Option<(u64, String)> {
    let (head, text) = record.trim_end().split_once(';')?;
    let at = head.split(',').nth(2)?.parse().ok()?;
    Some((at, text.strip_prefix("dm_remap: ")?.to_owned()))
}

/// What a record says, if it is of the target or of device-mapper: `<level>,<number>,<time>,-;<text>`.
fn ours(record: &str) -> Option<String> {
    let text = record.split_once(';')?.1.lines().next()?;
    let ours = text.starts_with("dm_remap: ") || text.starts_with("device-mapper: table: ");
    // What device-mapper adds to an error of another is a number.
    let echo = text.starts_with("device-mapper: ioctl: ");
    (ours && !echo).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_ours_is_told_from_others() {
        let record = "3,1087,5120,-;device-mapper: table: 254:0: remap: main is a zoned device\n SUBSYSTEM=block\n";
        let said = "device-mapper: table: 254:0: remap: main is a zoned device";
        assert_eq!(ours(record).as_deref(), Some(said));
        assert_eq!(ours("6,1,2,-;loop0: detected capacity change"), None);
        assert_eq!(ours("6,1,2,-"), None);
    }

    #[test]
    fn a_record_of_the_module_has_its_time() {
        let record = "4,1088,61000000,-;dm_remap: safe: a cable, a controller\n";
        let said = Some((61_000_000, "safe: a cable, a controller".to_owned()));
        assert_eq!(of_module(record), said);
        assert_eq!(of_module(" SUBSYSTEM=block"), None);
        assert_eq!(of_module("6,1,2,-;device-mapper: table: 1"), None);
    }
}
