// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl repair` where a part of a checkpoint is gone from both copies, and what the older half of the log is worth then.

mod cli_lab;
mod core_format_lab;

use std::{collections::BTreeSet, fs};

use cli_lab::{remapctl, text};
use core_format_lab::{
    drive::Power,
    formatted, open, open_with,
    rot::{at, driver, lived, remap, spoil, Rot},
    twin::Twin,
    Disk, LEN,
};
use dm_remap_core::{
    layout::{CopyId, Half},
    record::{ChunkState, Record},
    units::Block,
};
use serde_json::Value;
use tempfile::tempdir;

/// Thirty blocks, a checkpoint in the second half, and two more blocks.
fn area() -> (Disk, Twin) {
    let mut disk = lived(30);
    let mut driver = driver(&mut disk);
    let power = &mut Power::default();
    assert_eq!(driver.checkpoint(&mut disk, power), Ok(()));
    for n in [30, 31] {
        assert_eq!(driver.commit(&mut disk, power, &[remap(n)]), Ok(()));
    }
    assert_eq!(driver.close(&mut disk, power), Ok(true));
    let twin = Twin::of(&driver.map);
    assert_eq!(twin.homes.len(), 32);
    (disk, twin)
}

fn spoil_both(disk: &mut Disk, half: Half, index: u32) {
    for copy in CopyId::BOTH {
        spoil(disk, at(copy, half, index), Rot::Noise);
    }
}

/// Repairs it: what is said, and the map that came of it.
fn repair(disk: &Disk) -> (Value, Twin) {
    let folder = tempdir().expect("a folder");
    let name = |file: &str| {
        let path = folder.path().join(file);
        path.to_str().expect("letters").to_owned()
    };
    fs::write(name("damaged"), &disk.medium).expect("room");
    let run = remapctl(&[
        "repair",
        "--json",
        "-i",
        &name("damaged"),
        "-o",
        &name("new"),
    ]);
    let report = serde_json::from_slice::<Value>(&run.stdout);
    let report = report.unwrap_or_else(|e| panic!("{e}: {}", text(&run.stderr)));
    let code = i32::from(report["complete"] != true);
    assert_eq!(run.status.code(), Some(code), "{report}");
    let mut new = Disk {
        medium: fs::read(name("new")).expect("a new area"),
        ..Disk::default()
    };
    let opened = open(&mut new).unwrap_or_else(|e| panic!("{e}"));
    (report, Twin::of(&opened.map))
}

fn refused(disk: &Disk) -> bool {
    open_with(&mut disk.clone(), &core_format_lab::expect(LEN)).is_err()
}

#[test]
fn the_older_half_stands_in_for_a_checkpoint_that_names_its_end() {
    let (mut disk, twin) = area();
    // The checkpoint is one block: with it goes the word of what came before, but for its generation.
    spoil_both(&mut disk, Half::Second, 0);
    assert!(refused(&disk));
    let (report, now) = repair(&disk);
    assert_eq!(report["complete"], true, "{report}");
    assert_eq!(
        report["notes"].as_array().map(Vec::len),
        Some(1),
        "{report}"
    );
    assert!(now == twin, "{report}");
}

#[test]
fn an_older_half_that_lacks_its_end_is_stale() {
    let (mut disk, twin) = area();
    spoil_both(&mut disk, Half::Second, 0);
    // Block 30 of the first half holds the thirtieth commit.
    spoil_both(&mut disk, Half::First, 30);
    assert!(refused(&disk));
    let (report, now) = repair(&disk);
    assert_eq!(report["complete"], false, "{report}");
    // What came behind the checkpoint is sure; the rest is told, and reads as an error.
    let uncertain = report["uncertain_blocks"].as_array().expect("a list");
    let uncertain: BTreeSet<u64> = uncertain
        .iter()
        .map(|b| b["block"].as_u64().expect("a block"))
        .collect();
    assert_eq!(uncertain.len(), 31, "{report}");
    for (block, spare) in &twin.homes {
        let states = now.chunks.get(&(*block, 0));
        match uncertain.contains(block) {
            true => assert_eq!(states, Some(&(255, 255, 0)), "{block}"),
            false if *block == 29 * 5 => assert_eq!(now.homes.get(block), None),
            false => assert_eq!((now.homes.get(block), states), (Some(spare), None)),
        }
    }
    let lost = &report["lost"][0];
    assert_eq!(lost["what"], "checkpoint", "{report}");
    assert_eq!(
        (&lost["first_index"], &lost["last_index"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn a_commit_that_is_gone_leaves_what_was_stated_after_it() {
    let (mut disk, twin) = area();
    spoil_both(&mut disk, Half::Second, 1);
    assert!(refused(&disk));
    let (report, now) = repair(&disk);
    let lost = &report["lost"][0];
    assert_eq!(
        (&lost["what"], &lost["first_index"]),
        (&"commits".into(), &1.into()),
        "{report}"
    );
    // The last commit moved block 155; whether the one before it had said something of its sectors, nobody knows.
    assert_eq!(now.homes.get(&155), twin.homes.get(&155));
    assert_eq!(now.homes.get(&150), None);
    assert_eq!(
        report["uncertain_blocks"].as_array().map(Vec::len),
        Some(31),
        "{report}"
    );
}

#[test]
fn a_block_that_a_later_session_made_void_is_not_taken() {
    let mut before = formatted(LEN);
    let power = &mut Power::default();
    let mut first = driver(&mut before);
    for n in 0..10 {
        assert_eq!(first.commit(&mut before, power, &[remap(n)]), Ok(()));
    }
    // A commit that was never seen again, until now.
    let mut other = before.clone();
    assert_eq!(first.commit(&mut other, power, &[remap(50)]), Ok(()));
    let mut disk = before.clone();
    let mut driver = driver(&mut disk);
    for n in [51, 52] {
        assert_eq!(driver.commit(&mut disk, power, &[remap(n)]), Ok(()));
    }
    assert_eq!(driver.close(&mut disk, power), Ok(true));
    let place = at(CopyId::B, Half::First, 11);
    let void = other.bytes(place, 4096).to_vec();
    disk.bytes_mut(place, 4096).copy_from_slice(&void);
    for (copy, index) in [(CopyId::A, 11), (CopyId::A, 12), (CopyId::B, 12)] {
        spoil(&mut disk, at(copy, Half::First, index), Rot::Zeros);
    }
    assert!(refused(&disk));
    let (report, now) = repair(&disk);
    assert_eq!(now.homes.get(&250), None, "{report}");
    assert_eq!(report["lost"][0]["what"], "end", "{report}");
    assert_eq!(
        report["uncertain_blocks"].as_array().map(Vec::len),
        Some(10),
        "{report}"
    );
}

#[test]
fn under_a_superblock_that_is_too_old_the_last_commit_is_uncertain() {
    let before = lived(10);
    let mut disk = before.clone();
    let mut driver = driver(&mut disk);
    let power = &mut Power::default();
    for n in [20, 21] {
        assert_eq!(driver.commit(&mut disk, power, &[remap(n)]), Ok(()));
    }
    let places = core_format_lab::plan(LEN).places();
    for &place in places.as_slice() {
        let old = before.bytes(place, 4096).to_vec();
        disk.bytes_mut(place, 4096).copy_from_slice(&old);
    }
    assert!(refused(&disk));
    let (report, now) = repair(&disk);
    let uncertain = report["uncertain_blocks"].as_array().expect("a list");
    assert_eq!(uncertain.len(), 1, "{report}");
    assert_eq!(uncertain[0]["block"], 105, "{report}");
    assert_eq!(now.homes.len(), 12);
    assert_eq!(now.chunks.len(), 1);
}

#[test]
fn a_block_that_two_blocks_of_a_checkpoint_tell_of_is_uncertain_with_one_of_them() {
    let mut disk = formatted(LEN);
    let mut driver = driver(&mut disk);
    let power = &mut Power::default();
    // Four units each: the 63rd has its home at the end of one block and its sectors in the next.
    for first in [0, 40] {
        let batch: Vec<Record> = (first..first + 40)
            .flat_map(|n| {
                let state = ChunkState::PLAIN.with_unspared(0x18);
                let block = Block(n * 5);
                [
                    remap(n),
                    Record::Sectors {
                        block,
                        chunk: 0,
                        state,
                    },
                ]
            })
            .collect();
        assert_eq!(driver.commit(&mut disk, power, &batch), Ok(()));
    }
    assert_eq!(driver.checkpoint(&mut disk, power), Ok(()));
    // All that there is to say of this block is said behind what is lost.
    let state = ChunkState::PLAIN.with_unspared(1);
    let block = Block(500);
    let sectors = Record::Sectors {
        block,
        chunk: 0,
        state,
    };
    let last = [remap(100), sectors];
    assert_eq!(driver.commit(&mut disk, power, &last), Ok(()));
    assert_eq!(driver.close(&mut disk, power), Ok(true));
    spoil_both(&mut disk, Half::Second, 1);
    // Nor is there word of it from before.
    (0..3).for_each(|index| spoil_both(&mut disk, Half::First, index));
    let (report, now) = repair(&disk);
    let lost = &report["lost"][0];
    assert_eq!(
        (&lost["what"], &lost["first_block"]),
        (&"checkpoint".into(), &310.into()),
        "{report}"
    );
    assert_eq!(now.chunks.get(&(310, 0)), Some(&(255, 255, 0)), "{report}");
    assert_eq!(now.chunks.get(&(305, 0)), Some(&(0x18, 0, 0)), "{report}");
    assert_eq!(now.chunks.get(&(500, 0)), Some(&(1, 0, 0)), "{report}");
    assert_eq!(now.homes.len(), 64);
    assert_eq!(
        report["uncertain_blocks"].as_array().map(Vec::len),
        Some(1),
        "{report}"
    );
}

/// An area that two have written apart from each other, each from the same state on: of the one there is copy A of the log, of
/// the other copy B. `more` says how many blocks the first one has moved since.
fn written_apart(more: u64) -> Disk {
    let (mut disk, _) = area();
    let mut other = disk.clone();
    let power = &mut Power::default();
    for (disk, block) in [(&mut disk, 40), (&mut other, 50)] {
        let mut driver = driver(disk);
        // Both say the same of this one.
        assert_eq!(
            driver.commit(disk, power, &[remap(39), remap(block)]),
            Ok(())
        );
        for n in 0..more.min(50 - block) {
            assert_eq!(driver.commit(disk, power, &[remap(60 + n)]), Ok(()));
        }
    }
    for index in 0..5 {
        let place = at(CopyId::B, Half::Second, index);
        let block = other.bytes(place, 4096).to_vec();
        disk.bytes_mut(place, 4096).copy_from_slice(&block);
    }
    disk
}

#[test]
fn two_blocks_of_one_commit_are_told_and_what_only_one_says_is_uncertain() {
    for more in [0, 3] {
        let disk = written_apart(more);
        // The kernel goes by copy A, and cannot know.
        assert!(!refused(&disk));
        let folder = tempdir().expect("a folder");
        let file = folder.path().join("area");
        fs::write(&file, &disk.medium).expect("room");
        let run = remapctl(&["check", "--json", file.to_str().expect("letters")]);
        assert_eq!(run.status.code(), Some(1));
        let said: Value = serde_json::from_slice(&run.stdout).expect("a document");
        assert_eq!(said["verdict"], "lost", "{said}");
        let told = "half 1, block 3: copy B has another block of generation 35 than the other copy";
        assert!(said.to_string().contains(told), "{said}");
        let (report, now) = repair(&disk);
        assert_eq!(report["complete"], false, "{report}");
        // What both say is sure; what the one says is not, and what the other one says is told.
        assert_eq!(now.homes.get(&195), Some(&39), "{report}");
        assert_eq!(now.chunks.get(&(195, 0)), None, "{report}");
        assert_eq!(report["uncertain_blocks"][0]["block"], 200, "{report}");
        assert_eq!(now.chunks.get(&(200, 0)), Some(&(255, 255, 0)), "{report}");
        let lost = &report["lost"][0];
        assert_eq!(
            (&lost["what"], &lost["first_index"], &lost["first_block"]),
            (&"twin".into(), &3.into(), &250.into()),
            "{report}"
        );
        assert_eq!(now.homes.get(&250), None);
        let behind = (60..60 + more).map(|n| now.homes.contains_key(&(n * 5)));
        assert_eq!(behind.filter(|there| *there).count() as u64, more);
    }
}
