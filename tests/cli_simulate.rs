// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl simulate` as a user meets it: what it writes, what it says, how it ends.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::tempdir;

fn remapctl(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_remapctl"))
        .args(args)
        .output()
        .expect("remapctl can be run")
}

/// A run into `out` that takes no time: no scan order, but one kind of disks and more if said so.
fn short<'a>(out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let out = out.to_str().expect("a path of letters");
    let none = ["--bursts", "0", "--whole", "0", "--otherwise", "0"];
    [&["simulate", "--out", out][..], &none, more].concat()
}

fn results(out: &Path) -> Value {
    let text = fs::read_to_string(out.join("results.json")).expect("results.json");
    serde_json::from_str(&text).expect("it is JSON")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it is text")
}

#[test]
fn a_quick_run_reaches_everything_and_writes_it_down() {
    let out = tempdir().expect("a folder");
    let path = out.path().join("not/there/yet");
    // A fleet of so few disks has ten that fail, which is no measure.
    let kinds = "healthy,scratches,slow,sudden,storms,adversarial";
    let run = remapctl(&[
        "simulate",
        "--quick",
        "--set",
        "training",
        "--generator",
        kinds,
        "--out",
        path.to_str().expect("a path of letters"),
    ]);
    let said = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{said}{}", text(&run.stderr));
    assert!(said.contains("\n27 of 27 reached.\n"), "{said}");
    assert!(run.stderr.is_empty(), "the bar is for terminals");
    let table = fs::read_to_string(path.join("results.md")).expect("results.md");
    for row in [
        "| nine of ten single | staggered, follow-up |",
        "| sudden growth | md's decay |",
        "| all together | predictor |",
        "| cable storms | danger, below 300 |",
        "| slow degradation | 1 | 1 |",
    ] {
        assert!(table.contains(row), "{row} in\n{table}");
    }
    let results = results(&path);
    let targets = results["targets"].as_array().expect("targets");
    assert!(targets.iter().all(|t| t["reached"] == true));
    for picture in ["detection.svg", "lead.svg", "precision-recall.svg"] {
        let svg = fs::read_to_string(path.join(picture)).expect(picture);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("days") || svg.contains("alarms that were right"));
    }
    for csv in ["prediction.csv", "detection.csv"] {
        let csv = fs::read_to_string(path.join(csv)).expect(csv);
        let columns = |line: &str| line.replace(", ", " ").matches(',').count();
        let heads = columns(csv.lines().next().expect("heads"));
        assert!(csv.lines().count() > 10);
        assert!(csv.lines().all(|line| columns(line) == heads), "{csv}");
    }
}

#[test]
fn a_seed_gives_the_same_results_however_many_threads_run() {
    let out = tempdir().expect("a folder");
    let run = |name: &str, more: &[&str]| {
        let path = out.path().join(name);
        let few = [
            "--disks",
            "20",
            "--otherwise",
            "3",
            "--bursts",
            "0",
            "--whole",
            "0",
        ];
        let path = path.to_str().expect("a path of letters");
        let run = remapctl(&[&["simulate", "--out", path][..], &few, more].concat());
        assert!(matches!(run.status.code(), Some(0 | 3)));
        fs::read_to_string(out.path().join(name).join("results.json")).expect("results.json")
    };
    let one = run("one", &["--seed", "5", "--jobs", "1"]);
    assert_eq!(one, run("three", &["--seed", "5", "--jobs", "3"]));
    assert_ne!(one, run("other", &["--seed", "6"]));
    assert_ne!(one, run("longer", &["--seed", "5", "--days", "900"]));
}

#[test]
fn what_was_not_reached_is_said_and_is_an_exit_code() {
    let out = tempdir().expect("a folder");
    // Four disks are no measure: with some seed they miss something.
    let missed = (1..40u32).find_map(|seed| {
        let seed = seed.to_string();
        let args = ["--generator", "sudden", "--disks", "4", "--seed", &seed];
        let run = remapctl(&short(out.path(), &args));
        (run.status.code() == Some(3)).then_some(run)
    });
    let missed = missed.expect("of so few disks something is missed in the end");
    let said = text(&missed.stdout);
    assert!(said.contains("| **missed** |"), "{said}");
    let targets = &results(out.path())["targets"];
    let all = targets.as_array().expect("targets");
    assert!(all.iter().any(|t| t["reached"] == false));
}

#[test]
fn json_is_what_is_written() {
    let out = tempdir().expect("a folder");
    let args = ["--generator", "healthy", "--disks", "5", "--json"];
    let run = remapctl(&short(out.path(), &args));
    assert_eq!(run.status.code(), Some(0));
    let said: Value = serde_json::from_slice(&run.stdout).expect("it is JSON");
    assert_eq!(said, results(out.path()));
    assert_eq!(said["set"], "evaluation");
    // Nothing was run that has a picture.
    assert!(!out.path().join("lead.svg").exists());
}

/// Arguments, the exit code, and what the one line on standard error has in it.
const BAD: [(&[&str], i32, &str); 14] = [
    (
        &["simulate", "--disk", "3"],
        2,
        "unexpected argument '--disk'",
    ),
    (
        &["simulate", "--disks"],
        2,
        "a value is required for '--disks <N>'",
    ),
    (&["simulate", "--disks", "0"], 2, "0 is not in 1..=100000"),
    (
        &["simulate", "--disks", "100001"],
        2,
        "100001 is not in 1..=100000",
    ),
    (
        &["simulate", "--disks", "-1"],
        2,
        "unexpected argument '-1'",
    ),
    (
        &["simulate", "--disks", "many"],
        2,
        "invalid value 'many' for '--disks <N>'",
    ),
    (&["simulate", "--days", "89"], 2, "89 is not in 90..=3650"),
    (
        &["simulate", "--days", "3651"],
        2,
        "3651 is not in 90..=3650",
    ),
    (
        &["simulate", "--seed", "18446744073709551615"],
        2,
        "is not in 0..=1099511627776",
    ),
    (
        &["simulate", "--seed", "1", "--set", "training"],
        2,
        "cannot be used with",
    ),
    (
        &["simulate", "--set", "test"],
        2,
        "invalid value 'test' for '--set <SET>'",
    ),
    (
        &["simulate", "--generator", "slow,fast"],
        2,
        "invalid value 'fast' for '--generator <KIND>'",
    ),
    (&["simulate", "--jobs", "0"], 2, "0 is not in 1..=1024"),
    (
        &["simulate", "--out", "/dev/null/x"],
        1,
        "cannot make the folder /dev/null/x: ",
    ),
];

#[test]
fn bad_input_is_one_line_and_an_exit_code() {
    for (args, code, says) in BAD {
        let run = remapctl(args);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.starts_with("remapctl: "), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
        assert!(run.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_is_told_before_the_work() {
    let out = tempdir().expect("a folder");
    fs::create_dir(out.path().join("results.md")).expect("a folder in its place");
    // So many disks would take minutes.
    let run = remapctl(&short(out.path(), &["--disks", "100000"]));
    assert_eq!(run.status.code(), Some(1));
    let said = text(&run.stderr);
    assert!(said.starts_with("remapctl: cannot write "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn help_tells_options_kinds_and_exit_codes() {
    let run = remapctl(&["simulate", "--help"]);
    assert_eq!(run.status.code(), Some(0));
    let said = text(&run.stdout);
    for word in [
        "--out",
        "--set",
        "--seed",
        "--quick",
        "--disks",
        "--days",
        "--generator",
        "--bursts",
        "--whole",
        "--otherwise",
        "--jobs",
        "--json",
        "Exit codes:",
        "adversarial:",
        "fleet:",
    ] {
        assert!(said.contains(word), "{word} in\n{said}");
    }
    for code in 0..4 {
        assert!(said.contains(&format!("\n  {code}  ")), "{code} in\n{said}");
    }
    let version = remapctl(&["--version"]);
    assert_eq!(
        text(&version.stdout),
        format!("remapctl {}\n", env!("CARGO_PKG_VERSION"))
    );
}
