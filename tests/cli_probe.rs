// SPDX-License-Identifier: GPL-2.0-only

//! What udev is told of a device: whether it is a main device. What is read of devices is in tests/guest/remapctl-tab.sh.

mod cli_lab;

use std::{fs, os::unix::fs::symlink, process::Command};

use cli_lab::{text, Recording};

const TABLE: &str = "bad\nsafe /dev/disk/by-id/X /dev/b\nother PARTUUID=ABCD-02 /dev/c noauto\n";

/// What is said of the device that udev knows by these links and at this place.
fn probe(recording: &Recording, links: &str, place: &str) -> String {
    recording.put("remaptab", TABLE);
    let run = Command::new(env!("CARGO_BIN_EXE_remapctl"))
        .args([
            "--recorded",
            recording.path(),
            "probe",
            "--udev",
            "/dev/null",
        ])
        .env("REMAPTAB", format!("{}/remaptab", recording.path()))
        .env("DEVLINKS", links)
        .env("DEVPATH", place)
        .output()
        .expect("it runs");
    assert_eq!(run.status.code(), Some(0));
    assert!(run.stderr.is_empty());
    text(&run.stdout).to_owned()
}

#[test]
fn a_main_device_of_the_table_is_known_by_any_of_its_names() {
    let recording = Recording::empty();
    let by_id = "ID_REMAP_MAIN=safe\nID_REMAP_HIDE=1\n";
    let links = "/dev/disk/by-path/y /dev/disk/by-id/X";
    assert_eq!(probe(&recording, links, "/block/sda"), by_id);
    // One that is not opened by itself is hidden as well.
    let by_uuid = "ID_REMAP_MAIN=other\nID_REMAP_HIDE=1\n";
    let links = "/dev/disk/by-partuuid/abcd-02";
    assert_eq!(probe(&recording, links, "/block/sda/sda2"), by_uuid);
    for links in ["", "/dev/disk/by-id/XY /dev/disk/by-id", "/dev/b"] {
        assert_eq!(probe(&recording, links, "/block/sda"), "");
    }
}

#[test]
fn what_a_remap_device_holds_is_hidden() {
    let recording = Recording::of_one();
    recording.put("sys/block/dm-1/dm/uuid", "CRYPT-LUKS2-1");
    recording.put("sys/block/dm-2/dm/uuid", "REMAP-2f1b9c1e");
    for (disk, holder, hidden) in [
        ("sda", "dm-0", true),
        ("sdb", "dm-1", false),
        ("sdc", "dm-2", true),
    ] {
        let holders = format!("{}/sys/devices/{disk}/holders", recording.path());
        fs::create_dir_all(&holders).expect("a folder");
        let target = format!("{}/sys/block/{holder}", recording.path());
        symlink(target, format!("{holders}/{holder}")).expect("a link");
        let said = probe(&recording, "", &format!("/devices/{disk}"));
        assert_eq!(
            said,
            if hidden { "ID_REMAP_HIDE=1\n" } else { "" },
            "{disk}"
        );
    }
}

#[test]
fn what_cannot_be_looked_at_is_not_told() {
    let run = Command::new(env!("CARGO_BIN_EXE_remapctl"))
        .args(["probe", "--udev", "/dev/absent"])
        .env("REMAPTAB", "/dev/absent")
        .env_remove("DEVPATH")
        .output()
        .expect("it runs");
    assert_eq!(run.status.code(), Some(0));
    assert!(run.stdout.is_empty() && run.stderr.is_empty());
}
