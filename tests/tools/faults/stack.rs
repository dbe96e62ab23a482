// SPDX-License-Identifier: GPL-2.0-only
//! The device under test: a remap device over two dm devices, which are good or bad as their tables say,
//! over two disks of the recorder, whose places fail on request.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};

use super::inject;
use super::load::Ledger;
use crate::crash::recorder::{Fault, Pair, ARRIVES, FLUSHES, IO_ERROR, MAIN, READS, SPARE, WRITES};
use crate::dm::Control;
use crate::failing;
use crate::pattern::mix;

/// The device, and what lies under its main and its spare.
pub const NAME: &str = "faulty";
pub const LOWER: [&str; 2] = ["fmain", "fspare"];
/// The sectors that are in use.
pub const SPAN: u64 = 4096;
/// How often it is tried to bring the device up while things fail.
const TRIES: u64 = 8;
/// In how much time what has been asked for is done, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(100);

pub struct Stack {
    pub control: Control,
    pub pair: Pair,
    /// The features that the life has from its first day to its last.
    pub features: &'static str,
    /// What is written to the spare can be read: nothing may be lost.
    pub spare_reads: bool,
    lower: [String; 2],
}

impl Stack {
    /// Blank disks, and good ones.
    pub fn new(control: Control, mut pair: Pair, features: &'static str) -> Result<Self> {
        pair.image(MAIN).fill(0);
        pair.image(SPARE).fill(0);
        pair.reset()?;
        pair.mode(false, true)?;
        let mut lower = [const { String::new() }; 2];
        for (disk, node) in lower.iter_mut().enumerate() {
            *node = control.create(LOWER[disk], &linear(&pair, disk))?;
        }
        Ok(Stack {
            control,
            pair,
            features,
            spare_reads: true,
            lower,
        })
    }

    /// The pair again, for the next life.
    pub fn end(self) -> Result<(Control, Pair)> {
        for name in LOWER {
            self.control.remove(name)?;
        }
        Ok((self.control, self.pair))
    }

    pub fn table(&self, more: &str) -> String {
        let [main, spare] = &self.lower;
        let (len, spare_len) = (self.pair.sectors(MAIN), self.pair.sectors(SPARE));
        let features = format!("{} {more}", self.features);
        let count = features.split_whitespace().count();
        format!("0 {len} remap {main} {spare} 0 {spare_len} {count} {features}")
    }

    /// Brings it up, first while things fail, and gives its node. A blank area that was formatted in part
    /// only is refused from then on, as it should be, so it is blanked again.
    pub fn open(&mut self, first: bool) -> Result<String> {
        for attempt in 0..=TRIES {
            let fails = attempt < TRIES;
            if !fails {
                self.calm()?;
            } else {
                failing::enter()?;
            }
            if first {
                self.pair.image(SPARE).fill(0);
            }
            let opened = self.bring_up();
            failing::leave();
            match opened {
                Ok(minor) => return Ok(format!("/dev/dm-{minor}")),
                Err(error) if !fails => {
                    return Err(error.context("nothing fails, and it does not come up"))
                }
                Err(_) => {}
            }
        }
        bail!("it was not tried to bring it up")
    }

    fn bring_up(&self) -> Result<u64> {
        self.control.make(NAME)?;
        let made = self
            .control
            .load(NAME, &self.table(""))
            .and_then(|()| self.control.resume(NAME));
        if made.is_err() {
            failing::leave();
            self.control.remove(NAME)?;
        }
        made
    }

    /// Takes it away; while things fail, if that can be.
    pub fn close(&self) -> Result<()> {
        failing::enter()?;
        let mut removed = self.control.remove(NAME);
        failing::leave();
        if removed.is_err() {
            removed = self.control.remove(NAME);
        }
        removed
    }

    /// From here on nothing fails any more.
    pub fn calm(&self) -> Result<()> {
        for kind in 0..inject::KINDS.len() {
            inject::often(kind, 0)?;
        }
        inject::requests("main0", false)?;
        inject::requests("spare0", false)?;
        self.pair.reset()?;
        for disk in [MAIN, SPARE] {
            self.below(disk, &linear(&self.pair, disk))?;
        }
        Ok(())
    }

    /// Puts another table under main, or under the spare.
    pub fn below(&self, disk: usize, table: &str) -> Result<()> {
        let name = LOWER[disk];
        self.control.load(name, table)?;
        self.control.suspend_at_once(name)?;
        self.control.resume(name).map(drop)
    }

    /// The fields of the status line.
    pub fn status(&self) -> Result<Vec<String>> {
        let line = self.control.status(NAME)?;
        Ok(line.split(' ').map(str::to_owned).collect())
    }

    /// What follows a key of the status line, as a number.
    pub fn value(&self, key: &str) -> Result<u64> {
        let fields = self.status()?;
        let at = fields.iter().position(|field| field == key);
        let word = at.and_then(|at| fields.get(at + 1));
        let word = word.with_context(|| format!("there is no {key} in the status"))?;
        Ok(word.parse()?)
    }

    /// Nothing fails any more: all that was asked for ends, and the map can change again.
    pub fn settle(&self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let fields = self.status()?;
            let (state, check) = (&fields[4], &fields[5]);
            if state == "rw" && check == "-" && self.value("queued")? == 0 {
                return Ok(());
            }
            ensure!(
                Instant::now() < until,
                "it stays as it is: {}",
                fields.join(" ")
            );
            // Where nothing could be written when it came up, the map is `ro` and needs no check.
            if state != "rw" || check != "-" {
                let _ = self.control.message(NAME, "clear_needs_check");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The sectors that the device itself calls lost.
    pub fn lost(&self) -> Result<Vec<u64>> {
        let mut lost = Vec::new();
        let mut from = 0;
        loop {
            let reply = self
                .control
                .message(NAME, &format!("list lost from {from}"))?;
            let mut more = None;
            for line in reply.lines() {
                let words: Vec<&str> = line.split(' ').collect();
                match words[..] {
                    ["more", "from", next] => more = Some(next.parse()?),
                    [first, count, "lost"] => {
                        let first: u64 = first.parse()?;
                        lost.extend(first..first + count.parse::<u64>()?);
                    }
                    _ => bail!("not a line of a list: {line}"),
                }
            }
            match more {
                Some(next) => from = next,
                None => return Ok(lost),
            }
        }
    }

    /// Nothing fails, and nobody writes: what was acknowledged is there. An error is the answer for what the
    /// device calls lost, and for nothing else. How many sectors these are.
    pub fn verify(&self, ledger: &Ledger<'_>, node: &str) -> Result<u64> {
        let unread = ledger.user(node, 0)?.read_back()?;
        let lost: Vec<u64> = self.lost()?.into_iter().filter(|n| *n < SPAN).collect();
        if unread != lost {
            ledger.figures.losses.fetch_add(1, Ordering::Relaxed);
            bail!("sectors {unread:?} cannot be read, and {lost:?} are called lost");
        }
        if self.spare_reads && !lost.is_empty() {
            ledger
                .figures
                .losses
                .fetch_add(lost.len() as u64, Ordering::Relaxed);
            bail!("sectors {lost:?} are lost, and nothing is the reason for that");
        }
        Ok(lost.len() as u64)
    }

    /// A place of a disk begins to fail, or its next flushes do.
    pub fn bad_place(&self, seed: &mut u64) -> Result<()> {
        let chance = mix(seed);
        let main = chance & 3 != 0;
        // Of the spare, where its blocks are: the log has its own way to fail.
        let spare = self.pair.sectors(SPARE);
        let (disk, from, sectors) = match main {
            true => (MAIN, 0, SPAN),
            false => (SPARE, spare / 8, spare * 3 / 4),
        };
        let mut start = from + mix(seed) % sectors;
        let used = match main {
            true => Vec::new(),
            false => self.pair.spare_in_use(),
        };
        if !used.is_empty() && chance & 4 != 0 {
            start = used[mix(seed) as usize % used.len()];
        }
        let mut ops = [READS, WRITES, WRITES, READS | WRITES][(chance >> 8) as usize % 4];
        if !main && self.spare_reads {
            ops = WRITES;
        }
        let flush = (chance >> 16) % 32 == 0;
        self.add(&Fault {
            disk,
            start,
            len: 1 + (chance >> 24) % 12,
            ops: if flush { FLUSHES } else { ops },
            count: match flush {
                true => 1,
                false => [-1, -1, 1, 3][(chance >> 32) as usize % 4],
            },
            how: [0, 0, IO_ERROR, ARRIVES][(chance >> 40) as usize % 4],
        })
    }

    /// All of one end of the spare area, where the copies of the log are, or of both, cannot be written for
    /// a while.
    pub fn bad_log(&self, seed: &mut u64) -> Result<()> {
        let (chance, sectors) = (mix(seed), self.pair.sectors(SPARE));
        for copy in 0..2 {
            if chance % 3 == copy {
                continue;
            }
            self.add(&Fault::of_log(copy, sectors, chance))?;
        }
        Ok(())
    }

    /// The list of faults may be full.
    fn add(&self, fault: &Fault) -> Result<()> {
        if self.pair.fault(fault).is_err() {
            self.pair.reset()?;
        }
        Ok(())
    }
}

pub fn linear(pair: &Pair, disk: usize) -> String {
    format!("0 {} linear {} 0", pair.sectors(disk), disk_of(disk))
}

pub fn disk_of(disk: usize) -> &'static str {
    ["/dev/main0", "/dev/spare0"][disk]
}
