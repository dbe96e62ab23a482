// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl import`: what a list says is what would be marked, and a list with something wrong in it changes nothing.
//!
//! A recording cannot be changed, so this is with `--dry-run`. The sending has tests of its own beside it.

mod cli_lab;

use std::{fs, io::Write, process::Stdio};

use cli_lab::{is_refused, text, Recording};
use proptest::prelude::*;
use tempfile::TempDir;

/// The length of the device: its last block is cut short.
const SIZE: u64 = 80_005;

/// `safe`, with these pending runs.
fn device(pending: &[(u64, u64)]) -> Recording {
    let recording = Recording::of_one();
    let size = format!("0 {SIZE}");
    recording.change("dm/safe/table", "0 209715200", &size);
    let count: u64 = pending.iter().map(|run| run.1).sum();
    recording.status("0/238520 0 0", &format!("0/238520 {count} 0"));
    let lines: Vec<String> = pending
        .iter()
        .map(|(first, len)| format!("{first} {len} pending"))
        .collect();
    let list = "dm/safe/messages/list-pending-from-0";
    recording.put(list, &lines.join("\n"));
    recording
}

/// A device, and a folder for lists.
struct Lab {
    recording: Recording,
    folder: TempDir,
}

impl Lab {
    fn new() -> Self {
        Lab {
            recording: device(&[]),
            folder: TempDir::new().expect("a folder"),
        }
    }

    fn list(&self, content: &[u8]) -> String {
        let path = self.folder.path().join("list");
        fs::write(&path, content).expect("a file");
        path.to_str().expect("letters").to_owned()
    }

    /// What would be marked, or what was said.
    fn marks(&self, args: &[&str], content: &[u8]) -> Result<Vec<(u64, u64)>, String> {
        let list = self.list(content);
        let format = [
            &["--json", "import", args[0], "safe", &list, "--dry-run"],
            &args[1..],
        ];
        let run = self.recording.run(&format.concat());
        if run.status.code() != Some(0) {
            assert_eq!(run.status.code(), Some(1));
            assert!(run.stdout.is_empty());
            let said = text(&run.stderr);
            assert_eq!(said.lines().count(), 1, "{said}");
            let error: serde_json::Value = serde_json::from_str(said).expect("it is JSON");
            let error = error["error"].as_str().expect("words");
            return Err(error.replace(&list, "LIST"));
        }
        let answer: serde_json::Value = serde_json::from_slice(&run.stdout).expect("it is JSON");
        assert_eq!(answer["schema"], "dm-remap/import/1");
        assert_eq!(answer["dry_run"], true);
        let ranges = answer["ranges"].as_array().expect("ranges");
        let of = |range: &serde_json::Value, key: &str| range[key].as_u64().expect("a number");
        let marks = ranges
            .iter()
            .map(|range| (of(range, "first_sector"), of(range, "size_sectors")));
        Ok(marks.collect())
    }
}

/// What is bad, in order and apart, within the device.
fn bad() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((1..2000u64, 1..70u64), 0..40).prop_map(|gaps| {
        let mut at = 0;
        let mut runs = Vec::new();
        for (gap, len) in gaps {
            at += gap;
            if at + len > SIZE {
                break;
            }
            runs.push((at, len));
            at += len;
        }
        runs
    })
}

/// These, widened to blocks, and joined where they touch then.
fn widened(runs: &[(u64, u64)], block: u64) -> Vec<(u64, u64)> {
    let mut wide: Vec<(u64, u64)> = Vec::new();
    for (first, len) in runs {
        let (from, end) = (first / block * block, (first + len).div_ceil(block) * block);
        let end = end.min(SIZE);
        match wide.last_mut() {
            Some((last, len)) if *last + *len >= from => *len = end - *last,
            _ => wide.push((from, end - from)),
        }
    }
    wide
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn what_was_exported_comes_back(runs in bad(), shift in 0..5u32) {
        let block = 512u64 << shift;
        let mut lab = Lab::new();
        lab.recording = device(&runs);
        let exported = |args: &[&str]| {
            let run = lab.recording.run(&[&["export"], args, &["safe"]].concat());
            assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
            run.stdout
        };
        let map = exported(&["ddrescue"]);
        prop_assert_eq!(lab.marks(&["ddrescue"], &map), Ok(runs.clone()));
        let document = exported(&["json"]);
        prop_assert_eq!(lab.marks(&["json"], &document), Ok(runs.clone()));
        let bytes = block.to_string();
        let list = exported(&["badblocks", "--block-size", &bytes]);
        let back = lab.marks(&["badblocks", "--block-size", &bytes], &list);
        prop_assert_eq!(back, Ok(widened(&runs, block / 512)));
    }

    #[test]
    fn any_bytes_are_a_list_or_told_with_their_line(
        content in prop::collection::vec(prop::sample::select(&b"0123456789xF?*/-+# \n\t\r{}\":,\xff"[..]), 0..80)
    ) {
        let lab = Lab::new();
        for args in [&["badblocks", "--block-size", "4096"][..], &["ddrescue", "--failed"], &["json"]] {
            match lab.marks(args, &content) {
                Ok(marks) => {
                    for (first, len) in marks {
                        prop_assert!(len > 0 && first + len <= SIZE);
                    }
                }
                Err(said) => {
                    let line = said.strip_prefix("LIST:").and_then(|rest| rest.split(':').next());
                    let line = line.and_then(|line| line.parse::<usize>().ok());
                    let lines = content.split(|byte| *byte == b'\n').count();
                    prop_assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{}", said);
                }
            }
        }
    }

    #[test]
    fn a_map_file_with_one_letter_changed_is_a_list_or_told(
        runs in bad(), at in any::<prop::sample::Index>(), letter in any::<u8>()
    ) {
        let mut lab = Lab::new();
        lab.recording = device(&runs);
        let mut map = lab.recording.run(&["export", "ddrescue", "safe"]).stdout;
        let at = at.index(map.len());
        map[at] = letter;
        match lab.marks(&["ddrescue"], &map) {
            Ok(marks) => prop_assert!(marks.iter().all(|(first, len)| *len > 0 && first + len <= SIZE)),
            Err(said) => prop_assert!(said.starts_with("LIST:"), "{}", said),
        }
    }
}

#[test]
fn lists_of_others_are_understood() {
    let lab = Lab::new();
    let blocks = ["badblocks", "--block-size", "4096"];
    let list = b"# of a friend\n\n  12\r\n13\n10000\n0\n12\n";
    assert_eq!(
        lab.marks(&blocks, list),
        Ok(vec![(0, 8), (96, 16), (80_000, 5)])
    );
    assert_eq!(lab.marks(&blocks, b""), Ok(vec![]));
    // As ddrescue 1.22 and later write it, and as older ones do.
    let map = "# Mapfile. Created by GNU ddrescue version 1.27\n# Command line: ddrescue -d /dev/sda image map\n\
        # Start time:   2026-11-01 10:00:00\n# current_pos  current_status  current_pass\n\
        0x00117000     *               2\n#      pos        size  status\n\
        0x00000000  0x00001000  +\n0x00001000  0x00000200  -\n0x00001200  0x00000E00  /\n\
        0x00002000  0x00001000  *\n0x00003000  0x00001000  ?\n";
    assert_eq!(lab.marks(&["ddrescue"], map.as_bytes()), Ok(vec![(8, 1)]));
    let failed = lab.marks(&["ddrescue", "--failed"], map.as_bytes());
    assert_eq!(failed, Ok(vec![(8, 16)]));
    let old = b"0x00 +\n0 512 +\n512 01000 -\n";
    assert_eq!(lab.marks(&["ddrescue"], old), Ok(vec![(1, 1)]));
    // Half a sector that is bad is a bad sector.
    let half = b"0 + 1\n0 100 +\n100 500 -\n";
    assert_eq!(lab.marks(&["ddrescue"], half), Ok(vec![(0, 2)]));
    let document = br#"{"schema": "dm-remap/export/1", "more": 1, "ranges": [
        {"first_sector": 8, "size_sectors": 8, "kind": "remapped", "spare_block": 1},
        {"first_sector": 40, "size_sectors": 2, "kind": "lost"},
        {"first_sector": 42, "size_sectors": 1, "kind": "pending"}]}"#;
    assert_eq!(lab.marks(&["json"], document), Ok(vec![(40, 3)]));
    let moved = lab.marks(&["json", "--list", "remapped"], document);
    assert_eq!(moved, Ok(vec![(8, 8)]));
}

#[test]
fn a_wrong_line_is_told_with_its_number() {
    let lab = Lab::new();
    let blocks = ["badblocks", "--block-size", "4096"];
    let map = ["ddrescue"];
    let json = ["json"];
    let past = "this reaches past the end of the device, which has 80005 sectors";
    let begin = "0 + 1\n0 512 +\n";
    for (args, list, says) in [
        (
            &blocks[..],
            "1\n2\nthree\n",
            "LIST:3: 'three' is no block number".to_owned(),
        ),
        (
            &blocks,
            "1\n-2\n",
            "LIST:2: '-2' is no block number".to_owned(),
        ),
        (
            &blocks,
            "1 2\n",
            "LIST:1: '1 2' is no block number".to_owned(),
        ),
        (
            &blocks,
            "1\n\n99999999999999999999\n",
            "LIST:3: '99999999999999999999' is too large a block number".to_owned(),
        ),
        (
            &blocks,
            "4503599627370496\n",
            "LIST:1: '4503599627370496' is too large a block number".to_owned(),
        ),
        (&blocks, "7\n10001\n", format!("LIST:2: {past}")),
        (
            &blocks,
            "\u{1b}[2J\n",
            "LIST:1: '\\u{1b}[2J' is no block number".to_owned(),
        ),
        (
            &map,
            "",
            "LIST:1: this is no map file: nothing is in it".to_owned(),
        ),
        (
            &map,
            "0 512 +\n",
            "LIST:1: '0 512 +' does not say where ddrescue is, as its first line has to".to_owned(),
        ),
        (
            &map,
            &format!("{begin}512 512 x\n"),
            "LIST:3: '512 512 x' is no position, size and one of ? * / - +".to_owned(),
        ),
        (
            &map,
            &format!("{begin}512 512\n"),
            "LIST:3: '512 512' is no position, size and one of ? * / - +".to_owned(),
        ),
        (
            &map,
            &format!("{begin}1024 512 -\n"),
            "LIST:3: '1024' is not where the part before it ends".to_owned(),
        ),
        (
            &map,
            &format!("{begin}512 0 -\n"),
            "LIST:3: a part has no size like '0'".to_owned(),
        ),
        (
            &map,
            &format!("{begin}512 0xFFFFFFFFFFFFFFFF -\n"),
            "LIST:3: a part has no size like '0xFFFFFFFFFFFFFFFF'".to_owned(),
        ),
        (
            &map,
            &format!("{begin}512 40962049 -\n"),
            format!("LIST:3: {past}"),
        ),
        (
            &json,
            "{\n\"schema\": 1}",
            "LIST:2: this is no document dm-remap/export/1: ".to_owned(),
        ),
        (
            &json,
            r#"{"schema": "dm-remap/dump/1", "ranges": []}"#,
            "LIST:1: the schema is 'dm-remap/dump/1', not dm-remap/export/1".to_owned(),
        ),
        (
            &json,
            r#"{"schema": "dm-remap/export/1", "ranges": [{"first_sector": 80005, "size_sectors": 1, "kind": "lost"}]}"#,
            format!("LIST: range 1: {past}"),
        ),
        (
            &json,
            r#"{"schema": "dm-remap/export/1", "ranges": [{"first_sector": 0, "size_sectors": 0, "kind": "lost"}]}"#,
            "LIST: range 1: it has no size that can be".to_owned(),
        ),
    ] {
        let said = lab.marks(args, list.as_bytes()).expect_err(list);
        assert!(said.starts_with(&says), "{list}: {said}");
    }
    let said = lab.marks(&blocks, b"1\n\xff\n").expect_err("it is no text");
    assert_eq!(said, "LIST:2: this is no text");
}

#[test]
fn a_dry_run_says_the_messages() {
    let lab = Lab::new();
    let list = lab.list(b"3\n1\n2\n10\n");
    let args = [
        "import",
        "badblocks",
        "--block-size",
        "1024",
        "safe",
        &list,
        "-n",
    ];
    let (said, code) = lab.recording.says(&args);
    let expected = "mark 2 6\nmark 20 2\n2 ranges with 8 sectors would be marked on safe\n";
    assert_eq!((said.as_str(), code), (expected, 0));
}

#[test]
fn a_list_comes_from_standard_input_as_well() {
    let recording = device(&[]);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_remapctl"))
        .args([
            "--recorded",
            recording.path(),
            "import",
            "ddrescue",
            "safe",
            "-",
            "-n",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("remapctl can be run");
    let mut stdin = child.stdin.take().expect("it has one");
    stdin.write_all(b"0 + 1\n0 512 -\n").expect("it reads");
    drop(stdin);
    let run = child.wait_with_output().expect("it ends");
    let expected = "mark 0 1\n1 range with 1 sector would be marked on safe\n";
    assert_eq!(text(&run.stdout), expected);
}

#[test]
fn bad_input_is_one_line_and_an_exit_code() {
    let lab = Lab::new();
    let list = lab.list(b"1\n");
    for (args, says, code) in [
        (&["badblocks", "safe", &list][..], "--block-size", 2),
        (
            &["badblocks", "safe", &list, "--block-size", "1000"],
            "power of two",
            2,
        ),
        (&["ddrescue", "safe"], "FILE", 2),
        (&["ddrescue", "safe", &list, "more"], "more", 2),
        (
            &["ddrescue", "none", &list, "-n"],
            "there is no device none",
            1,
        ),
        (
            &["ddrescue", "safe", "/nowhere/list", "-n"],
            "cannot read /nowhere/list",
            1,
        ),
        (&["ddrescue", "safe", "/", "-n"], "cannot read /", 1),
        (&["prometheus", "safe", &list], "prometheus", 2),
        (&["json", "safe", &list], "a recording cannot be changed", 1),
        (&[], "no command given", 2),
    ] {
        let run = lab.recording.run(&[&["import"][..], args].concat());
        is_refused(&run, args, says, code);
    }
}

#[test]
fn what_is_huge_is_a_list_or_told_in_a_short_line() {
    let lab = Lab::new();
    let blocks = ["badblocks", "--block-size", "512"];
    // Each block of the device, many times over: what is kept is one range.
    let all: Vec<String> = (0..SIZE).map(|n| format!("{n}\r\n")).collect();
    let often = all.concat().repeat(20);
    assert!(often.len() > 10 << 20);
    assert_eq!(lab.marks(&blocks, often.as_bytes()), Ok(vec![(0, SIZE)]));
    let words = "? ".repeat(5 << 20);
    let digits = "9".repeat(10 << 20);
    let key = format!(
        "{{\"schema\": \"{}\\u001b[2J\", \"ranges\": []}}",
        "x".repeat(1 << 20)
    );
    let kind = format!(
        "{{\"schema\": \"dm-remap/export/1\", \"ranges\": [{{\"kind\": \"\\u001b[2J\\n{}\"}}]}}",
        "x".repeat(1 << 20)
    );
    let deep = "[".repeat(1 << 20);
    let none = "LIST:1: this is no document dm-remap/export/1: ";
    for (args, list, says) in [
        (&blocks[..], &words, "LIST:1: '? ? ? "),
        (&blocks, &digits, "LIST:1: '9999"),
        (&["ddrescue"], &words, "LIST:1: '? ? ? "),
        (&["ddrescue"], &format!("0 +\n{words}"), "LIST:2: '? ? ? "),
        (&["json"], &words, none),
        (&["json"], &key, "LIST:1: the schema is 'xxxx"),
        (
            &["json"],
            &kind,
            "LIST:1: this is no document dm-remap/export/1: unknown variant `\\u{1b}[2J\\nxxxx",
        ),
        (&["json"], &deep, none),
    ] {
        let said = lab.marks(args, list.as_bytes()).expect_err("it is no list");
        assert!(said.starts_with(says), "{said}");
        assert!(said.len() < 250, "{}", said.len());
        assert!(!said.contains(char::is_control), "{said}");
    }
    let path = lab.list(b"");
    let file = fs::File::options().write(true).open(&path).expect("a file");
    file.set_len((64 << 20) + 1).expect("it has holes");
    for file in [path.as_str(), "/dev/zero"] {
        let args = ["import", "ddrescue", "safe", file, "-n"];
        let (said, code) = lab.recording.says(&args);
        let says =
            format!("remapctl: cannot read {file}: it is larger than 64 MiB: that is no list\n");
        assert_eq!((said, code), (says, 1));
    }
}
