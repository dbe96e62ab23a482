// SPDX-License-Identifier: GPL-2.0-only
//! The recording disks of `tests/guest/recorder`: their images and logs, mapped, and orders to them.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{ensure, Context, Result};

use crate::pattern::{MAGIC, SECTOR};

pub const MAIN: usize = 0;
pub const SPARE: usize = 1;

const PAGE: usize = 4096;
const HEAD: usize = 32;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A write or a flush has come to a disk.
    Submit,
    /// It has ended. `sectors` of it were carried out.
    Done,
    /// Something of our own, see [`Pair::note`].
    Mark,
}

pub const FLUSH: u8 = 1;
pub const FUA: u8 = 2;
pub const ZEROES: u8 = 4;

/// `struct event` of recorder.h.
#[derive(Clone, Copy)]
pub struct Event {
    pub kind: Kind,
    pub disk: u8,
    pub flags: u8,
    pub ok: bool,
    pub sectors: u32,
    pub sector: u64,
    pub id: u64,
    /// Where its data begins in the log.
    pub data: usize,
}

/// All that a pair has recorded.
#[derive(Default)]
pub struct Log {
    pub events: Vec<Event>,
    bytes: Vec<u8>,
}

impl Log {
    /// The n-th sector of the data of a submission.
    pub fn sector(&self, event: &Event, n: u64) -> &[u8] {
        const ZEROS: [u8; SECTOR] = [0; SECTOR];
        if event.flags & ZEROES != 0 {
            return &ZEROS;
        }
        let at = event.data + n as usize * SECTOR;
        &self.bytes[at..at + SECTOR]
    }

    /// How many blocks of dm-remap's log were written, both copies counted: commits, and those of
    /// checkpoints (docs/on-disk-format.md).
    pub fn blocks(&self) -> String {
        let is_submit = |e: &&Event| e.kind == Kind::Submit && e.sectors > 0;
        let heads = self
            .events
            .iter()
            .filter(is_submit)
            .map(|e| self.sector(e, 0));
        let blocks: Vec<_> = heads.filter(|head| head.starts_with(b"dmrm-log")).collect();
        let checkpoints = blocks.iter().filter(|head| head[12] == 2).count();
        format!("{}+{checkpoints}", blocks.len() - checkpoints)
    }
}

/// What faults do. A fault of an I/O error and of a medium error differ in their status alone.
#[derive(Clone, Copy)]
pub struct Fault {
    pub disk: usize,
    pub start: u64,
    pub len: u64,
    pub ops: u32,
    /// How often it strikes; for ever, if negative.
    pub count: i32,
    pub how: u32,
}

impl Fault {
    /// One end of a spare area of so many sectors, where that copy of the log is, cannot be written for a while.
    pub fn of_log(copy: u64, sectors: u64, chance: u64) -> Fault {
        Fault {
            disk: SPARE,
            start: if copy == 0 { 8 } else { sectors * 7 / 8 },
            len: sectors / 8,
            ops: WRITES,
            count: 1 + (chance >> 8) as i32 % 2,
            how: [0, IO_ERROR, ARRIVES][(chance >> 16) as usize % 3],
        }
    }
}

pub const READS: u32 = 1;
pub const WRITES: u32 = 2;
pub const FLUSHES: u32 = 4;
pub const IO_ERROR: u32 = 1;
pub const ARRIVES: u32 = 2;

/// The number of the first pair's command.
const COMMANDS: usize = 0x7200;

/// `struct command` of recorder.h.
#[repr(C)]
#[derive(Default)]
struct Command {
    what: u32,
    disk: u32,
    start: u64,
    len: u64,
    ops: u32,
    count: i32,
    how: u32,
    spare: u32,
}

/// Main and spare, `/dev/mainN` and `/dev/spareN`.
pub struct Pair {
    pub number: usize,
    control: File,
    area: *mut u8,
    len: usize,
    log: usize,
    disks: [usize; 2],
}

// SAFETY: the mapping is memory of our own that no thread frees while a `Pair` is there. Images
// are changed by the one thread that has the pair, or by the disks.
unsafe impl Send for Pair {}
// SAFETY: as above; what takes `&self` reads, or gives orders through the control device.
unsafe impl Sync for Pair {}

impl Pair {
    pub fn open(number: usize) -> Result<Self> {
        let path = "/dev/recorder";
        let control = OpenOptions::new().read(true).write(true).open(path);
        let control = control.context(path)?;
        let log = parameter("log_bytes")?;
        let disks = [
            parameter("main_sectors")? * SECTOR,
            parameter("spare_sectors")? * SECTOR,
        ];
        let len = PAGE + log + disks[MAIN] + disks[SPARE];
        // SAFETY: a new mapping of what the recorder has; nothing else is there.
        let area = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                control.as_raw_fd(),
                (number * len) as libc::off_t,
            )
        };
        ensure!(
            area != libc::MAP_FAILED,
            "cannot map the recorder: {}",
            std::io::Error::last_os_error()
        );
        Ok(Pair {
            number,
            control,
            area: area.cast(),
            len,
            log,
            disks,
        })
    }

    pub fn sectors(&self, disk: usize) -> u64 {
        (self.disks[disk] / SECTOR) as u64
    }

    /// The table line of a device over the pair.
    pub fn table(&self, features: &str) -> String {
        let (n, main, spare) = (self.number, self.sectors(MAIN), self.sectors(SPARE));
        let count = features.split_whitespace().count();
        let words = match count {
            0 => String::new(),
            _ => format!(" {count} {features}"),
        };
        format!("0 {main} remap /dev/main{n} /dev/spare{n} 0 {spare}{words}")
    }

    /// What a disk holds. Nobody may be writing to it.
    pub fn image(&mut self, disk: usize) -> &mut [u8] {
        let at = PAGE + self.log + if disk == MAIN { 0 } else { self.disks[MAIN] };
        // SAFETY: within the mapping, and the borrow is of all of the pair.
        unsafe { std::slice::from_raw_parts_mut(self.area.add(at), self.disks[disk]) }
    }

    /// The sectors of the spare that hold data at this moment.
    pub fn spare_in_use(&self) -> Vec<u64> {
        let at = PAGE + self.log + self.disks[MAIN];
        let begins = |sector: &u64| {
            let place = at + *sector as usize * SECTOR;
            // SAFETY: an aligned number within the mapping; the disk may be writing to it.
            let word = unsafe { self.area.add(place).cast::<u64>().read_volatile() };
            word == MAGIC.to_le()
        };
        (0..self.sectors(SPARE)).filter(begins).collect()
    }

    /// How many requests a fault has met.
    pub fn struck(&self) -> u64 {
        // SAFETY: the mapping begins with three aligned numbers.
        let head = unsafe { std::slice::from_raw_parts(self.area.cast::<AtomicU64>(), 3) };
        head[2].load(Ordering::Relaxed)
    }

    /// Takes what was recorded. Nothing may be under way.
    pub fn log(&self) -> Result<Log> {
        // SAFETY: the mapping begins with two aligned numbers.
        let head = unsafe { std::slice::from_raw_parts(self.area.cast::<AtomicU64>(), 2) };
        ensure!(
            head[1].load(Ordering::Acquire) == 0,
            "the recorder's log is too small"
        );
        let used = head[0].load(Ordering::Acquire) as usize;
        ensure!(used <= self.log, "the recorder's log is longer than it is");
        // SAFETY: within the mapping; the recorder only appends behind this.
        let bytes = unsafe { std::slice::from_raw_parts(self.area.add(PAGE), used) }.to_vec();
        let mut events = Vec::new();
        let mut at = 0;
        while at < used {
            let head = bytes.get(at..at + HEAD).context("a broken log")?;
            let event = parse(head, at + HEAD)?;
            at = event.data;
            if event.kind == Kind::Submit && event.flags & ZEROES == 0 {
                at += event.sectors as usize * SECTOR;
            }
            events.push(event);
        }
        ensure!(at == used, "a broken log");
        Ok(Log { events, bytes })
    }

    /// Forgets the log and all faults.
    pub fn reset(&self) -> Result<()> {
        self.order(Command::default())
    }

    /// Whether it records, and whether writes take their time and end in any order.
    pub fn mode(&self, recording: bool, slow: bool) -> Result<()> {
        self.order(Command {
            what: 1,
            ops: u32::from(recording) | (u32::from(slow) << 1),
            ..Command::default()
        })
    }

    pub fn fault(&self, fault: &Fault) -> Result<()> {
        self.order(Command {
            what: 2,
            disk: fault.disk as u32,
            start: fault.start,
            len: fault.len,
            ops: fault.ops,
            count: fault.count,
            how: fault.how,
            ..Command::default()
        })
    }

    /// Sets a mark: its kind is the event's disk, and the rest as in the event.
    pub fn note(&self, kind: u8, id: u32, start: u64, len: u32, flags: u8) -> Result<()> {
        self.order(Command {
            what: 3,
            disk: kind.into(),
            start,
            len: len.into(),
            count: id as i32,
            how: flags.into(),
            ..Command::default()
        })
    }

    fn order(&self, command: Command) -> Result<()> {
        // SAFETY: the recorder reads one command.
        let result = unsafe {
            libc::ioctl(
                self.control.as_raw_fd(),
                (COMMANDS + self.number) as libc::Ioctl,
                &command,
            )
        };
        ensure!(
            result == 0,
            "the recorder refuses: {}",
            std::io::Error::last_os_error()
        );
        Ok(())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // SAFETY: mapped in `open`, and nobody has it any longer.
        unsafe { libc::munmap(self.area.cast(), self.len) };
    }
}

fn parameter(name: &str) -> Result<usize> {
    let path = format!("/sys/module/recorder/parameters/{name}");
    let text = std::fs::read_to_string(&path).context(path)?;
    Ok(text.trim().parse()?)
}

fn parse(head: &[u8], data: usize) -> Result<Event> {
    let long = |at: usize| -> Result<u64> {
        let bytes = head.get(at..at + 8).context("a broken log")?;
        Ok(u64::from_ne_bytes(bytes.try_into()?))
    };
    Ok(Event {
        kind: match head[0] {
            1 => Kind::Submit,
            2 => Kind::Done,
            3 => Kind::Mark,
            other => anyhow::bail!("an event of kind {other} in the log"),
        },
        disk: head[1],
        flags: head[2],
        ok: head[3] == 0,
        sectors: (long(0)? >> 32) as u32,
        sector: long(8)?,
        id: long(16)?,
        data,
    })
}
