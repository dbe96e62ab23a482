// SPDX-License-Identifier: GPL-2.0-only
//! Goes through a log, cuts the power behind each event, and looks at what comes up again.

use std::collections::HashSet;
use std::time::Instant;

use anyhow::Result;

use super::acts::Act;
use super::book::{Book, Wrong, BEGIN_WRITE, DURABLE, END, OK};
use super::cut::{behind, Cut};
use super::medium::Medium;
use super::recorder::{Fault, Kind, Log, Pair, MAIN, SPARE, WRITES};
use super::score::Score;
use super::story::{self, device_name, Story};
use crate::dm::Control;
use crate::pattern::{fill, mix, Buffer, Device, SECTOR};

/// When this many things are wrong, more would say nothing new.
const ENOUGH: u64 = 12;

pub struct Player<'s> {
    pair: Pair,
    control: Control,
    score: &'s Score,
    /// What the disks say they did, and did not.
    lies: u8,
    /// The volume's state may be another than `rw`.
    may_be_ro: bool,
    story: &'static str,
    features: &'static str,
    /// Sectors of the images that are not what is durable at this moment.
    dirty: [Vec<u64>; 2],
}

impl<'s> Player<'s> {
    pub fn new(pair: usize, lies: u8, score: &'s Score) -> Result<Self> {
        Ok(Player {
            pair: Pair::open(pair)?,
            control: Control::open()?,
            score,
            lies,
            may_be_ro: false,
            story: "",
            features: "",
            dirty: Default::default(),
        })
    }

    /// Tells a story, and makes one in `stride` of its cuts. Says in a line what came of it.
    pub fn whole(&mut self, story: &Story, seed: u64, stride: u64) -> Result<String> {
        let told = story::tell(story, &mut self.pair, &self.control, seed)?;
        let log = self.pair.log()?;
        let began = Instant::now();
        self.may_be_ro = story.has(Act::BadLog);
        (self.story, self.features) = (story.name, story.features);
        self.dirty = Default::default();
        let blank = [MAIN, SPARE].map(|disk| {
            let image = self.pair.image(disk);
            image.fill(0);
            image.to_vec()
        });
        let mut book = Book::new(self.pair.sectors(MAIN));
        let mut media = blank.map(|image| Medium::new(image, self.lies));
        let share = Some((stride, seed % stride));
        let (made, all) = self.play(&log, &mut media, &mut book, share, seed, 0)?;
        Ok(format!(
            "{}: {made} of {all} cuts in {:.0} s; {} events, {} log blocks, {} requests failed; at its end {}",
            story.name,
            began.elapsed().as_secs_f64(),
            log.events.len(),
            log.blocks(),
            told.errors,
            told.status
        ))
    }

    /// Makes cuts of a log that begins with these disks and promises: of so many one, and which one of
    /// these, or none. Says how many it made, and how many there are.
    fn play(
        &mut self,
        log: &Log,
        media: &mut [Medium; 2],
        book: &mut Book,
        share: Option<(u64, u64)>,
        seed: u64,
        depth: u8,
    ) -> Result<(u64, u64)> {
        let mut known = HashSet::new();
        let (mut made, mut all) = (0, 0);
        for (at, event) in log.events.iter().enumerate() {
            match event.kind {
                Kind::Mark => book.advance(event)?,
                _ => media[usize::from(event.disk)].advance(log, at)?,
            }
            if !book.cuts {
                continue;
            }
            for cut in behind(log, at, media, seed.wrapping_add(at as u64)) {
                if !known.insert(cut.key(media, book)) {
                    continue;
                }
                all += 1;
                if share.is_none_or(|(stride, which)| all % stride != which) {
                    continue;
                }
                if self.score.bad() >= ENOUGH {
                    return Ok((made, all));
                }
                made += 1;
                let moment = format!(
                    "{}, event {at} of {}, {}",
                    self.story,
                    log.events.len(),
                    cut.what
                );
                self.power(log, media, book, &cut, &moment, seed ^ all, depth)?;
            }
        }
        Ok((made, all))
    }

    /// Rebuilds the disks, and brings the device up on them.
    #[allow(clippy::too_many_arguments)]
    fn power(
        &mut self,
        log: &Log,
        media: &mut [Medium; 2],
        book: &Book,
        cut: &Cut,
        moment: &str,
        mut seed: u64,
        depth: u8,
    ) -> Result<()> {
        for (disk, medium) in media.iter_mut().enumerate() {
            let mut stale = std::mem::take(&mut self.dirty[disk]);
            stale.append(&mut medium.changed);
            let image = self.pair.image(disk);
            for sector in stale {
                let range = sector as usize * SECTOR..(sector as usize + 1) * SECTOR;
                image[range.clone()].copy_from_slice(&medium.base[range]);
            }
        }
        for kept in &cut.kept {
            let range = kept.sector as usize * SECTOR..(kept.sector as usize + 1) * SECTOR;
            let data = log.sector(&log.events[kept.event], kept.nth);
            self.pair.image(kept.disk)[range].copy_from_slice(data);
            self.dirty[kept.disk].push(kept.sector);
        }
        // Some cuts are followed by a second life, with cuts of its own.
        let twice = depth == 0 && mix(&mut seed) % 24 == 0;
        let before = if twice {
            Some([MAIN, SPARE].map(|disk| self.pair.image(disk).to_vec()))
        } else {
            None
        };
        self.pair.reset()?;
        self.pair.mode(true, false)?;
        self.score.cuts.add(1);
        self.score.again.add(depth.into());
        let seen = self.look(book, moment, if twice { seed } else { 0 })?;
        self.pair.mode(false, false)?;
        let second = self.pair.log()?;
        for event in second.events.iter().filter(|e| e.kind == Kind::Submit) {
            let range = event.sector..event.sector + u64::from(event.sectors);
            self.dirty[usize::from(event.disk)].extend(range);
        }
        if let (Some(before), Some(seen)) = (before, seen) {
            let outer = self.dirty.clone();
            self.live_on(&second, before, seen, book, seed)?;
            for (dirty, outer) in self.dirty.iter_mut().zip(outer) {
                dirty.extend(outer);
            }
        }
        Ok(())
    }

    /// What the device gives now, compared with what it may; the generations, if all is well.
    fn look(&mut self, book: &Book, moment: &str, second: u64) -> Result<Option<Vec<Option<u32>>>> {
        let name = device_name(&self.pair);
        let node = match self.control.create(&name, &self.pair.table(self.features)) {
            Ok(node) => node,
            // The first format was cut off: nothing was promised yet.
            Err(_) if !book.formatted => {
                self.score.unformatted.add(1);
                return Ok(None);
            }
            Err(error) => {
                self.score.losses.add(1);
                self.score
                    .say(format!("{moment}: does not open: {error:#}"))?;
                return Ok(None);
            }
        };
        let result = self.compare(book, &node, moment);
        let mut after = Ok(());
        if let (true, Ok(Some(_))) = (second != 0, &result) {
            after = self.work(book, &node, moment, second);
        }
        self.control.remove(&name)?;
        after?;
        result
    }

    fn compare(&self, book: &Book, node: &str, moment: &str) -> Result<Option<Vec<Option<u32>>>> {
        const STEP: usize = 128;
        let device = Device::open(node)?;
        let mut buffer = Buffer::new(STEP)?;
        let mut seen = Vec::new();
        let mut wrong = Vec::new();
        for (n, bounds) in (0u64..).zip(book.sectors.chunks(STEP)) {
            let first = n * STEP as u64;
            let bytes = &mut buffer[..bounds.len() * SECTOR];
            let whole = device.read(bytes, first).is_ok();
            let sectors = bytes.chunks_exact_mut(SECTOR).zip(bounds);
            for (sector, (bytes, bounds)) in (first..).zip(sectors) {
                if !whole && device.read(bytes, sector).is_err() {
                    seen.push(None);
                    if bounds.may_fail {
                        self.score.unreadable.add(1);
                    } else {
                        wrong.push((false, format!("sector {sector} cannot be read")));
                    }
                    continue;
                }
                match bounds.judge(bytes, sector, bounds.low) {
                    Ok(found) => seen.push(Some(found)),
                    Err(Wrong::Loss(text)) => wrong.push((false, text)),
                    Err(Wrong::Garbage(text)) => wrong.push((true, text)),
                }
            }
        }
        let status = self.control.status(&device_name(&self.pair))?;
        let mut words = status.split_whitespace().skip(4);
        if !self.may_be_ro && (words.next(), words.next()) != (Some("rw"), Some("-")) {
            wrong.push((false, format!("the state is not as it was: {status}")));
        }
        let Some((_, text)) = wrong.first() else {
            return Ok(Some(seen));
        };
        let garbage = wrong.iter().filter(|(garbage, _)| *garbage).count() as u64;
        self.score.garbage.add(garbage.min(1));
        self.score
            .losses
            .add(u64::from(garbage < wrong.len() as u64));
        let more = wrong.len() - 1;
        self.score.say(format!("{moment}: {text} ({more} more)"))?;
        Ok(None)
    }

    /// A second life: blocks move again, on what the cut has left.
    fn work(&self, book: &Book, node: &str, moment: &str, mut seed: u64) -> Result<()> {
        let device = Device::open(node)?;
        let count = book.sectors.len() as u64;
        let mut id = book
            .sectors
            .iter()
            .map(|s| s.high)
            .max()
            .unwrap_or_default();
        for _ in 0..3 {
            let len = 1 + mix(&mut seed) % 12;
            let start = mix(&mut seed) % (count - len);
            let fault = Fault {
                disk: MAIN,
                start: start + mix(&mut seed) % len,
                len: 1,
                ops: WRITES,
                count: -1,
                how: 0,
            };
            self.pair.fault(&fault)?;
            let mut buffer = Buffer::new(len as usize)?;
            id += 1;
            let bytes = &mut buffer[..len as usize * SECTOR];
            for (n, sector) in (start..).zip(bytes.chunks_exact_mut(SECTOR)) {
                fill(sector, n, id);
            }
            self.pair
                .note(BEGIN_WRITE, id, start, len as u32, DURABLE)?;
            let result = device.write(bytes, start, true);
            self.pair
                .note(END, id, 0, 0, u8::from(result.is_ok()) * OK)?;
            if result.is_err() && !self.may_be_ro {
                self.score.losses.add(1);
                self.score
                    .say(format!("{moment}: a write in the second life fails"))?;
            }
        }
        Ok(())
    }

    /// Cuts within what came after a cut. What was read then has to be read again.
    fn live_on(
        &mut self,
        log: &Log,
        before: [Vec<u8>; 2],
        seen: Vec<Option<u32>>,
        book: &Book,
        seed: u64,
    ) -> Result<()> {
        let mut promised = book.clone();
        for (sector, seen) in promised.sectors.iter_mut().zip(seen) {
            if let Some(seen) = seen {
                sector.low = seen;
                sector.high = seen;
            }
        }
        promised.formatted = true;
        promised.cuts = true;
        let media = before.map(|image| Medium::new(image, self.lies));
        let (_, all) = self.play(
            log,
            &mut media.clone(),
            &mut promised.clone(),
            None,
            seed,
            1,
        )?;
        let stride = (all / 4).max(1);
        let share = Some((stride, seed % stride));
        let mut media = media;
        for (medium, dirty) in media.iter_mut().zip(&self.dirty) {
            medium.changed.extend(dirty);
        }
        self.play(log, &mut media, &mut promised, share, seed, 1)?;
        Ok(())
    }
}
