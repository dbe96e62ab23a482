// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl scan` on recorded devices: what it says and what it writes. What the kernel makes of that is in
//! tests/guest/remapctl-scan.sh.

mod cli_lab;

use std::fs;

use cli_lab::Recording;

/// What a file of `safe` says.
fn read(recording: &Recording, file: &str) -> String {
    let path = format!("{}/sys/block/dm-0/remap/scan/{file}", recording.path());
    let text = fs::read_to_string(path).expect("it is there");
    text.trim_end().to_owned()
}

#[test]
fn the_scanner_is_told_in_words_and_in_json() {
    let recording = Recording::of_one();
    let words = "\
safe: waiting, 25 % of this pass; 7 passes ended, the last one 3 days ago
  read      25.2 GiB of 100.9 GiB; 0 reads with errors, 731.5 GiB read in all
  settings  every 60,000 ms a pass in 14 days; intensity 5, staggered; at least nothing, at most all there is
  table     scan idle
";
    assert_eq!(recording.says(&["scan"]), (words.to_owned(), 0));
    assert_eq!(
        recording.says(&["scan", "show", "dm-0"]),
        (words.to_owned(), 0)
    );
    recording.attribute("scan/sectors_per_scan", "4096");
    recording.attribute("scan/speed_max", "20480");
    let (said, _) = recording.says(&["scan"]);
    assert!(said.contains("every 60,000 ms 4,096 sectors;"), "{said}");
    assert!(
        said.contains("at least nothing, at most 20,480 KiB/s"),
        "{said}"
    );
    let (answer, code) = recording.json(&["scan"]);
    assert_eq!((code, &answer["schema"]), (0, &"dm-remap/scan/1".into()));
    let scan = &answer["devices"][0]["scan"];
    assert_eq!(scan["sectors_per_scan"], 4096);
    assert_eq!(scan["done_sectors"], 52_905_784);
}

#[test]
fn each_command_and_each_setting_is_written_where_it_belongs() {
    let recording = Recording::of_one();
    for word in ["start", "stop", "pause", "resume", "now"] {
        let (said, code) = recording.says(&["scan", word, "safe"]);
        assert_eq!(code, 0, "{said}");
        assert_eq!(read(&recording, "action"), word);
        let (_, code) = recording.says(&["scan", word, "--all"]);
        assert_eq!(code, 0);
    }
    let settings = [
        ("--interval-ms", "interval_ms", "500"),
        ("--sectors-per-scan", "sectors_per_scan", "auto"),
        ("--sectors-per-scan", "sectors_per_scan", "2048"),
        ("--cycle-days", "cycle_days", "30"),
        ("--intensity", "intensity", "9"),
        ("--order", "order", "sequential"),
        ("--speed-min", "speed_min", "256"),
        ("--speed-max", "speed_max", "512"),
    ];
    for (option, file, value) in settings {
        let (said, code) = recording.says(&["scan", "set", "safe", option, value]);
        assert_eq!(code, 0, "{said}");
        assert_eq!(read(&recording, file), value);
        // And before a scan begins.
        recording.attribute(&format!("scan/{file}"), "1");
        let (_, code) = recording.says(&["scan", "start", "safe", option, value]);
        assert_eq!(code, 0);
        assert_eq!(
            (read(&recording, file), read(&recording, "action")),
            (value.to_owned(), "start".to_owned())
        );
    }
}

#[test]
fn waiting_ends_with_a_scan_that_stands() {
    let recording = Recording::of_one();
    recording.attribute("scan/state", "paused");
    let run = recording.run(&["scan", "now", "safe", "--wait"]);
    assert_eq!(run.status.code(), Some(1), "the pass has not ended");
    assert!(run.stderr.is_empty(), "the bar is for terminals");
}

#[test]
fn bad_input_is_one_line_and_an_exit_code() {
    let recording = Recording::of_one();
    let cases: [(&[&str], i32, &str); 10] = [
        (&["scan", "stop", "safe", "--all"], 2, "cannot be used with"),
        (
            &["scan", "stop", "safe", "--intensity", "3"],
            2,
            "unexpected argument",
        ),
        (
            &["scan", "set", "safe"],
            2,
            "nothing is said that is to change",
        ),
        (
            &["scan", "set", "safe", "--intensity", "0"],
            2,
            "0 is not in 1..=10",
        ),
        (
            &["scan", "set", "safe", "--intensity", "11"],
            2,
            "11 is not in 1..=10",
        ),
        (
            &["scan", "set", "safe", "--cycle-days", "366"],
            2,
            "366 is not in 1..=365",
        ),
        (
            &["scan", "set", "safe", "--interval-ms", "99"],
            2,
            "99 is not in 100..=86400000",
        ),
        (
            &["scan", "set", "safe", "--sectors-per-scan", "0"],
            2,
            "neither auto nor a number",
        ),
        (
            &["scan", "set", "safe", "--speed-max", "fast"],
            2,
            "invalid value 'fast'",
        ),
        (
            &["scan", "pause", "safe", "absent"],
            1,
            "there is no device absent",
        ),
    ];
    for (args, code, says) in cases {
        let run = recording.run(args);
        let said = cli_lab::text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{args:?}: {said}");
        assert!(
            said.starts_with("remapctl: ") && said.contains(says),
            "{args:?}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // Who names a device that is not there has changed none.
    assert_eq!(read(&recording, "action"), "start stop pause resume now");
}
