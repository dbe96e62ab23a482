// SPDX-License-Identifier: GPL-2.0-only
//! The logs of dm-log-writes.
//!
//! A write gets into the log when it became durable: with its completion if it has FUA, else with the
//! completion of the next flush, in front of that. So what stands before a mark is exactly what a
//! cut at that moment leaves if the cache of the disk is lost. What the cache held at the mark
//! are those writes behind it that had completed before: a marker write, made at the mark to a
//! place outside of the device under test, tells where they end.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use anyhow::{bail, ensure, Context, Result};

const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;
const SECTOR: u64 = 512;

/// Prints a log.
pub fn list(log: &str) -> Result<()> {
    let log = Log::open(log)?;
    let mut out = io::stdout().lock();
    for (n, entry) in log.entries()?.iter().enumerate() {
        let mut flags = String::new();
        for (flag, name) in [
            (FLUSH, "flush "),
            (FUA, "fua "),
            (DISCARD, "discard "),
            (MARK, "mark "),
        ] {
            if entry.flags & flag != 0 {
                flags.push_str(name);
            }
        }
        let mark = log.mark(entry)?.unwrap_or_default();
        writeln!(out, "{n} {} {} {flags}{mark}", entry.sector, entry.sectors)?;
    }
    Ok(())
}

pub struct Entry {
    sector: u64,
    sectors: u64,
    flags: u64,
    data_len: u64,
    /// Where its data begins in the log, in bytes.
    data: u64,
}

impl Entry {
    pub fn overlaps(&self, other: &Entry) -> bool {
        self.sector < other.sector + other.sectors && other.sector < self.sector + self.sectors
    }
}

pub struct Log {
    file: File,
    entries: u64,
    /// Bytes that an entry's head takes; sectors are counted in this unit as well.
    unit: u64,
}

impl Log {
    pub fn open(path: &str) -> Result<Self> {
        let file = File::open(path).with_context(|| path.to_owned())?;
        let head = read(&file, 0, SECTOR)?;
        ensure!(
            word(&head, 0)? == MAGIC,
            "{path} is no log of dm-log-writes"
        );
        let unit = word(&head, 24)? & 0xffff_ffff;
        ensure!(
            unit >= SECTOR && unit % SECTOR == 0,
            "{path}: bad sector size {unit}"
        );
        Ok(Log {
            entries: word(&head, 16)?,
            unit,
            file,
        })
    }

    pub fn entries(&self) -> Result<Vec<Entry>> {
        let mut at = self.unit;
        let mut all = Vec::new();
        for _ in 0..self.entries {
            let head = read(&self.file, at, 32)?;
            let mut entry = Entry {
                sector: word(&head, 0)? * (self.unit / SECTOR),
                sectors: word(&head, 8)? * (self.unit / SECTOR),
                flags: word(&head, 16)?,
                data_len: word(&head, 24)?,
                data: at + self.unit,
            };
            at = entry.data;
            if entry.flags & MARK != 0 {
                // Its text, if any, is in the rest of the head's own sector.
                entry.data -= self.unit - 32;
                entry.sectors = 0;
            } else if entry.flags & DISCARD == 0 {
                at += entry.sectors * SECTOR;
            }
            all.push(entry);
        }
        Ok(all)
    }

    fn mark(&self, entry: &Entry) -> Result<Option<String>> {
        if entry.flags & MARK == 0 {
            return Ok(None);
        }
        let text = read(&self.file, entry.data, entry.data_len.min(self.unit - 32))?;
        Ok(Some(
            String::from_utf8_lossy(&text)
                .trim_end_matches('\0')
                .to_owned(),
        ))
    }

    pub fn marks(&self, entries: &[Entry]) -> Result<HashMap<String, usize>> {
        let mut marks = HashMap::new();
        for (n, entry) in entries.iter().enumerate() {
            if let Some(name) = self.mark(entry)? {
                marks.insert(name, n);
            }
        }
        Ok(marks)
    }

    /// What the disk's cache held at the mark at place `at`: the writes behind it that are not FUA, up
    /// to the marker write, which says the mark's name.
    pub fn cached<'e>(
        &self,
        entries: &'e [Entry],
        at: usize,
        name: &str,
    ) -> Result<Vec<&'e Entry>> {
        let mut found = Vec::new();
        for entry in entries.get(at..).unwrap_or_default() {
            if entry.flags & (FLUSH | FUA | DISCARD | MARK) != 0 || entry.sectors == 0 {
                continue;
            }
            let begin = read(&self.file, entry.data, name.len() as u64 + 1)?;
            if begin.strip_prefix(name.as_bytes()) == Some(b"\n") {
                return Ok(found);
            }
            found.push(entry);
        }
        bail!("no marker write {name} in the log");
    }

    pub fn apply(&self, entry: &Entry, image: &mut [u8]) -> Result<()> {
        if entry.flags & (MARK | DISCARD) != 0 || entry.sectors == 0 {
            return Ok(());
        }
        let range =
            (entry.sector * SECTOR) as usize..((entry.sector + entry.sectors) * SECTOR) as usize;
        let place = image
            .get_mut(range)
            .context("a write behind the end of the disk")?;
        self.file
            .read_exact_at(place, entry.data)
            .context("the log ends too early")
    }
}

fn read(file: &File, at: u64, len: u64) -> Result<Vec<u8>> {
    let mut buffer = vec![0; len as usize];
    file.read_exact_at(&mut buffer, at)
        .context("the log ends too early")?;
    Ok(buffer)
}

fn word(bytes: &[u8], at: usize) -> Result<u64> {
    let word = bytes.get(at..at + 8).context("short read")?;
    Ok(u64::from_le_bytes(word.try_into()?))
}
