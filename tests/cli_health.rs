// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl health` on recorded devices.

mod cli_lab;

use cli_lab::Recording;

#[test]
fn a_device_that_is_well_is_told_with_its_evidence() {
    let recording = Recording::of_one();
    let (said, code) = recording.says(&["health"]);
    assert_eq!(
        said,
        "\
safe is in good health
  score       1000 of 1000: good
  forecast    0.3 % to fail within 30 days, with high confidence (85 %); stable
  evidence    until an hour ago: 0 episodes with errors at 0 places, 0 weak ones, 0 bad sectors in 90 days; \
a day over 1, 7 and 30 days: 0.00 0.00 0.00; sum 0.00 of 4.00
  since open  0 read errors, 0 write errors, 0 of them recovered; scans met 0 in all
  weak        blocks are not moved away by themselves; a read is slow from 100 ms on
"
    );
    assert_eq!(code, 0);
}

#[test]
fn what_gets_worse_is_told_with_when_and_where() {
    let recording = Recording::of_one();
    recording.attribute("health/score", "211");
    recording.attribute("health/level", "danger");
    recording.attribute("health/trend", "declining");
    recording.attribute("health/failure_probability", "671");
    recording.attribute("health/confidence", "64");
    recording.attribute("health/severity", "9");
    recording.attribute("health/time_to_failure", "432000");
    recording.attribute("health/time_to_spare_exhaustion", "5184000");
    recording.attribute("health/auto_evacuate", "1");
    recording.attribute("scan/errors", "3");
    recording.attribute("map/worst", "4194304:98 6291456:310");
    recording.status(
        "read_errors 0 write_errors 0 recovered 0",
        "read_errors 41 write_errors 1 recovered 7",
    );
    let (said, code) = recording.says(&["health", "safe"]);
    assert_eq!(code, 1);
    for line in [
        "safe is about to fail: replace it today",
        "  score       211 of 1000: danger",
        "  forecast    67.1 % to fail within 30 days, with medium confidence (64 %); declining",
        "  failure     in about 5 days",
        "  spare       used up in 60 days at the present rate",
        "  since open  41 read errors, 1 write error, 7 of them recovered; scans met 3 in all",
        "  worst       98 of 1000 at sector 4194304 (2 GiB into the device)",
        "              310 of 1000 at sector 6291456 (3 GiB into the device)",
        "  weak        blocks are moved away by themselves; a read is slow from 100 ms on",
    ] {
        assert!(said.lines().any(|l| l == line), "{line} in\n{said}");
    }
    let (answer, code) = recording.json(&["health"]);
    assert_eq!((code, &answer["schema"]), (1, &"dm-remap/health/1".into()));
    assert_eq!(answer["well"], false);
    let device = &answer["devices"][0];
    assert_eq!(device["health"]["failure_probability_per_mille"], 671);
    assert_eq!(device["health"]["time_to_failure_seconds"], 432_000);
    assert_eq!(device["read_errors"], 41);
    assert_eq!(device["scan_errors"], 3);
    assert_eq!(device["worst"][0]["first_sector"], 4_194_304);
}

#[test]
fn the_verdict_follows_severity_and_level() {
    for (severity, level, says, code) in [
        ("1", "good", "safe is in good health", 0),
        (
            "4",
            "good",
            "safe is in good health, but something happens: watch it",
            0,
        ),
        (
            "4",
            "warning",
            "safe wants attention: see that there is a backup",
            1,
        ),
        ("1", "danger", "safe is in danger: copy the data away", 1),
        ("7", "warning", "safe is expected to fail: replace it", 1),
        ("9", "good", "safe is about to fail: replace it today", 1),
    ] {
        let recording = Recording::of_one();
        recording.attribute("health/severity", severity);
        recording.attribute("health/level", level);
        let (said, seen) = recording.says(&["health"]);
        assert_eq!((said.lines().next(), seen), (Some(says), code));
    }
}

#[test]
fn settings_are_written_where_they_belong() {
    let recording = Recording::of_one();
    let (said, code) = recording.says(&[
        "health",
        "safe",
        "--auto-evacuate",
        "on",
        "--slow-ms",
        "250",
    ]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("blocks are moved away by themselves; a read is slow from 250 ms on"),
        "{said}"
    );
    let (said, _) = recording.says(&["health", "safe", "--auto-evacuate", "off"]);
    assert!(said.contains("blocks are not moved away"), "{said}");
    for args in [
        &["health", "--auto-evacuate", "on"][..],
        &["health", "safe", "--auto-evacuate", "1"],
        &["health", "safe", "--slow-ms", "-1"],
    ] {
        let (said, code) = recording.says(args);
        assert_eq!((code, said.lines().count()), (2, 1), "{args:?}: {said}");
    }
}
