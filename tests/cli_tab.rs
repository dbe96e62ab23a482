// SPDX-License-Identifier: GPL-2.0-only

//! `/etc/remaptab`: what its lines mean, what is said of those that are wrong, and which devices the root file system needs.

mod cli_lab;

use std::{fs, os::unix::fs::symlink};

use cli_lab::{text, Recording};
use serde_json::Value;
use tempfile::TempDir;

const UUID: &str = "2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11";

/// What `tab` says of a table: the document, what stands on standard error, and the exit code.
fn tab(table: &str, more: &[&str]) -> (Value, String, i32) {
    tab_on(&Recording::empty(), table, more)
}

fn tab_on(recording: &Recording, table: &str, more: &[&str]) -> (Value, String, i32) {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("remaptab");
    fs::write(&file, table).expect("a file");
    let path = file.to_str().expect("letters");
    let (document, code) = recording.json(&[&["tab", path][..], more].concat());
    let run = recording.run(&[&["tab", path][..], more].concat());
    assert_eq!(run.status.code(), Some(code));
    let said = text(&run.stderr).replace(path, "TAB");
    (document, said, code)
}

#[test]
fn each_line_means_what_it_says() {
    let rows: &[(&str, &str, &str, &str)] = &[
        (
            "safe /dev/sda /dev/sdb",
            "/dev/sda",
            "/dev/sdb",
            "safe /dev/sda /dev/sdb -",
        ),
        (
            "  safe\t/dev/sda   /dev/sdb -  ",
            "/dev/sda",
            "/dev/sdb",
            "safe /dev/sda /dev/sdb -",
        ),
        (
            "s PARTUUID=ABCD-01 PARTLABEL=my/spare none",
            "/dev/disk/by-partuuid/abcd-01",
            "/dev/disk/by-partlabel/my\\x2fspare",
            "s PARTUUID=abcd-01 PARTLABEL=my/spare -",
        ),
        (
            "s /dev/disk/by-id/x AREA=2F1B9C1E5F0E4A539D1A0C9B6D1F7A11 nofail,spare-start=2048",
            "/dev/disk/by-id/x",
            "/dev/disk/by-id/remap-area-2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11",
            "s /dev/disk/by-id/x AREA=2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11 spare-start=2048,nofail",
        ),
        (
            "s /dev/a /dev/b scan=idle,read-only,no-auto-remap,error-policy=any,pending-writes=main,noauto,initramfs,x-systemd.device-timeout=1min30s,x-other=1",
            "/dev/a",
            "/dev/b",
            "s /dev/a /dev/b error-policy=any,pending-writes=main,scan=idle,read-only,no-auto-remap,noauto,initramfs,x-systemd.device-timeout=1min30s",
        ),
        (
            "s /dev/a /dev/b error-policy=confirm,scan=off,pending-writes=remap,spare-start=0",
            "/dev/a",
            "/dev/b",
            "s /dev/a /dev/b -",
        ),
    ];
    for (line, main, spare, again) in rows {
        let (said, errors, code) = tab(line, &[]);
        assert_eq!((errors.as_str(), code), ("", 0), "{line}");
        let entry = &said["entries"][0];
        assert_eq!(entry["main_path"], *main, "{line}");
        assert_eq!(entry["spare_path"], *spare, "{line}");
        assert_eq!(entry["text"], *again, "{line}");
        // What is printed is a table as well, and the same.
        let (twice, _, _) = tab(again, &[]);
        assert_eq!(twice["entries"], said["entries"], "{line}");
    }
}

#[test]
fn each_wrong_line_is_told_with_its_number_and_hides_no_other() {
    let rows: &[(&str, &str)] = &[
        ("x", "MAIN and SPARE are missing"),
        ("x /dev/a", "SPARE is missing"),
        ("x /dev/a /dev/b - more", "'more' is one word too many"),
        (
            "x /dev/a /dev/b nofail, noauto",
            "'noauto' is one word too many",
        ),
        ("a/b /dev/a /dev/b", "'a/b' cannot be a name"),
        ("first /dev/a /dev/b", "line 1 has the name first already"),
        (
            "x sda /dev/b",
            "MAIN 'sda' is no path below /dev, and no PARTUUID= or PARTLABEL=",
        ),
        (
            "x /dev/a sdb",
            "SPARE 'sdb' is no path below /dev, and no PARTUUID=, PARTLABEL= or AREA=",
        ),
        (
            "x /dev/../etc/a /dev/b",
            "MAIN '/dev/../etc/a' is no plain path",
        ),
        ("x /dev/ /dev/b", "MAIN '/dev/' is no plain path"),
        (
            "x PARTLABEL=.. /dev/b",
            "MAIN 'PARTLABEL=..': no link can be called so",
        ),
        (
            "x /dev/\u{1b}[31ma /dev/b",
            "'/dev/\\u{1b}[31ma' has a control character in it",
        ),
        (
            "x UUID=12 /dev/b",
            "MAIN 'UUID=12' is the name of what lies on the disk",
        ),
        (
            "x LABEL=12 /dev/b",
            "MAIN 'LABEL=12' is the name of what lies on the disk",
        ),
        (
            "x /dev/disk/by-uuid/12 /dev/b",
            "is the name of what lies on the disk",
        ),
        ("x AREA=12 /dev/b", "MAIN 'AREA=12' would be a spare area"),
        ("x /dev/a UUID=12", "AREA= takes the UUID of a spare area"),
        (
            "x /dev/a AREA=12",
            "SPARE 'AREA=12' has no UUID after AREA=",
        ),
        ("x PARTUUID= /dev/b", "MAIN 'PARTUUID=' has no UUID"),
        ("x PARTUUID=xyz /dev/b", "MAIN 'PARTUUID=xyz' has no UUID"),
        ("x /dev/a PARTLABEL=", "SPARE 'PARTLABEL=' has no label"),
        (
            "x /dev/a /dev/b nofial",
            "option 'nofial' is none that there is",
        ),
        ("x /dev/a /dev/b nofail=1", "option nofail takes no value"),
        (
            "x /dev/a /dev/b scan",
            "option scan lacks its value: scan=...",
        ),
        (
            "x /dev/a /dev/b scan=no",
            "option scan: 'no' is none of off, idle, on",
        ),
        (
            "x /dev/a /dev/b error-policy=all",
            "'all' is none of medium, confirm, any",
        ),
        (
            "x /dev/a /dev/b pending-writes=",
            "'' is none of remap, main",
        ),
        (
            "x /dev/a /dev/b spare-start=1M",
            "'1M' is no number of sectors",
        ),
        (
            "x /dev/a /dev/b spare-start=+1",
            "'+1' is no number of sectors",
        ),
        (
            "x /dev/a /dev/b x-systemd.device-timeout=soon",
            "'soon' is no time",
        ),
        (
            "x /dev/a /dev/b x-systemd.automount",
            "option 'x-systemd.automount' is none",
        ),
        ("x /dev/a /dev/b nofail,,noauto", "an option is empty"),
    ];
    for (line, says) in rows {
        let table = format!("first /dev/1 /dev/2\n\n# {line}\n{line}\nlast /dev/3 /dev/4\n");
        let (said, errors, code) = tab(&table, &[]);
        assert_eq!(code, 1, "{line}");
        assert!(
            errors.starts_with("remapctl: TAB:4: ") && errors.contains(says),
            "{line}: {errors}"
        );
        assert_eq!(errors.lines().count(), 1, "{line}: {errors}");
        assert_eq!(said["well"], false, "{line}");
        assert_eq!(said["wrong"][0]["line"], 4, "{line}");
        let names: Vec<&Value> = said["entries"]
            .as_array()
            .expect("entries")
            .iter()
            .map(|entry| &entry["name"])
            .collect();
        assert_eq!(names, ["first", "last"], "{line}");
    }
}

#[test]
fn a_table_of_anything_is_read_to_its_end() {
    for bytes in [&b"\xff\xfe\x00"[..], b"a\x00b /dev/a /dev/b", b"\r\n\r\n"] {
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("remaptab");
        fs::write(&file, [bytes, b"\nlast /dev/3 /dev/4"].concat()).expect("a file");
        let (said, _) = Recording::empty().json(&["tab", file.to_str().expect("letters")]);
        let last = said["entries"].as_array().and_then(|all| all.last());
        assert_eq!(last.expect("an entry")["name"], "last");
    }
}

/// A root file system on a partition of the mapped device `top`, which is made of `safe`.
fn rooted() -> Recording {
    let recording = Recording::of_one();
    recording.put("sys/block/dm-1/dm/name", "top");
    recording.put("sys/block/dm-1/slaves/here", "");
    recording.put("sys/block/dm-1/dm-1p1/partition", "1");
    let at = |path: &str| format!("{}/{path}", recording.path());
    symlink(at("sys/block/dm-0"), at("sys/block/dm-1/slaves/dm-0")).expect("a link");
    symlink(at("sys/block/dm-1/dm-1p1"), at("sys/dev/block/259:1")).expect("a link");
    recording.put(
        "proc/self/mountinfo",
        "20 1 259:1 / / rw - ext4 /dev/root rw\n21 20 0:5 / /proc rw - proc proc rw",
    );
    recording
}

#[test]
fn what_the_root_file_system_stands_on_goes_to_the_initramfs() {
    let table = format!(
        "other /dev/1 AREA={UUID}\nsafe /dev/3 /dev/4 scan=on\nthird /dev/5 /dev/6 initramfs\n"
    );
    let (said, errors, code) = tab_on(&rooted(), &table, &["--initramfs"]);
    assert_eq!((errors.as_str(), code), ("", 0));
    let lines: Vec<&str> = said["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["text"].as_str())
        .collect();
    // The others are there for their main devices to be hidden.
    let other = format!("other /dev/1 AREA={UUID} noauto");
    assert_eq!(
        lines,
        [
            other.as_str(),
            "safe /dev/3 /dev/4 scan=on,initramfs",
            "third /dev/5 /dev/6 initramfs"
        ]
    );
}

#[test]
fn a_root_device_that_the_table_lacks_is_told() {
    let (said, errors, code) = tab_on(&rooted(), "other /dev/1 /dev/2\n", &["--initramfs"]);
    assert_eq!(code, 1);
    assert_eq!(
        errors,
        "remapctl: the root file system needs the remap device safe, which TAB does not have\n"
    );
    assert_eq!(said["entries"][0]["initramfs"], false);
}

#[test]
fn open_by_name_alone_is_by_the_table() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("remaptab");
    fs::write(&file, "safe /dev/absent-main /dev/absent-spare\nbad\n").expect("a file");
    let open = |name: &str| {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_remapctl"))
            .args(["open", name])
            .env("REMAPTAB", &file)
            .output()
            .expect("it runs");
        assert_eq!(run.status.code(), Some(1));
        text(&run.stderr).to_owned()
    };
    assert!(open("safe").contains("/dev/absent-main: No such file or directory"));
    let said = open("other");
    assert!(
        said.contains("has no device other, and line 2 is wrong: MAIN and SPARE are missing"),
        "{said}"
    );
}
