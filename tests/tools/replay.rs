// SPDX-License-Identifier: GPL-2.0-only
//! Rebuilds what disks hold after a power cut, from the logs of dm-log-writes. For guest tests.
//!
//! ```text
//! replay list LOG
//! replay cuts SEED LOG:BASE:DISK... -- COMMAND...
//! ```
//!
//! dm-log-writes puts a write into its log when it became durable: with its completion if it has
//! FUA, else with the completion of the next flush, in front of that. So what stands before a mark is
//! exactly what a cut at that moment leaves if the cache of the disk is lost. What the cache held
//! at the mark are those writes behind it that had completed before: a marker write, made at
//! the mark to a place outside of the device under test, tells where they end.
//!
//! `cuts` goes through the marks `cut-*`. At each it brings every BASE up to the mark and runs
//! `COMMAND... MARK lost` with the DISKs as copies of that, then `COMMAND... MARK half` with a random
//! half of what the caches held on them as well, in a random order. It stops when one fails.

use std::collections::HashMap;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::process::{Command, ExitCode};

use anyhow::{bail, ensure, Context, Result};

const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;
const SECTOR: u64 = 512;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    match args {
        [verb, log] if verb == "list" => list(log),
        [verb, seed, rest @ ..] if verb == "cuts" => {
            let mut parts = rest.splitn(2, |arg| arg == "--");
            match (parts.next(), parts.next()) {
                (Some(disks @ [_, ..]), Some(command @ [_, ..])) => {
                    cuts(seed.parse().context("SEED: a number")?, disks, command)
                }
                _ => bail!("usage: replay cuts SEED LOG:BASE:DISK... -- COMMAND..."),
            }
        }
        _ => bail!("usage: replay list LOG | cuts SEED LOG:BASE:DISK... -- COMMAND..."),
    }
}

fn list(log: &str) -> Result<()> {
    let log = Log::open(log)?;
    let mut out = io::stdout().lock();
    for (n, entry) in log.entries()?.iter().enumerate() {
        let mut flags = String::new();
        for (flag, name) in [(FLUSH, "flush "), (FUA, "fua "), (DISCARD, "discard "), (MARK, "mark ")] {
            if entry.flags & flag != 0 {
                flags.push_str(name);
            }
        }
        let mark = log.mark(entry)?.unwrap_or_default();
        writeln!(out, "{n} {} {} {flags}{mark}", entry.sector, entry.sectors)?;
    }
    Ok(())
}

/// One of the disks that lose their power together.
struct Disk {
    log: Log,
    entries: Vec<Entry>,
    marks: HashMap<String, usize>,
    base: File,
    disk: File,
    /// How many of the entries are on the base.
    done: usize,
}

impl Disk {
    fn open(spec: &str) -> Result<Self> {
        let [log, base, disk] = spec.split(':').collect::<Vec<_>>()[..] else {
            bail!("{spec}: LOG:BASE:DISK is wanted");
        };
        let log = Log::open(log)?;
        let entries = log.entries()?;
        Ok(Disk {
            marks: log.marks(&entries)?,
            entries,
            log,
            base: open(base, true)?,
            disk: open(disk, true)?,
            done: 0,
        })
    }

    fn advance(&mut self, mark: &str) -> Result<()> {
        let to = *self.marks.get(mark).with_context(|| format!("no mark {mark} in a log"))?;
        for entry in self.entries.get(self.done..to).context("marks in another order")? {
            self.log.apply(entry, &self.base)?;
        }
        self.done = to;
        Ok(())
    }

    fn rebuild(&self, mark: &str, keep: Option<&mut Random>) -> Result<()> {
        copy(&self.base, &self.disk)?;
        if let Some(random) = keep {
            let mut cached = self.log.cached(&self.entries, self.done, mark)?;
            cached.retain(|_| random.next() & 1 == 0);
            for entry in shuffle(cached, random) {
                self.log.apply(entry, &self.disk)?;
            }
        }
        self.disk.sync_all()?;
        Ok(())
    }
}

fn cuts(seed: u64, disks: &[String], command: &[String]) -> Result<()> {
    let mut disks: Vec<Disk> = disks.iter().map(|d| Disk::open(d)).collect::<Result<_>>()?;
    let mut marks: Vec<(usize, String)> = disks
        .iter()
        .take(1)
        .flat_map(|disk| &disk.marks)
        .filter(|(name, _)| name.starts_with("cut-"))
        .map(|(name, at)| (*at, name.clone()))
        .collect();
    marks.sort();
    ensure!(!marks.is_empty(), "the log has no cut");
    let mut random = Random(seed);
    let (program, args) = command.split_first().context("no command")?;
    for (_, mark) in &marks {
        for disk in &mut disks {
            disk.advance(mark)?;
        }
        for variant in ["lost", "half"] {
            for disk in &disks {
                disk.rebuild(mark, (variant == "half").then_some(&mut random))?;
            }
            let status = Command::new(program).args(args).args([mark, variant]).status()?;
            ensure!(status.success(), "seed {seed}: {program} {mark} {variant}: {status}");
        }
    }
    println!("{} cuts", marks.len());
    Ok(())
}

struct Entry {
    sector: u64,
    sectors: u64,
    flags: u64,
    data_len: u64,
    /// Where its data begins in the log, in bytes.
    data: u64,
}

impl Entry {
    fn overlaps(&self, other: &Entry) -> bool {
        self.sector < other.sector + other.sectors && other.sector < self.sector + self.sectors
    }
}

struct Log {
    file: File,
    entries: u64,
    /// Bytes that an entry's head takes; sectors are counted in this unit as well.
    unit: u64,
}

impl Log {
    fn open(path: &str) -> Result<Self> {
        let file = open(path, false)?;
        let head = read(&file, 0, SECTOR)?;
        ensure!(word(&head, 0)? == MAGIC, "{path} is no log of dm-log-writes");
        let unit = word(&head, 24)? & 0xffff_ffff;
        ensure!(unit >= SECTOR && unit % SECTOR == 0, "{path}: bad sector size {unit}");
        Ok(Log { entries: word(&head, 16)?, unit, file })
    }

    fn entries(&self) -> Result<Vec<Entry>> {
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
        Ok(Some(String::from_utf8_lossy(&text).trim_end_matches('\0').to_owned()))
    }

    fn marks(&self, entries: &[Entry]) -> Result<HashMap<String, usize>> {
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
    fn cached<'e>(&self, entries: &'e [Entry], at: usize, name: &str) -> Result<Vec<&'e Entry>> {
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

    fn apply(&self, entry: &Entry, disk: &File) -> Result<()> {
        if entry.flags & (MARK | DISCARD) != 0 || entry.sectors == 0 {
            return Ok(());
        }
        let data = read(&self.file, entry.data, entry.sectors * SECTOR)?;
        disk.write_all_at(&data, entry.sector * SECTOR)
            .with_context(|| format!("cannot write sector {}", entry.sector))
    }
}

/// A random order that keeps writes to the same place in theirs.
fn shuffle<'e>(entries: Vec<&'e Entry>, random: &mut Random) -> Vec<&'e Entry> {
    let mut order: Vec<&Entry> = Vec::new();
    for entry in entries {
        let first = order.iter().rposition(|e| e.overlaps(entry)).map_or(0, |n| n + 1);
        let places = (order.len() - first + 1) as u64;
        order.insert(first + (random.next() % places) as usize, entry);
    }
    order
}

fn copy(from: &File, to: &File) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    loop {
        let n = from.read_at(&mut buffer, at)?;
        if n == 0 {
            return Ok(());
        }
        to.write_all_at(&buffer[..n], at)?;
        at += n as u64;
    }
}

fn open(path: &str, write: bool) -> Result<File> {
    OpenOptions::new().read(true).write(write).open(path).with_context(|| path.to_owned())
}

fn read(file: &File, at: u64, len: u64) -> Result<Vec<u8>> {
    let mut buffer = vec![0; len as usize];
    file.read_exact_at(&mut buffer, at).context("the log ends too early")?;
    Ok(buffer)
}

fn word(bytes: &[u8], at: usize) -> Result<u64> {
    let word = bytes.get(at..at + 8).context("short read")?;
    Ok(u64::from_le_bytes(word.try_into()?))
}

/// A small generator (splitmix64): the same seed gives the same cut again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
