// SPDX-License-Identifier: GPL-2.0-only

//! What disks say of themselves: asked by `record` and `health --smart`, written down, shown, and told to the predictor.
//! The `smartctl` here is a script that prints what was written for the disk.

mod cli_lab;

use std::{
    fs,
    os::unix::fs::{symlink, PermissionsExt},
    time::{Duration, Instant},
};

use cli_lab::{Recording, NOW};
use serde_json::{json, Value};

const AREA: &str = "2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11";

/// What a disk answers: an ATA disk with bad sectors, in the shape of smartctl's answers.
fn ata() -> Value {
    let row = |id: u64, value: u64, string: &str| json!({"id": id, "raw": {"value": value, "string": string}});
    json!({
        "json_format_version": [1, 0],
        "smartctl": {"version": [7, 4], "exit_status": 64},
        "device": {"name": "/dev/sda", "type": "sat", "protocol": "ATA"},
        "smart_status": {"passed": true},
        "ata_smart_attributes": {"revision": 16, "table": [
            row(5, 24, "24"), row(187, 3, "3"), row(197, 8, "8"), row(198, 8, "8"), row(194, 0x0022_001f, "31 (0 34)"),
        ]},
    })
}

fn nvme() -> Value {
    json!({
        "smartctl": {"exit_status": 0},
        "device": {"protocol": "NVMe"},
        "smart_status": {"passed": true, "nvme": {"value": 0}},
        "nvme_smart_health_information_log": {"critical_warning": 0, "percentage_used": 7, "media_errors": 0},
    })
}

/// Puts a `smartctl` there that runs `script` with `$disk` being the last part of the disk's node.
fn program(recording: &Recording, script: &str) {
    let head = "#!/bin/sh\nfolder=$(dirname \"$0\")\necho \"$@\" >>\"$folder/asked\"\nfor disk; do :; done\ndisk=${disk##*/}\n";
    recording.put("bin/smartctl", &format!("{head}{script}"));
    let path = format!("{}/bin/smartctl", recording.path());
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is there");
}

/// One device over two disks that answer so.
fn answering(main: &Value, spare: &Value) -> Recording {
    let recording = Recording::of_one();
    recording.put("bin/sda", &main.to_string());
    recording.put("bin/sdb", &spare.to_string());
    program(&recording, "cat \"$folder/$disk\"");
    recording
}

/// Each command that smartctl was called with, sorted: disks are asked at the same time.
fn asked(recording: &Recording) -> Vec<String> {
    let file = format!("{}/bin/asked", recording.path());
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn history(recording: &Recording) -> String {
    let file = format!("{}/history/{AREA}.jsonl", recording.path());
    fs::read_to_string(file).expect("it was written")
}

#[test]
fn what_the_disks_say_is_written_down_told_and_shown() {
    let recording = answering(&ata(), &nvme());
    recording.put("dm/safe/messages/health-smart-24", "");
    let (answer, code) = recording.json(&["record"]);
    assert_eq!(code, 0);
    let written = &answer["devices"][0];
    assert_eq!(written["told_sectors"], 24, "the largest count");
    assert_eq!(written["smart"]["main"]["disk"], "/dev/sda");
    assert_eq!(written["smart"]["main"]["reason"], Value::Null);
    let main = json!({
        "passed": true, "reallocated_sectors": 24, "pending_sectors": 8, "offline_uncorrectable_sectors": 8,
        "reported_uncorrectable_errors": 3, "used_percent": null,
    });
    assert_eq!(written["sample"]["smart"]["main"], main);
    assert_eq!(written["sample"]["smart"]["spare"]["used_percent"], 7);
    let line: Value = serde_json::from_str(&history(&recording)).expect("one line");
    assert_eq!(line["smart"]["main"], main);
    // Each disk was asked once, and none was to be woken.
    let args = "--json=c --nocheck=standby --health --attributes --log=error --log=defects --";
    let both = [format!("{args} /dev/sda"), format!("{args} /dev/sdb")];
    assert_eq!(asked(&recording), both);

    // To look at it asks no disk.
    recording.put("now", &(NOW + 7200).to_string());
    let said = "24 reallocated, 8 pending, 8 uncorrectable, 3 uncorrected errors";
    let spare = "no bad sector, 7 % of its life used";
    let (text, code) = recording.says(&["status"]);
    for line in [
        format!("  smart   main 2 hours ago: {said}"),
        format!("  smart   spare 2 hours ago: {spare}"),
        format!("  note    SMART of the main device /dev/sda: {said}"),
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
    assert_eq!(code, 0, "it is a note");
    let (text, _) = recording.says(&["health"]);
    let lines = format!(
        "  smart       main 2 hours ago: {said}\n              spare 2 hours ago: {spare}\n"
    );
    assert!(text.contains(&lines), "{text}");
    for command in ["status", "health"] {
        let (answer, _) = recording.json(&[command]);
        let smart = &answer["devices"][0]["smart"];
        assert_eq!(smart["at_unix_seconds"], NOW, "{command}");
        assert_eq!(smart["main"], main, "{command}");
    }
    assert_eq!(asked(&recording), both);
    // After a week it is too old to be shown.
    recording.put("now", &(NOW + 8 * 86400).to_string());
    let (answer, _) = recording.json(&["status"]);
    assert_eq!(answer["devices"][0]["smart"], Value::Null);

    // To ask now is another matter.
    let (text, code) = recording.says(&["health", "--smart"]);
    assert!(
        text.contains(&format!("  smart       main: {said}\n")),
        "{text}"
    );
    assert_eq!((code, asked(&recording).len()), (0, 4));
}

#[test]
fn a_disk_that_says_that_it_fails_is_a_danger() {
    let mut failing = nvme();
    failing["smart_status"]["passed"] = json!(false);
    for (main, spare, role) in [
        (&failing, &nvme(), "main device /dev/sda"),
        (&ata(), &failing, "spare device /dev/sdb"),
    ] {
        let recording = answering(main, spare);
        recording.run(&["record"]);
        let (answer, code) = recording.json(&["status"]);
        assert_eq!(code, 1);
        let finding = &answer["devices"][0]["findings"][0];
        assert_eq!(
            (&finding["code"], &finding["gravity"]),
            (&json!("smart_failing"), &json!("danger"))
        );
        let text = finding["text"].as_str().expect("it has words");
        let said = format!("SMART of the {role}: it says that it is about to fail");
        assert!(text.starts_with(&said), "{text}");
    }
}

#[test]
fn what_cannot_be_known_changes_nothing_and_is_told_once() {
    let plain = Recording::of_one();
    let before = plain.json(&["status"]);
    type Case = (fn(&Recording), &'static str);
    let cases: [Case; 7] = [
        (
            |_| {},
            "smartctl is not there (it is in the package smartmontools)",
        ),
        (
            |r| {
                program(r, "echo '{\"smartctl\":{\"exit_status\":2,\"messages\":[{\"string\":\"/dev/x: Unknown USB bridge\",\"severity\":\"error\"}]}}'; exit 1")
            },
            "smartctl: /dev/x: Unknown USB bridge",
        ),
        (
            |r| program(r, "echo '{\"smartctl\":{\"exit_status\":2}}'; exit 2"),
            "it sleeps, and was not woken",
        ),
        (
            |r| program(r, "echo 'smartctl: out of cheese' >&2; exit 3"),
            "smartctl gave no answer that can be read",
        ),
        (
            |r| program(r, "echo '{\"smart_status\":'; kill -9 $$"),
            "smartctl gave no answer that can be read",
        ),
        (
            |r| program(r, "yes '{\"ata_smart_attributes\":[]}'"),
            "smartctl gave no answer that can be read",
        ),
        (
            |r| {
                r.put("bin/smartctl", "no program");
            },
            "cannot run smartctl: Permission denied (os error 13)",
        ),
    ];
    for (spoil, reason) in cases {
        let recording = Recording::of_one();
        spoil(&recording);
        let (said, code) = recording.says(&["record"]);
        let lines = format!("safe is written down: the first time.\n  smart of main: not known: {reason}\n  smart of spare: not known: {reason}\n");
        assert_eq!((said, code), (lines, 0));
        let line: Value = serde_json::from_str(&history(&recording)).expect("one line");
        assert_eq!(line["smart"], Value::Null, "{reason}");
        assert_eq!(recording.json(&["status"]), before, "{reason}");
        // Who does not want it hears nothing.
        let (said, _) = recording.says(&["record", "--no-smart"]);
        assert_eq!(said.lines().count(), 1, "{said}");
        let (answer, _) = recording.json(&["record", "--no-smart"]);
        assert_eq!(answer["devices"][0]["smart"], Value::Null);
    }
}

#[test]
fn a_disk_that_hangs_does_not_hang_the_tool() {
    let recording = Recording::of_one();
    recording.put("bin/sdb", &nvme().to_string());
    program(
        &recording,
        "[ $disk = sda ] && exec sleep 600\ncat \"$folder/$disk\"",
    );
    let begin = Instant::now();
    let (answer, code) = recording.json(&["record"]);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_eq!(code, 0);
    let smart = &answer["devices"][0]["smart"];
    assert_eq!(
        smart["main"]["reason"],
        "it did not answer within 10 seconds"
    );
    assert_eq!(
        smart["spare"]["counts"]["used_percent"], 7,
        "the other one is heard"
    );
    assert_eq!(answer["devices"][0]["told_sectors"], Value::Null);
}

#[test]
fn the_whole_disk_of_a_partition_is_asked_and_what_is_put_together_is_not_known() {
    let recording = answering(&ata(), &nvme());
    // As in sysfs: the folder of a partition lies in that of its disk.
    recording.put("sys/devices/sda/uevent", "DEVNAME=sda\nDEVTYPE=disk");
    recording.put("sys/devices/sda/queue/rotational", "1");
    recording.put(
        "sys/devices/sda/sda1/uevent",
        "DEVNAME=sda1\nDEVTYPE=partition",
    );
    recording.put("sys/devices/sda/sda1/partition", "1");
    let link = format!("{}/sys/dev/block/8:1", recording.path());
    symlink("../../devices/sda/sda1", link).expect("a link");
    recording.change("dm/safe/table", "8:0 8:16", "8:1 253:7");
    recording.disk("253:7", "dm-7");
    recording.put("sys/dev/block/253:7/dm/name", "vg-spare");
    let (answer, _) = recording.json(&["record"]);
    let smart = &answer["devices"][0]["smart"];
    assert_eq!(smart["main"]["disk"], "/dev/sda");
    assert_eq!(smart["main"]["counts"]["pending_sectors"], 8);
    let reason = "it is a mapped device, and not known which disk is below";
    assert_eq!(
        (&smart["spare"]["disk"], &smart["spare"]["reason"]),
        (&Value::Null, &json!(reason))
    );
    assert_eq!(asked(&recording).len(), 1);
}

#[test]
fn the_predictor_is_told_of_disks_that_turn_by_modules_that_know_how() {
    let told = |recording: &Recording| {
        let (answer, code) = recording.json(&["record"]);
        assert_eq!(code, 0);
        answer["devices"][0]["told_sectors"].clone()
    };
    let recording = answering(&ata(), &nvme());
    assert_eq!(
        told(&recording),
        Value::Null,
        "a module that does not know the message"
    );
    recording.put("dm/safe/messages/health-smart-24", "");
    assert_eq!(told(&recording), 24);
    recording.put("sys/dev/block/8:0/queue/rotational", "0");
    assert_eq!(told(&recording), Value::Null, "a disk that does not turn");
    // A disk that says how it is, and counts nothing.
    let recording = answering(&json!({"smart_status": {"passed": true}}), &nvme());
    assert_eq!(told(&recording), Value::Null);
    let (said, _) = recording.says(&["record"]);
    assert!(
        said.contains("  smart of main: it counts no bad sectors\n"),
        "{said}"
    );
}
