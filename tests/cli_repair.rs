// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl repair` on damaged areas. Each has a history that is known, so it is known as well what each block of the
//! log said, and what is lost with it.

mod cli_lab;
mod core_format_lab;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use cli_lab::remapctl;
use core_format_lab::{
    expect, found,
    life::{data, live, Life},
    open, open_with, plan,
    twin::{Dice, Twin},
    Disk, LEN,
};
use dm_remap_core::{
    layout::{CopyId, Half, Use},
    units::{Sector, SpareBlock},
};
use serde_json::Value;
use tempfile::tempdir;

/// A place where metadata lies, as a sector; most of them where something was written.
fn somewhere(dice: &mut Dice) -> Sector {
    let layout = plan(LEN);
    if dice.chance(6) {
        let places = layout.places();
        return places.as_slice()[dice.below(2) as usize];
    }
    let copy = CopyId::BOTH[dice.below(2) as usize];
    let half = Half::BOTH[dice.below(2) as usize];
    let most = if dice.chance(2) { 8 } else { 70 };
    let index = dice.below(most) as u32;
    layout.log_sector(copy, half, index).expect("inside").0
}

/// The same block in both copies, or all places of superblocks.
fn both(dice: &mut Dice) -> Vec<Sector> {
    let layout = plan(LEN);
    if dice.chance(10) {
        return layout.places().as_slice().to_vec();
    }
    let half = Half::BOTH[dice.below(2) as usize];
    let most = if dice.chance(2) { 8 } else { 40 };
    let index = dice.below(most) as u32;
    let of = |copy| layout.log_sector(copy, half, index).expect("inside").0;
    CopyId::BOTH.map(of).to_vec()
}

/// Damages an area in one of many ways; says how.
fn damage(dice: &mut Dice, life: &Life, disk: &mut Disk) -> String {
    let kind = dice.below(8);
    let places = match dice.chance(2) {
        true => both(dice),
        false => vec![somewhere(dice)],
    };
    let earlier = &life.earlier;
    for &at in &places {
        match kind {
            0 | 1 => disk.bytes_mut(at, 4096)[dice.below(4096) as usize] ^= 1 << dice.below(8),
            2 => {
                // Torn: some sectors are of an earlier time, or zeros.
                let old = match earlier.get(dice.below(8) as usize) {
                    Some(old) => old.bytes(at, 4096).to_vec(),
                    None => vec![0; 4096],
                };
                let bits = dice.roll() as u8;
                disk.tear(at, &old, |piece| (bits >> piece) & 1 != 0);
            }
            3 => {
                let other = somewhere(dice);
                let (one, two) = (
                    disk.bytes(at, 4096).to_vec(),
                    disk.bytes(other, 4096).to_vec(),
                );
                disk.bytes_mut(at, 4096).copy_from_slice(&two);
                disk.bytes_mut(other, 4096).copy_from_slice(&one);
            }
            4 => wipe(disk, at, 1 + dice.below(60), |_| 0),
            5 => {
                let seed = dice.roll();
                wipe(disk, at, 1 + dice.below(24), |i| (seed >> (i % 57)) as u8);
            }
            _ => {
                let Some(old) = earlier.get(dice.below(1 + earlier.len() as u64) as usize) else {
                    continue;
                };
                let blocks = if dice.chance(3) {
                    1 + dice.below(40)
                } else {
                    1
                };
                for n in 0..blocks {
                    let at = Sector(at.0 + n * 8);
                    if is_metadata(at) {
                        let bytes = old.bytes(at, 4096).to_vec();
                        disk.bytes_mut(at, 4096).copy_from_slice(&bytes);
                    }
                }
            }
        }
    }
    format!("kind {kind} at {places:?}")
}

fn is_metadata(at: Sector) -> bool {
    let layout = plan(LEN);
    let inside = |start: u64, len: u64| (start..start + len).contains(&at.0);
    let mut regions = layout.regions().iter().filter(|r| r.r#use != Use::Spare);
    regions.any(|r| inside(r.start.0, r.len.0))
        || layout.places().as_slice().iter().any(|p| inside(p.0, 8))
}

fn wipe(disk: &mut Disk, at: Sector, sectors: u64, byte: impl Fn(usize) -> u8) {
    for n in 0..sectors {
        let at = Sector(at.0 + n);
        if at.0 < LEN && is_metadata(at) {
            let bytes = disk.bytes_mut(at, 512);
            bytes.iter_mut().enumerate().for_each(|(i, b)| *b = byte(i));
        }
    }
}

/// With `--uncertain keep` nothing is served that never was.
fn judge_kept(folder: &Path, life: &Life, how: &str) {
    let (input, output) = (folder.join("damaged"), folder.join("kept"));
    let _ = fs::remove_file(&output);
    let (input, output) = (
        input.to_str().expect("text"),
        output.to_str().expect("text"),
    );
    let run = remapctl(&[
        "repair",
        "--json",
        "--uncertain",
        "keep",
        "-i",
        input,
        "-o",
        output,
    ]);
    let report: Value =
        serde_json::from_slice(&run.stdout).unwrap_or_else(|e| panic!("{how}: {e}"));
    assert_eq!(run.status.code(), Some(1), "{how}");
    let mut kept = Disk {
        medium: fs::read(output).expect("the output"),
        ..Disk::default()
    };
    let opened = open(&mut kept).unwrap_or_else(|e| panic!("{how}: {e}"));
    let now = Twin::of(&opened.map);
    for block in report["uncertain_blocks"].as_array().expect("a list") {
        if block["treatment"] != "kept" {
            continue;
        }
        let block = block["block"].as_u64().expect("a block");
        let of = |twin: &Twin| twin.homes.get(&block).copied();
        let was = life
            .states
            .values()
            .any(|state| of(state).is_some() && of(state) == of(&now));
        assert!(was, "{how}: block {block} never lived there");
    }
}

/// What became of one damaged area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// The kernel would have served it.
    Served,
    /// The kernel refused it, and all was saved.
    Whole,
    /// The kernel refused it, and a part was saved.
    Part,
    /// Nothing could be saved.
    Nothing,
}

fn numbers(value: &Value) -> impl Iterator<Item = (u64, u64)> + '_ {
    let ranges = value.as_array().into_iter().flatten();
    ranges.map(|r| {
        (
            r[0].as_u64().expect("a sector"),
            r[1].as_u64().expect("a count"),
        )
    })
}

/// Repairs a damaged area and holds what came of it against what is known.
fn judge(folder: &Path, life: &Life, disk: &Disk, truncated: Option<u64>, how: &str) -> Fate {
    let (input, output) = (folder.join("damaged"), folder.join("repaired"));
    let bytes = (truncated.unwrap_or(LEN) * 512) as usize;
    fs::write(&input, &disk.medium[..bytes]).expect("room");
    let _ = fs::remove_file(&output);
    let (input, output) = (
        input.to_str().expect("text"),
        output.to_str().expect("text"),
    );
    let run = remapctl(&["repair", "--json", "-i", input, "-o", output]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(
        fs::read(input).expect("the input") == disk.medium[..bytes],
        "{how}: the input was changed"
    );
    let mut damaged = disk.clone();
    // What is cut off cannot be read.
    damaged.bad_read.extend(truncated.unwrap_or(LEN)..LEN);
    let mut wanted = expect(LEN);
    wanted.writable = false;
    let kernel = found_in(&mut damaged).and_then(|()| open_with(&mut damaged, &wanted).ok());
    let check = remapctl(&["check", "-q", input]).status.code();
    if run.status.code() == Some(1) && !Path::new(output).exists() {
        assert!(
            kernel.is_none(),
            "{how}: the kernel would serve it, and it was not saved: {said}"
        );
        assert!(said.contains("nothing can be saved"), "{how}: {said}");
        assert_eq!(check, Some(1), "{how}");
        return Fate::Nothing;
    }
    let report: Value =
        serde_json::from_slice(&run.stdout).unwrap_or_else(|e| panic!("{how}: {e}: {said}"));
    let complete = report["complete"] == true;
    assert_eq!(
        run.status.code(),
        Some(if complete { 0 } else { 1 }),
        "{how}: {report}"
    );
    let generation = report["generation"].as_u64().expect("a generation");
    let Some(truth) = life.states.get(&generation) else {
        panic!("{how}: no generation {generation} was ever acknowledged: {report}");
    };
    // A log that was closed says where it ends, if its superblock is still there.
    let newest = |disk: &Disk| found(&mut disk.clone(), LEN).ok().map(|f| f.superblock.seq);
    let told = life.closed && newest(disk).is_some() && newest(disk) == newest(&life.disk);
    let lost = report["lost"].as_array().expect("a list");
    if told && complete {
        assert_eq!(generation, life.last, "{how}: {report}");
    }
    let mut repaired = Disk {
        medium: fs::read(output).expect("the output"),
        ..Disk::default()
    };
    let opened =
        open(&mut repaired).unwrap_or_else(|e| panic!("{how}: what was repaired is refused: {e}"));
    assert!(opened.report.clean && opened.report.repaired == 0, "{how}");
    let now = Twin::of(&opened.map);
    if let (Some(kernel), true) = (&kernel, complete) {
        assert_eq!(
            now,
            Twin::of(&kernel.map).without(&report),
            "{how}: the kernel has another map"
        );
    }
    if check == Some(0) && truncated.is_none() {
        assert!(
            kernel.is_some() && complete,
            "{how}: check found nothing wrong: {report}"
        );
    }
    if complete {
        assert_eq!(&now, truth, "{how}: {report}");
    }
    let doubtful: BTreeMap<u64, &str> = report["uncertain_blocks"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|b| {
            (
                b["block"].as_u64().expect("a block"),
                b["treatment"].as_str().expect("a word"),
            )
        })
        .collect();
    let unreadable: BTreeSet<u64> = numbers(&report["unreadable_sectors"])
        .flat_map(|(first, count)| first..first + count)
        .collect();
    let all: BTreeSet<u64> = now.blocks().chain(truth.blocks()).collect();
    for block in all {
        if let Some(treatment) = doubtful.get(&block) {
            if *treatment == "lost" {
                assert_eq!(
                    now.chunks.get(&(block, 0)),
                    Some(&(255, 255, 0)),
                    "{how}: block {block}"
                );
            }
            continue;
        }
        let is = (now.homes.get(&block), now.chunks.get(&(block, 0)).copied());
        let mut was = (
            truth.homes.get(&block),
            truth.chunks.get(&(block, 0)).copied(),
        );
        for bit in (0..8).filter(|bit| unreadable.contains(&(block * 8 + bit))) {
            let (unspared, lost, pending) = was.1.unwrap_or_default();
            let bit = 1 << bit;
            was.1 = Some((unspared | bit, lost | bit, pending & !bit));
        }
        if is == (None, None) {
            let named = |l: &Value| {
                l["what"] != "checkpoint"
                    || (l["first_block"].as_u64() <= Some(block)
                        && Some(block) <= l["last_block"].as_u64())
            };
            assert!(
                lost.iter().any(named),
                "{how}: block {block} is gone, and nothing says so: {report}"
            );
            continue;
        }
        assert_eq!(is, was, "{how}: block {block}: {report}");
        // What it holds came along.
        let Some(&spare) = now.homes.get(&block) else {
            continue;
        };
        let at = plan(LEN).spare_sector(SpareBlock(spare)).expect("inside");
        for bit in (0..8).filter(|bit| (is.1.unwrap_or_default().0 >> bit) & 1 == 0) {
            let range = bit * 512..bit * 512 + 512;
            assert!(
                repaired.bytes(at, 4096)[range.clone()] == data(spare)[range],
                "{how}: block {block}"
            );
        }
    }
    assert!(
        now.bad.is_subset(&truth.bad) || !doubtful.is_empty(),
        "{how}"
    );
    if !doubtful.is_empty() && truncated.is_none() {
        judge_kept(folder, life, how);
    }
    match (kernel.is_some(), complete) {
        (true, _) => Fate::Served,
        (false, true) => Fate::Whole,
        (false, false) => Fate::Part,
    }
}

fn found_in(disk: &mut Disk) -> Option<()> {
    found(disk, LEN).ok().map(|_| ())
}

trait More {
    fn blocks(&self) -> Box<dyn Iterator<Item = u64> + '_>;
    fn without(self, report: &Value) -> Self;
}

impl More for Twin {
    fn blocks(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        Box::new(
            self.homes
                .keys()
                .copied()
                .chain(self.chunks.keys().map(|key| key.0)),
        )
    }

    /// With the sectors lost that could not be read.
    fn without(mut self, report: &Value) -> Twin {
        for (first, count) in numbers(&report["unreadable_sectors"]) {
            for sector in first..first + count {
                let at = self.chunks.entry((sector / 8, 0)).or_default();
                let bit = 1 << (sector % 8);
                *at = (at.0 | bit, at.1 | bit, at.2 & !bit);
            }
        }
        self
    }
}

fn campaign(seeds: std::ops::Range<u64>) -> BTreeMap<Fate, u64> {
    let folder = tempdir().expect("a folder");
    let mut fates = BTreeMap::new();
    for seed in seeds {
        let mut dice = Dice(seed.wrapping_mul(7919));
        let life = live(&mut dice);
        let mut disk = life.disk.clone();
        let times = 1 + dice.below(3);
        let mut how = format!("seed {seed}");
        for _ in 0..times {
            how += &format!(", {}", damage(&mut dice, &life, &mut disk));
        }
        let truncated = dice
            .chance(12)
            .then(|| (LEN / 3 + dice.below(LEN * 2 / 3)) & !7);
        how += &format!(", truncated {truncated:?}");
        *fates
            .entry(judge(folder.path(), &life, &disk, truncated, &how))
            .or_default() += 1;
    }
    fates
}

/// `DM_REMAP_DAMAGES=N` makes N times as many.
#[test]
fn six_hundred_damages_are_told_of_as_they_are() {
    let times = std::env::var("DM_REMAP_DAMAGES").map_or(1, |n| n.parse().expect("a number"));
    let each = 150 * times;
    let workers: Vec<_> = (0..4u64)
        .map(|n| std::thread::spawn(move || campaign(n * each..(n + 1) * each)))
        .collect();
    let mut all = BTreeMap::new();
    for worker in workers {
        for (fate, count) in worker.join().expect("all is well") {
            *all.entry(fate).or_insert(0) += count;
        }
    }
    eprintln!("{all:?}");
    assert_eq!(all.values().sum::<u64>(), 4 * each);
    // Each of them is met often enough to say something.
    for fate in [Fate::Served, Fate::Whole, Fate::Part, Fate::Nothing] {
        assert!(all.get(&fate).is_some_and(|&n| n >= 10), "{all:?}");
    }
}
