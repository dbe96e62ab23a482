// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl status` on recorded devices: what it says of what is wrong, in words, in JSON and as an exit code.

mod cli_lab;

use std::{
    io::Read,
    process::{Command, Stdio},
};

use cli_lab::{remapctl, text, Recording, NOW};

#[test]
fn a_device_that_is_well_is_told_in_five_lines() {
    let recording = Recording::of_one();
    let (said, code) = recording.says(&["status"]);
    assert_eq!(
        said,
        "\
safe is well
  main    /dev/sda, 100 GiB from sector 0
  spare   /dev/sdb, 1 GiB from sector 2048; 0 of 238,520 spare blocks in use
  health  1000 of 1000 (good, stable); 0.3 % to fail within 30 days, with high confidence
  scan    waiting, 25 % of this pass; 7 passes ended, the last one 3 days ago
"
    );
    assert_eq!(code, 0);
    let (brief, _) = recording.says(&["status", "--brief", "safe"]);
    assert_eq!(
        brief,
        "safe  is well          health 1000, 0 blocks moved\n"
    );
}

#[test]
fn json_has_all_that_is_known() {
    let recording = Recording::of_one();
    recording.attribute("map/worst", "4096:640 10240:712");
    recording.attribute("health/time_to_spare_exhaustion", "864000000");
    let (answer, code) = recording.json(&["status", "/dev/mapper/safe"]);
    assert_eq!(code, 0);
    assert_eq!(answer["schema"], "dm-remap/status/1");
    assert_eq!(answer["well"], true);
    let device = &answer["devices"][0];
    assert_eq!(device["name"], "safe");
    assert_eq!(device["area_uuid"], "2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11");
    assert_eq!(device["dm_uuid"], serde_json::Value::Null);
    assert_eq!(device["table"]["main"]["path"], "/dev/sda");
    assert_eq!(device["table"]["spare"]["device"], "8:16");
    assert_eq!(device["table"]["spare_start_sectors"], 2048);
    assert_eq!(device["table"]["scan"], "idle");
    assert_eq!(device["status"]["state"], "rw");
    assert_eq!(device["status"]["spare_free_blocks"], 238_520);
    assert_eq!(device["status"]["counters"]["commits"], 4);
    assert_eq!(device["health"]["confidence_percent"], 85);
    let health = &device["health"];
    assert_eq!(health["time_to_failure_seconds"], serde_json::Value::Null);
    assert_eq!(health["time_to_spare_exhaustion_seconds"], 864_000_000);
    assert_eq!(device["scan"]["last_pass_unix_seconds"], NOW - 3 * 86400);
    assert_eq!(device["scan"]["pass_sectors"], 211_623_136);
    assert_eq!(device["map"]["worst"][1]["first_sector"], 10240);
    assert_eq!(device["map"]["worst"][1]["score"], 712);
}

/// What is done to a device that is well.
type Done = fn(&Recording);

/// What was done, the gravity, the code of the finding, and what the text has in it.
const WRONG: [(Done, &str, &str, &str); 25] = [
    (
        |r| r.status("rw", "ro"),
        "danger",
        "map_cannot_change",
        "dmsetup message safe 0 clear_needs_check",
    ),
    (
        |r| {
            r.status("rw", "ro");
            r.put("sys/block/dm-0/ro", "1");
        },
        "note",
        "made_read_only",
        "it was made read-only",
    ),
    (
        |r| r.status("rw", "fail"),
        "danger",
        "map_not_known",
        "remapctl check",
    ),
    (
        |r| r.status("rw - -", "rw needs_check -"),
        "danger",
        "needs_check",
        "clear_needs_check",
    ),
    (
        |r| r.status("rw - -", "rw - storm"),
        "danger",
        "storm",
        "cable",
    ),
    (
        |r| r.status("degraded -", "degraded b"),
        "warning",
        "metadata_copy_lost",
        "copy b of the metadata",
    ),
    (
        |r| r.status("degraded -", "degraded ab"),
        "danger",
        "metadata_copies_lost",
        "move the data away",
    ),
    (
        |r| r.put("sys/block/dm-0/dm/suspended", "1"),
        "warning",
        "suspended",
        "dmsetup resume safe",
    ),
    (
        |r| {
            r.put("sys/dev/block/8:0/holders/dm-0", "");
            r.put("sys/dev/block/8:0/holders/dm-3", "");
            r.put("sys/block/dm-3/dm/name", "past");
        },
        "danger",
        "raw_main_in_use",
        "/dev/sda is used past the map by /dev/mapper/past:",
    ),
    (
        |r| {
            r.put(
                "proc/self/mountinfo",
                "29 1 8:0 / /mnt/a\\040b rw - ext4 /dev/sda rw",
            )
        },
        "danger",
        "raw_main_in_use",
        "by /mnt/a b:",
    ),
    (
        |r| r.status("spare_free 238520", "spare_free 0"),
        "danger",
        "spare_exhausted",
        "no spare block is left",
    ),
    (
        |r| r.status("spare_free 238520", "spare_free 23851"),
        "warning",
        "spare_low",
        "only 23,851 of 238,520 spare blocks are left",
    ),
    (
        |r| r.attribute("health/time_to_spare_exhaustion", "864000"),
        "warning",
        "spare_runs_out",
        "the spare blocks end in 10 days",
    ),
    (
        |r| r.status("spare_failed 0", "spare_failed 4"),
        "warning",
        "spare_device_fails",
        "smartctl -a",
    ),
    (
        |r| r.status("spare_failed 0", "spare_failed 1"),
        "note",
        "spare_blocks_failed",
        "1 spare block could",
    ),
    (
        |r| r.status("0/238520 0 0", "1/238520 0 1"),
        "danger",
        "lost_sectors",
        "1 sector is lost",
    ),
    (
        |r| r.status("0/238520 0 0", "0/238520 16 0"),
        "warning",
        "pending_sectors",
        "16 sectors could not be read",
    ),
    (
        |r| r.status("pending_dropped 0", "pending_dropped 8"),
        "warning",
        "pending_dropped",
        "8 sectors",
    ),
    (
        |r| r.status("0/238520", "1234/238520"),
        "note",
        "remapped_blocks",
        "1,234 blocks moved",
    ),
    (
        |r| r.change("dm/safe/table", "2 scan idle", "1 no_auto_remap"),
        "note",
        "no_auto_remap",
        "nothing moves by itself",
    ),
    (
        |r| {
            r.attribute("health/severity", "7");
            r.attribute("health/failure_probability", "423");
            r.attribute("health/time_to_failure", "691200");
        },
        "danger",
        "predicted_failure",
        "perhaps in 8 days: 42.3 % to fail",
    ),
    (
        |r| r.attribute("health/level", "danger"),
        "danger",
        "health_danger",
        "the health is 1000",
    ),
    (
        |r| r.attribute("health/level", "warning"),
        "warning",
        "health_warning",
        "the health is 1000",
    ),
    (
        |r| {
            r.attribute("scan/state", "stopped");
            r.attribute("scan/last_pass", "0");
        },
        "note",
        "never_scanned",
        "remapctl scan start safe",
    ),
    (
        |r| r.attribute("scan/last_pass", &(NOW - 29 * 86400).to_string()),
        "warning",
        "scan_overdue",
        "the last whole scan ended 29 days ago",
    ),
];

#[test]
fn each_thing_that_is_wrong_is_found_alone_and_has_its_advice() {
    for (done, gravity, name, says) in WRONG {
        let recording = Recording::of_one();
        done(&recording);
        let (answer, code) = recording.json(&["status"]);
        let findings = &answer["devices"][0]["findings"];
        let findings = findings.as_array().expect("findings");
        let found = findings.iter().find(|f| f["code"] == name);
        let found = found.unwrap_or_else(|| panic!("{name} in {findings:?}"));
        assert_eq!(found["gravity"], gravity, "{name}");
        let words = format!("{}\n{}", found["text"], found["advice"]);
        assert!(words.contains(says), "{name}: {says} in {words}");
        let grave = gravity != "note";
        assert_eq!(
            found["advice"] != "",
            grave,
            "{name}: advice if, and only if, it is needed"
        );
        assert_eq!(code, i32::from(grave), "{name}");
        assert_eq!(answer["well"], !grave, "{name}");
        // Blocks that moved are told with what lies in them.
        let others = findings.iter().filter(|f| f["gravity"] != "note");
        assert_eq!(others.count(), usize::from(grave), "{name}: {findings:?}");
        let (said, _) = recording.says(&["status", "safe"]);
        let verdict = match gravity {
            "danger" => "safe in danger\n",
            "warning" => "safe needs attention\n",
            _ => "safe is well\n",
        };
        assert!(said.starts_with(verdict), "{said}");
        assert!(said.contains(says), "{says} in {said}");
        let (brief, _) = recording.says(&["status", "--brief"]);
        assert_eq!(brief.contains(name), grave, "{brief}");
    }
}

#[test]
fn all_devices_are_told_in_order_and_counted() {
    let recording = Recording::of_one();
    recording.device("other", 7);
    recording.put("sys/block/dm-3/dm/name", "linear");
    recording.change("dm/other/status", "0/238520 0 0", "0/238520 8 0");
    let (said, code) = recording.says(&["status"]);
    assert_eq!(code, 1);
    let order = [
        "other needs attention\n",
        "\nsafe is well\n",
        "\nOf 2 devices 1 is well, and 1 wants attention.\n",
    ];
    let places: Vec<_> = order.iter().map(|words| said.find(words)).collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{said}"
    );
    // The one that is well is, alone; a device may be named by its node, and twice.
    for names in [["safe", "dm-0"], ["/dev/dm-0", "/dev/mapper/safe"]] {
        let (answer, code) = recording.json(&["status", names[0], names[1]]);
        assert_eq!(code, 0);
        assert_eq!(answer["devices"].as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn a_device_that_should_be_open_and_is_not_wants_attention() {
    let recording = Recording::of_one();
    let lines =
        "safe /dev/sda /dev/sdb\nusb /dev/sdc /dev/sdd nofail\nlater /dev/sde /dev/sdf noauto";
    recording.put("remaptab", lines);
    assert_eq!(recording.says(&["status"]).1, 0, "what may be away is");
    recording.put("remaptab", &format!("{lines}\naway /dev/sdg /dev/sdh"));
    let (said, code) = recording.says(&["status"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.starts_with("away is not open\n  warning "), "{said}");
    assert!(
        said.contains("/remaptab has it opened at boot\n          what to do: remapctl open away (systemctl status remap@away.service says why"),
        "{said}"
    );
    assert!(said.contains("\n\nsafe is well\n"), "{said}");
    let (said, code) = recording.says(&["status", "--brief"]);
    assert_eq!(code, 1);
    assert!(
        said.starts_with("away  is not open      not_open\nsafe  is well "),
        "{said}"
    );
    let (answer, code) = recording.json(&["status"]);
    assert_eq!(code, 1);
    assert_eq!(
        (&answer["well"], &answer["not_open"][0]),
        (&false.into(), &"away".into())
    );
    assert_eq!(
        recording.says(&["status", "safe"]).1,
        0,
        "it was not asked for"
    );
}

#[test]
fn no_device_is_no_error() {
    let recording = Recording::empty();
    assert_eq!(
        recording.says(&["status"]),
        ("There is no remap device.\n".to_owned(), 0)
    );
    let (answer, _) = recording.json(&["status"]);
    assert_eq!(answer["devices"], serde_json::json!([]));
}

#[test]
fn what_is_not_there_or_not_right_is_one_line() {
    let recording = Recording::of_one();
    recording.put("sys/block/dm-3/dm/name", "linear");
    let cases: [(&[&str], i32, &str); 4] = [
        (&["status", "absent"], 1, "there is no device absent"),
        (&["status", "linear"], 1, "linear is no remap device"),
        (
            &["status", "safe", "/dev/sda"],
            1,
            "there is no device /dev/sda",
        ),
        (&["status", "--all"], 2, "unexpected argument '--all'"),
    ];
    for (args, code, says) in cases {
        let run = recording.run(args);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{said}");
        assert!(
            said.starts_with("remapctl: ") && said.contains(says),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(run.stdout.is_empty());
        let run = recording.run(&[args, &["--json"]].concat());
        let error: serde_json::Value = serde_json::from_slice(&run.stderr).expect("it is JSON");
        assert!(error["error"].as_str().expect("a text").contains(says));
    }
    recording.status("rw", "rx");
    let (said, code) = recording.says(&["status"]);
    assert_eq!(code, 1);
    assert!(said.contains("cannot look at safe: status line "), "{said}");
    assert!(said.contains("the state rx is unknown"), "{said}");
    let recording = Recording::of_one();
    recording.attribute("health/score", "much");
    let (said, _) = recording.says(&["status"]);
    assert!(
        said.contains("health/score: 'much' is not a number"),
        "{said}"
    );
}

#[test]
fn who_does_not_read_to_the_end_gets_no_error() {
    let recording = Recording::of_one();
    for number in 1..400 {
        recording.device(&format!("safe{number}"), number);
    }
    let mut run = Command::new(env!("CARGO_BIN_EXE_remapctl"))
        .args(["--recorded", recording.path(), "status", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("remapctl can be run");
    drop(run.stdout.take());
    let mut said = String::new();
    let mut errors = run.stderr.take().expect("a pipe");
    errors.read_to_string(&mut said).expect("it is text");
    assert_eq!(said, "");
    assert_eq!(run.wait().expect("it ends").code(), Some(0));
}

#[test]
fn help_tells_arguments_and_exit_codes() {
    let run = remapctl(&["status", "--help"]);
    assert_eq!(run.status.code(), Some(0));
    let said = text(&run.stdout);
    for word in ["[DEVICE]...", "--brief", "--json", "Exit codes:"] {
        assert!(said.contains(word), "{word} in\n{said}");
    }
    assert!(!said.contains("--recorded"));
}
