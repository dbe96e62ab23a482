// SPDX-License-Identifier: GPL-2.0-only

//! What the commands for spare areas say to bad input, one row each: the exit code, and a part of the one line. Nothing
//! that was there is changed by any of them, and nothing is left behind.

mod cli_lab;
mod core_format_lab;

use std::{collections::BTreeMap, fs, path::Path};

use cli_lab::{remapctl, text};
use core_format_lab::{
    life::live,
    rot::{at, lived, spoil, Rot},
    twin::Dice,
    Disk, LEN,
};
use dm_remap_core::layout::{CopyId, Half};
use tempfile::tempdir;

/// All files of a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        fs::read(entry.path()).ok().map(|bytes| (name, bytes))
    };
    entries.filter_map(file).collect()
}

#[test]
fn bad_input_is_one_line_a_code_and_no_change() {
    let folder = tempdir().expect("a folder");
    let folder = folder.path();
    let put = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).expect("room");
    put("area", &live(&mut Dice(4)).disk.medium);
    let mut damaged = lived(20);
    for copy in CopyId::BOTH {
        spoil(&mut damaged, at(copy, Half::First, 5), Rot::Noise);
    }
    put("damaged", &damaged.medium);
    put("blank", &Disk::new(LEN).medium);
    put("small", &Disk::new(LEN - 8).medium);
    put("empty", b"");
    put("text", b"a text");
    fs::create_dir(folder.join("folder")).expect("room");
    let name = |file: &str| folder.join(file).to_str().expect("letters").to_owned();
    let dump = remapctl(&["--json", "dump", &name("area")]);
    let whole = text(&dump.stdout).to_owned();
    put("dump", whole.as_bytes());
    put("half-dump", &whole.as_bytes()[..whole.len() / 2]);
    put("other-schema", whole.replace("dump/1", "dump/2").as_bytes());
    let twice = whole.replace("\"spare_failed\":[", "\"spare_failed\":[9999999,");
    put("past-the-end", twice.replace(",]", "]").as_bytes());
    let before = files(folder);
    let rows: &[(&[&str], i32, &str)] = &[
        (
            &["check", "--offset", "one", "@area"],
            2,
            "invalid value 'one' for '--offset",
        ),
        (
            &["check", "--length", "1k", "@area"],
            2,
            "invalid value '1k' for '--length",
        ),
        (
            &[
                "restore",
                "-i",
                "@dump",
                "-o",
                "@new",
                "--data-in-place",
                "--data-from",
                "@area",
            ],
            2,
            "cannot be used with",
        ),
        (&["check", "@nowhere"], 1, "cannot open"),
        (&["dump", "@nowhere"], 1, "cannot open"),
        (
            &["repair", "-i", "@nowhere", "-o", "@new"],
            1,
            "cannot open",
        ),
        (
            &["restore", "-i", "@nowhere", "-o", "@new"],
            1,
            "cannot read",
        ),
        (
            &["check", "/dev/null"],
            1,
            "neither a block device nor an image file",
        ),
        (
            &["check", "@folder"],
            1,
            "neither a block device nor an image file",
        ),
        (
            &["repair", "-i", "@area", "-o", "/dev/full"],
            1,
            "neither a block device nor an image file",
        ),
        (&["check", "@empty"], 1, "past the end"),
        (
            &["check", "--offset", "6144", "@area"],
            1,
            "past the end of",
        ),
        (
            &["check", "--length", "0", "@area"],
            1,
            "an area of no sectors",
        ),
        (&["check", "-q", "@blank"], 1, ""),
        (&["check", "-q", "@damaged"], 1, ""),
        (&["dump", "@blank"], 1, "has no map that can be served"),
        (
            &["dump", "@damaged"],
            1,
            "log of the spare area is damaged in both copies: half 0, block 5",
        ),
        (
            &["dump", "@damaged", "-o", "@new"],
            1,
            "remapctl repair saves what can be saved",
        ),
        (&["dump", "@area", "-o", "@nowhere/dump"], 1, "cannot write"),
        (
            &["dump", "@area", "-o", "/dev/full"],
            1,
            "No space left on device",
        ),
        (&["dump", "@area", "-o", "@area"], 1, "is the area itself"),
        (&["restore", "-i", "@text", "-o", "@new"], 1, "as a dump"),
        (
            &["restore", "-i", "@half-dump", "-o", "@new"],
            1,
            "as a dump",
        ),
        (
            &["restore", "-i", "@other-schema", "-o", "@new"],
            1,
            "its schema is \"dm-remap/dump/2\"",
        ),
        (
            &["restore", "-i", "@past-the-end", "-o", "@new"],
            1,
            "spare block 9999999",
        ),
        (
            &["restore", "-i", "@dump", "-o", "@new"],
            1,
            "say --data-in-place or --data-from",
        ),
        (
            &["restore", "-i", "@dump", "-o", "@area", "--data-in-place"],
            1,
            "the area is not blank",
        ),
        (
            &["restore", "-i", "@dump", "-o", "@small", "--data-in-place"],
            1,
            "ends 8 sectors before the area does",
        ),
        (
            &[
                "restore",
                "-i",
                "@dump",
                "-o",
                "@blank",
                "--offset",
                "8",
                "--data-in-place",
            ],
            1,
            "ends 8 sectors",
        ),
        (
            &[
                "restore",
                "-i",
                "@dump",
                "-o",
                "@new",
                "--data-in-place",
                "--replace",
                "uuid",
            ],
            1,
            "uuid is no UUID",
        ),
        (
            &[
                "restore",
                "-i",
                "@dump",
                "-o",
                "@nowhere/new",
                "--data-in-place",
            ],
            1,
            "cannot write",
        ),
        (
            &[
                "restore",
                "-i",
                "@dump",
                "-o",
                "@new",
                "--data-from",
                "@nowhere",
            ],
            1,
            "cannot open",
        ),
        (
            &[
                "restore",
                "-i",
                "@dump",
                "-o",
                "@new",
                "--data-from",
                "@empty",
            ],
            1,
            "past the end",
        ),
        (
            &[
                "restore",
                "-i",
                "@dump",
                "-o",
                "@new",
                "--data-from",
                "@blank",
                "--data-offset",
                "6000",
            ],
            1,
            "cannot be read where the spare blocks are copied from",
        ),
        (
            &[
                "restore",
                "-i",
                "@dump",
                "-o",
                "@blank",
                "--data-from",
                "@small",
                "--data-offset",
                "6000",
            ],
            1,
            "what was written is zeros again",
        ),
        (
            &["repair", "-i", "@area", "-o", "@area"],
            1,
            "the area is not blank",
        ),
        (
            &["repair", "-i", "@damaged", "-o", "@area"],
            1,
            "the area is not blank",
        ),
        (
            &["repair", "-i", "@damaged", "-o", "@text"],
            1,
            "past the end",
        ),
        (
            &["repair", "-i", "@blank", "-o", "@new"],
            1,
            "nothing can be saved: no superblock is left",
        ),
        (
            &["repair", "-i", "@area", "-o", "@nowhere/new"],
            1,
            "cannot write",
        ),
    ];
    for (words, code, said) in rows {
        let words: Vec<String> = words
            .iter()
            .map(|word| {
                word.strip_prefix('@')
                    .map_or_else(|| (*word).to_owned(), name)
            })
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        for json in [false, true] {
            let args = match json {
                true => [&["--json"][..], &words].concat(),
                false => words.clone(),
            };
            let run = remapctl(&args);
            let errors = text(&run.stderr);
            assert_eq!(run.status.code(), Some(*code), "{args:?}: {errors}");
            assert!(run.stdout.is_empty(), "{args:?}: {}", text(&run.stdout));
            if said.is_empty() {
                assert_eq!(errors, "", "{args:?}");
            } else {
                assert!(json || errors.contains(said), "{args:?}: {errors}");
                assert!(
                    json || errors.starts_with("remapctl: "),
                    "{args:?}: {errors}"
                );
                assert_eq!(errors.lines().count(), 1, "{args:?}: {errors}");
                let document = serde_json::from_str::<serde_json::Value>(errors);
                assert_eq!(
                    document.is_ok_and(|d| d["error"].is_string()),
                    json,
                    "{args:?}: {errors}"
                );
            }
            assert!(files(folder) == before, "{args:?} changed something");
        }
    }
}

#[test]
fn help_of_each_has_its_exit_codes() {
    for command in ["check", "dump", "restore", "repair"] {
        let run = remapctl(&[command, "--help"]);
        assert_eq!(run.status.code(), Some(0));
        let said = text(&run.stdout);
        assert!(said.contains("Exit codes:\n  0  "), "{said}");
        assert!(said.contains("Usage: remapctl "), "{said}");
    }
}
