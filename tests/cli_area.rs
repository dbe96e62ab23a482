// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl check`, `dump` and `restore` on areas in image files.

mod cli_lab;
mod core_format_lab;

use std::{
    fs,
    path::{Path, PathBuf},
};

use cli_lab::{remapctl, text};
use core_format_lab::{
    drive::{Driver, Fate, Power},
    formatted,
    life::{data, live},
    open, plan,
    rot::{at, lived, spoil, Rot},
    twin::{Dice, Twin},
    Disk, LEN,
};
use dm_remap_core::{
    layout::{CopyId, Half},
    record::Record,
    units::{Block, SpareBlock},
};
use serde_json::Value;
use tempfile::{tempdir, TempDir};

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, disk: &Disk) -> String {
        let path = self.path(name);
        fs::write(&path, &disk.medium).expect("room");
        string(&path)
    }

    /// The name of a file that is not there.
    fn none(&self, name: &str) -> String {
        let path = self.path(name);
        let _ = fs::remove_file(&path);
        string(&path)
    }
}

fn string(path: &Path) -> String {
    path.to_str().expect("a path of letters").to_owned()
}

/// Runs it; gives what it says on both, and the code.
fn says(args: &[&str]) -> (String, i32) {
    let run = remapctl(args);
    let said = text(&run.stdout).to_owned() + text(&run.stderr);
    (said, run.status.code().expect("it was not killed"))
}

fn json(args: &[&str]) -> (Value, i32) {
    let (said, code) = says(&[&["--json"][..], args].concat());
    let value = serde_json::from_str(&said);
    (value.unwrap_or_else(|e| panic!("{e}: {said}")), code)
}

/// The findings of `check` as pairs of severity and text, and its verdict.
fn check(path: &str) -> (Vec<(String, String)>, String) {
    let before = fs::read(path).expect("it is there");
    let (value, code) = json(&["check", path]);
    assert!(
        fs::read(path).expect("it is there") == before,
        "check wrote"
    );
    let verdict = value["verdict"].as_str().expect("a verdict").to_owned();
    assert_eq!(code, i32::from(verdict != "good"), "{value}");
    assert_eq!(says(&["check", "--quiet", path]), (String::new(), code));
    let word = |f: &Value, key: &str| f[key].as_str().expect("a word").to_owned();
    let findings = value["findings"].as_array().expect("a list").iter();
    let pairs = findings.map(|f| (word(f, "severity"), word(f, "text")));
    (pairs.collect(), verdict)
}

#[test]
fn a_dump_restored_and_dumped_again_is_the_same_to_the_byte() {
    let folder = Folder::new();
    for seed in 0..20 {
        let life = live(&mut Dice(seed));
        let area = folder.put("area", &life.disk);
        let (first, second) = (folder.none("first"), folder.none("second"));
        let copy = folder.none("copy");
        assert_eq!(
            says(&["dump", "--json", &area, "-o", &first]).1,
            0,
            "{seed}"
        );
        let (said, code) = says(&["restore", "-i", &first, "-o", &copy, "--data-from", &area]);
        assert_eq!(code, 0, "{seed}: {said}");
        assert_eq!(check(&copy), (Vec::new(), "good".to_owned()), "{seed}");
        assert_eq!(
            says(&["dump", "--json", &copy, "-o", &second]).1,
            0,
            "{seed}"
        );
        assert_eq!(
            text(&fs::read(first).expect("a dump")),
            text(&fs::read(second).expect("a dump")),
            "{seed}"
        );
        // The kernel's code has the same map of it, and the data came along.
        let mut disk = Disk {
            medium: fs::read(&copy).expect("the copy"),
            ..Disk::default()
        };
        let opened = open(&mut disk).unwrap_or_else(|e| panic!("{seed}: {e}"));
        let twin = Twin::of(&opened.map);
        let kernel = open(&mut life.disk.clone()).unwrap_or_else(|e| panic!("{seed}: {e}"));
        assert!(twin == Twin::of(&kernel.map), "{seed}");
        for &spare in twin.homes.values() {
            let at = plan(LEN).spare_sector(SpareBlock(spare)).expect("inside");
            assert!(disk.bytes(at, 4096) == data(spare), "{seed}");
        }
        assert!(opened.report.clean && !opened.report.moved, "{seed}");
    }
}

#[test]
fn restore_takes_a_blank_area_and_one_that_was_named_and_no_other() {
    let folder = Folder::new();
    let life = live(&mut Dice(4));
    let area = folder.put("area", &life.disk);
    let dump = folder.none("dump");
    assert_eq!(says(&["dump", "--json", &area, "-o", &dump]).1, 0);
    let here = ["restore", "--data-in-place", "-i", &dump];
    let to = |path: &str, more: &[&str]| says(&[&here[..], &["-o", path], more].concat());
    let blank = folder.put("blank", &Disk::new(LEN));
    assert_eq!(to(&blank, &[]).1, 0);
    // It is an area now.
    let (said, code) = to(&blank, &[]);
    assert_eq!(code, 1);
    assert!(
        said.contains("the area is not blank: area 10325476-98ba-dcfe-4645-444342413938 is there (--replace with that UUID writes"),
        "{said}"
    );
    // Of what it has not itself a command does not speak.
    let (said, code) = says(&["repair", "-i", &area, "-o", &blank]);
    assert_eq!(code, 1);
    assert!(
        said.contains(" is there") && !said.contains("--replace"),
        "{said}"
    );
    let other = "00000000-0000-0000-0000-000000000001";
    let before = fs::read(&blank).expect("it is there");
    let (said, code) = to(&blank, &["--replace", other]);
    assert_eq!(
        (code, said.contains("it is not to be replaced")),
        (1, true),
        "{said}"
    );
    assert!(fs::read(&blank).expect("it is there") == before);
    let uuid = "10325476-98ba-dcfe-4645-444342413938";
    // In place, over the area that it came from: what the spare blocks hold stays.
    assert_eq!(to(&area, &["--replace", uuid]).1, 0);
    let after = fs::read(&area).expect("it is there");
    let spare = plan(LEN).spare_sector(SpareBlock(7)).expect("inside").0 as usize * 512;
    assert!(after[spare..spare + 4096] == data(7));
    let again = folder.none("again");
    assert_eq!(says(&["dump", "--json", &area, "-o", &again]).1, 0);
    assert!(fs::read(dump.as_str()).expect("a dump") == fs::read(again).expect("a dump"));
    // It is gone when that fails on its way, and it is said.
    let small = folder.put("small", &Disk::new(64));
    let from = ["restore", "-i", &dump, "--data-from", &small];
    let (said, code) = says(&[&from[..], &["-o", &area, "--replace", uuid]].concat());
    let gone = said.contains("and the area that was to be replaced is gone");
    assert_eq!((code, gone), (1, true), "{said}");
    assert_eq!(to(&area, &[]).1, 0);
    // One byte where metadata goes, and it is not blank.
    let mut dirty = Disk::new(LEN);
    dirty.medium[at(CopyId::B, Half::Second, 60).0 as usize * 512 + 77] = 1;
    let dirty = folder.put("dirty", &dirty);
    let (said, code) = to(&dirty, &[]);
    assert_eq!(
        (code, said.contains("data where metadata would go")),
        (1, true),
        "{said}"
    );
}

#[test]
fn check_says_what_is_bad_where_and_which_copy_would_serve() {
    let folder = Folder::new();
    let good = lived(40);
    let path = folder.put("good", &good);
    assert_eq!(check(&path), (Vec::new(), "good".to_owned()));
    for rot in [Rot::Zeros, Rot::OneBit, Rot::Noise] {
        let mut disk = good.clone();
        spoil(&mut disk, at(CopyId::B, Half::First, 7), rot);
        let path = folder.put("one", &disk);
        let (findings, verdict) = check(&path);
        assert_eq!(verdict, "damaged", "{findings:?}");
        let [(severity, said)] = &findings[..] else {
            panic!("{findings:?}");
        };
        assert_eq!(severity, "damage");
        let what = if matches!(rot, Rot::Zeros) {
            "zeros, or an older block"
        } else {
            "checksum is wrong"
        };
        let wanted = format!("copy B of the log, half 0, block 7: {what}; the other copy has it");
        assert_eq!(said, &wanted);
        let (value, _) = json(&["check", &path]);
        assert_eq!(
            value["findings"][0]["sector"],
            at(CopyId::B, Half::First, 7).0
        );
        let serve = |n: usize| value["log_copies"][n]["serves_alone"] == true;
        assert_eq!((serve(0), serve(1)), (true, false), "{value}");
        let (said, _) = says(&["check", &path]);
        assert!(
            said.contains(
                "copy A of the log: would serve alone\ncopy B of the log: would not serve alone: "
            ),
            "{said}"
        );
        // The same block of the other copy: nothing serves.
        spoil(&mut disk, at(CopyId::A, Half::First, 7), rot);
        let (findings, verdict) = check(&folder.put("two", &disk));
        assert_eq!(verdict, "refused");
        let reason = (
            "loss".to_owned(),
            "log of the spare area is damaged in both copies: half 0, block 7".to_owned(),
        );
        assert!(findings.contains(&reason), "{findings:?}");
    }
    let mut disk = good.clone();
    let places = plan(LEN).places();
    spoil(&mut disk, places.as_slice()[1], Rot::OneBit);
    let (findings, verdict) = check(&folder.put("place", &disk));
    assert_eq!(verdict, "damaged");
    assert_eq!(
        findings[0].1,
        "superblock 1: no superblock, or its checksum is wrong"
    );
    spoil(&mut disk, places.as_slice()[0], Rot::Zeros);
    assert_eq!(check(&folder.put("places", &disk)).1, "refused");
    // Where no area is, nobody is sent to repair.
    let (said, code) = says(&["check", &folder.put("blank", &Disk::new(LEN))]);
    assert_eq!(code, 1);
    assert!(
        said.contains("Is it the right device, and the right --offset?")
            && !said.contains("repair"),
        "{said}"
    );
    // An image of health that is not whole is a write that was cut off; two of them are damage.
    let layout = plan(LEN);
    let slots = [0, layout.health_blocks() / 2].map(|n| layout.health_sector(n).expect("inside"));
    let mut disk = good.clone();
    spoil(&mut disk, slots[0], Rot::Noise);
    let (findings, verdict) = check(&folder.put("health", &disk));
    assert_eq!(
        (verdict.as_str(), findings[0].0.as_str()),
        ("good", "note"),
        "{findings:?}"
    );
    spoil(&mut disk, slots[1], Rot::Noise);
    let (findings, verdict) = check(&folder.put("health", &disk));
    assert_eq!(
        (verdict.as_str(), findings.len()),
        ("damaged", 2),
        "{findings:?}"
    );
    // The end is cut off.
    let mut disk = good.clone();
    disk.medium.truncate((LEN - 8) as usize * 512);
    let (findings, verdict) = check(&folder.put("short", &disk));
    assert_eq!(verdict, "refused");
    assert!(
        findings
            .iter()
            .any(|f| f.1 == "the area has 6144 sectors, and 6136 are there"),
        "{findings:?}"
    );
}

#[test]
fn what_a_power_cut_leaves_is_no_damage() {
    let folder = Folder::new();
    let mut noted = 0;
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut disk = live(&mut dice).disk;
        for _ in 0..1 + dice.below(2) {
            let opened = open(&mut disk).unwrap_or_else(|e| panic!("{seed}: {e}"));
            let mut driver = Driver::new(opened.map, opened.writer);
            let bits = dice.roll() as u8;
            let fates = vec![
                [Fate::Nothing, Fate::Whole, Fate::Torn(bits)][dice.below(3) as usize],
                [Fate::Nothing, Fate::Whole, Fate::Torn(!bits)][dice.below(3) as usize],
            ];
            let rounds = Some(dice.below(12));
            let mut power = Power {
                rounds,
                fates,
                log: Vec::new(),
            };
            let mut twin = Twin::of(&driver.map);
            loop {
                let batch = twin.change(&mut dice, 125_000, plan(LEN).spare_count());
                let units: u64 = batch.iter().map(dm_remap_core::log::units_of).sum();
                if batch.is_empty() || units > 251 {
                    continue;
                }
                let end = match dice.below(6) {
                    0 => driver.checkpoint(&mut disk, &mut power),
                    _ => driver.commit(&mut disk, &mut power, &batch),
                };
                if end.is_err()
                    || power.rounds == Some(0) && driver.close(&mut disk, &mut power).is_err()
                {
                    break;
                }
                twin = Twin::of(&driver.map);
            }
        }
        let (findings, verdict) = check(&folder.put("cut", &disk));
        assert_eq!(verdict, "good", "{seed}: {findings:?}");
        noted += usize::from(!findings.is_empty());
    }
    assert!(noted >= 10, "{noted}");
}

#[test]
fn a_dump_in_words_has_all_of_it() {
    let folder = Folder::new();
    let mut disk = lived(3);
    let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    let mut driver = Driver::new(opened.map, opened.writer);
    let state = dm_remap_core::record::ChunkState::new(0x0f, 0x03, 0x10).expect("a subset");
    let pending = dm_remap_core::record::ChunkState::PLAIN.with_pending(0x81);
    let of = |block, state| Record::Sectors {
        block: Block(block),
        chunk: 0,
        state,
    };
    let batch = [
        of(5, state),
        of(1, pending),
        Record::Unmap { block: Block(10) },
        Record::BadSpare {
            spare: SpareBlock(2),
        },
    ];
    assert_eq!(
        driver.commit(&mut disk, &mut Power::default(), &batch),
        Ok(())
    );
    let (said, code) = says(&["dump", &folder.put("area", &disk)]);
    assert_eq!(code, 0);
    let sector = |spare| plan(LEN).spare_sector(SpareBlock(spare)).expect("inside").0;
    for line in [
        "area           10325476-98ba-dcfe-4645-444342413938".to_owned(),
        "target         1000003 sectors, from sector 2048 of main on".to_owned(),
        format!("0 to 7: on spare block 0, sector {} of the area", sector(0)),
        "8 to 15: on main; pending: 8, 15".to_owned(),
        format!("40 to 47: on spare block 1, sector {} of the area; only on main: 42 to 43; lost: 40 to 41; pending: 44", sector(1)),
        format!("spare block 2, sector {} of the area: failed", sector(2)),
    ] {
        assert!(said.lines().any(|said| said == line), "{line} in\n{said}");
    }
}

#[test]
fn what_is_recorded_of_a_blank_format_comes_back() {
    let folder = Folder::new();
    let area = folder.put("area", &formatted(LEN));
    let (value, code) = json(&["dump", &area]);
    assert_eq!(code, 0);
    assert_eq!(value["schema"], "dm-remap/dump/1");
    assert_eq!(value["area"]["main"]["start_sectors"], 2048);
    assert_eq!(
        value["area"]["main"]["identities"][2]["bytes"],
        "0fc63daf848347728e793d69d8477de4"
    );
    assert_eq!(
        (&value["blocks"], &value["spare_failed"]),
        (&Value::Array(vec![]), &Value::Array(vec![]))
    );
    // Nothing is remapped: no word of data is needed.
    let dump = folder.path("dump");
    fs::write(&dump, value.to_string()).expect("room");
    let copy = folder.none("copy");
    assert_eq!(
        says(&["restore", "-q", "-i", &string(&dump), "-o", &copy]),
        (String::new(), 0)
    );
    assert_eq!(json(&["dump", &copy]).0, value);
}
