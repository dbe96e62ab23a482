// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl record` on recorded devices: what it writes down, and where.

mod cli_lab;

use std::{fs, path::Path};

use cli_lab::{Recording, NOW};
use serde_json::Value;
use tempfile::TempDir;

const AREA: &str = "2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11";

/// The lines of a file, read.
fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("it is there");
    assert!(text.ends_with('\n'));
    let line = |line| serde_json::from_str(line).expect("each line is a document");
    text.lines().map(line).collect()
}

#[test]
fn what_is_known_is_written_down_each_time() {
    let recording = Recording::of_one();
    let folder = TempDir::new().expect("a folder");
    let history = folder.path().join("new");
    let args = [
        "record",
        "--no-smart",
        "--history",
        history.to_str().expect("letters"),
    ];
    let (said, code) = recording.says(&args);
    let first = "safe is written down: the first time.\n";
    assert_eq!((said.as_str(), code), (first, 0));
    recording.put("now", &(NOW + 2 * 3600).to_string());
    recording.status("remap 0/238520 0 0 77", "remap 3/238520 16 8 80");
    recording.status("spare_free 238520", "spare_free 238516");
    recording.status(
        "read_errors 0 write_errors 0",
        "read_errors 5 write_errors 2",
    );
    recording.attribute("health/score", "812");
    recording.attribute("health/failure_probability", "75");
    recording.attribute("scan/errors", "4");
    let (said, code) = recording.says(&[&args[..], &["safe"]].concat());
    let second = "safe is written down: 2 times in 2 hours.\n";
    assert_eq!((said.as_str(), code), (second, 0));
    let file = history.join(format!("{AREA}.jsonl"));
    let lines = lines(&file);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["at_unix_seconds"], NOW);
    assert_eq!(lines[0]["spare_used_blocks"], 0);
    for (key, value) in [
        ("at_unix_seconds", NOW + 2 * 3600),
        ("spare_used_blocks", 4),
        ("spare_total_blocks", 238_520),
        ("remapped_blocks", 3),
        ("pending_sectors", 16),
        ("lost_sectors", 8),
        ("read_errors", 5),
        ("write_errors", 2),
        ("scan_errors", 4),
        ("health_score", 812),
        ("failure_probability_per_mille", 75),
    ] {
        assert_eq!(lines[1][key], value, "{key}");
    }
    assert_eq!(lines[1]["name"], "safe");
    let (answer, code) = recording.json(&args);
    assert_eq!((code, &answer["schema"]), (0, &"dm-remap/record/1".into()));
    let device = &answer["devices"][0];
    assert_eq!(device["area_uuid"], AREA);
    assert_eq!(device["file"], file.to_str().expect("letters"));
    assert_eq!(
        (&device["samples"], &device["first_unix_seconds"]),
        (&3.into(), &NOW.into())
    );
    assert_eq!(device["sample"]["health_score"], 812);
}

#[test]
fn without_a_device_nothing_is_written() {
    let folder = TempDir::new().expect("a folder");
    let history = folder.path().join("new");
    let args = ["record", "--history", history.to_str().expect("letters")];
    let (said, code) = Recording::empty().says(&args);
    assert_eq!((said.as_str(), code), ("There is no remap device.\n", 0));
    assert!(!history.exists());
}

#[test]
fn where_nothing_can_be_written_it_is_said() {
    let recording = Recording::of_one();
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    let below = file.join("history");
    let (said, code) = recording.says(&["record", "--history", below.to_str().expect("letters")]);
    assert_eq!((code, said.lines().count()), (1, 1), "{said}");
    assert!(said.starts_with("remapctl: cannot make "), "{said}");
    recording.attribute("uuid", "../../evil");
    let (said, code) = recording.says(&[
        "record",
        "--history",
        folder.path().to_str().expect("letters"),
    ]);
    assert_eq!(code, 1);
    assert!(
        said.contains("'../../evil' is no UUID of a spare area"),
        "{said}"
    );
}

#[test]
fn a_device_that_cannot_be_looked_at_costs_no_other_its_line() {
    let recording = Recording::of_one();
    recording.device("worn", 1);
    recording.put("dm/worn/status", "0 8 remap nonsense");
    let folder = TempDir::new().expect("a folder");
    let history = folder.path().to_str().expect("letters");
    let args = ["record", "--no-smart", "--history", history];
    let (said, code) = recording.says(&args);
    assert_eq!((code, said.lines().count()), (1, 2), "{said}");
    assert!(said.contains("safe is written down: the first time.\n"));
    assert!(said.contains("remapctl: cannot look at worn: "), "{said}");
    let file = folder.path().join(format!("{AREA}.jsonl"));
    assert_eq!(lines(&file).len(), 1);
}
