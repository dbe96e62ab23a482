// SPDX-License-Identifier: GPL-2.0-only

//! Why the kernel refused: device-mapper's error is a number, and the words are in the kernel log.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
};

use rustix::fs::OFlags;

/// What the kernel says from now on. Where the log cannot be read, that is nothing.
pub struct KernelLog(Option<File>);

impl KernelLog {
    /// Begins to listen.
    pub fn listen() -> Self {
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open("/dev/kmsg");
        let at_end = |mut file: File| file.seek(SeekFrom::End(0)).is_ok().then_some(file);
        KernelLog(file.ok().and_then(at_end))
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
}
