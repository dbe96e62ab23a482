// SPDX-License-Identifier: GPL-2.0-only

//! Names, files and other programs as an enemy would choose them: nothing that is shown is obeyed by a terminal, nothing is
//! taken away that others need, and what is bad in one place hides nothing in another.

mod cli_lab;
mod core_format_lab;

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    process::{Command, Stdio},
};

use cli_lab::{inside, remapctl, text, Recording};
use core_format_lab::{life::live, twin::Dice, Disk, LEN};
use rustix::fs::{flock, FlockOperation};
use tempfile::tempdir;

/// It colours what follows, writes the title of the window, and is eight bits of the same.
const NAME: &str = "n\u{1b}[31m\u{1b}]0;x\u{7}\u{9b}1m\u{202e}";

/// Whether a terminal shows this and does nothing else.
fn is_shown(said: &str) -> bool {
    let obeyed = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    !said.chars().any(obeyed)
}

#[test]
fn no_name_is_obeyed_by_a_terminal() {
    let recording = Recording::empty();
    recording.disk("8:0", "sd\u{1b}[2Ja");
    recording.disk("8:16", "sdb");
    recording.device(NAME, 0);
    let scores = ["1000"; 4].join(" ");
    recording.put(&format!("dm/{NAME}/messages/health-4"), &scores);
    let mount = "36 35 8:0 / /mnt/a\\040b\\012c\u{1b}[1m rw - ext4 /dev/sda rw";
    recording.put("proc/self/mountinfo", mount);
    let history = format!("{}/history", recording.path());
    for (args, code) in [
        (&["status"][..], 1),
        (&["status", "--brief"], 1),
        (&["health"], 0),
        (&["scan"], 0),
        (&["map", "--parts", "4"], 0),
        (&["record", "--no-smart", "--history", &history], 0),
        (&["export", "ddrescue", NAME], 0),
        (&["status", "absent\u{1b}[2J"], 1),
        (&["tab", "/absent\u{1b}[2J\nline"], 1),
        (&["check", "/absent\u{1b}[2J\nline"], 1),
        (
            &["import", "json", NAME, "/absent\u{1b}[2J", "--dry-run"],
            1,
        ),
    ] {
        let (said, seen) = recording.says(args);
        assert_eq!(seen, code, "{args:?}: {said:?}");
        assert!(is_shown(&said), "{args:?}: {said:?}");
        assert!(said.contains("\\u{1b}["), "{args:?}: {said:?}");
        if code == 1 && args[0] != "status" {
            assert_eq!(said.lines().count(), 1, "{args:?}: {said:?}");
        }
    }
    let (said, _) = recording.says(&["status"]);
    assert!(said.contains("by /mnt/a b\\012c\\u{1b}[1m: "), "{said:?}");
    // The picture's own colours are meant.
    let (said, _) = recording.says(&["map", "--parts", "4", "--color", "always"]);
    assert!(
        said.contains("\u{1b}[") && !said.contains("\u{1b}]0"),
        "{said:?}"
    );
}

#[test]
fn a_file_that_is_standard_output_stays_where_it_is() {
    let recording = Recording::of_one();
    let folder = tempdir().expect("a folder");
    let (link, file) = (folder.path().join("stdout"), folder.path().join("file"));
    let expected = recording.export(&["prometheus"]);
    for stream in ["1", "2"] {
        symlink(format!("/proc/self/fd/{stream}"), &link).expect("a link");
        let to = File::create(&file).expect("a file");
        let mut run = Command::new(env!("CARGO_BIN_EXE_remapctl"));
        run.args(["--recorded", recording.path(), "export", "prometheus", "-o"]);
        run.arg(&link).stdout(Stdio::null()).stderr(Stdio::null());
        match stream {
            "1" => run.stdout(to),
            _ => run.stderr(to),
        };
        assert!(run.status().expect("it can be run").success());
        let meta = fs::symlink_metadata(&link).expect("it is still there");
        assert!(meta.file_type().is_symlink(), "{stream}");
        assert_eq!(fs::read_to_string(&file).expect("text"), expected);
        fs::remove_file(&link).expect("it was there");
    }
}

#[test]
fn one_that_cannot_be_looked_at_hides_no_other() {
    let recording = Recording::of_one();
    recording.device("bad", 1);
    recording.put("sys/block/dm-1/remap/health/score", "many");
    let history = format!("{}/history", recording.path());
    for (args, says) in [
        (&["status"][..], "safe is well"),
        (&["status", "safe", "bad"], "safe is well"),
        (
            &["record", "--no-smart", "--history", &history],
            "safe is written down",
        ),
    ] {
        let run = recording.run(args);
        assert_eq!(run.status.code(), Some(1));
        assert!(text(&run.stdout).contains(says), "{args:?}");
        let error = text(&run.stderr);
        assert!(
            error.starts_with("remapctl: cannot look at bad: "),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let (answer, code) = recording.json(&["status"]);
    assert_eq!(code, 1);
    assert_eq!(answer["well"], false);
    assert_eq!(answer["devices"][0]["name"], "safe");
    assert_eq!(answer["unknown"][0]["name"], "bad");
    // It is there, so it is not said to be closed.
    recording.put("remaptab", "bad /dev/a /dev/b");
    assert_eq!(
        recording.json(&["status"]).0["not_open"],
        serde_json::json!([])
    );
}

#[test]
fn a_history_that_cannot_be_written_takes_nothing_from_the_others() {
    let recording = Recording::of_one();
    recording.device("other", 1);
    let other = "00000000-0000-4000-8000-000000000001";
    recording.put("sys/block/dm-1/remap/uuid", other);
    let history = format!("{}/history", recording.path());
    // It comes before the other one.
    fs::create_dir_all(format!("{history}/{other}.jsonl")).expect("a folder");
    let run = recording.run(&["record", "--no-smart", "--history", &history]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stdout).starts_with("safe is written down"));
    assert!(text(&run.stderr).contains(&format!("cannot write {history}/{other}.jsonl")));
}

#[test]
fn no_table_holds_up_a_boot() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| inside(&folder, name);
    assert!(Command::new("mkfifo")
        .arg(path("pipe"))
        .status()
        .expect("a pipe")
        .success());
    symlink("/dev/zero", path("endless")).expect("a link");
    let large = "# what somebody wrote down\n".repeat(1 << 16);
    fs::write(path("large"), large).expect("room");
    for (name, says) in [
        ("pipe", "it is no file"),
        ("endless", "it is no file"),
        ("large", "it is larger than 1 MiB"),
    ] {
        let run = Command::new("timeout")
            .args(["60", env!("CARGO_BIN_EXE_remapctl"), "generator"])
            .arg(folder.path())
            .env("REMAPTAB", path(name))
            .env("SYSTEMD_PROC_CMDLINE", "")
            .env_remove("SYSTEMD_SCOPE")
            .output()
            .expect("it can be run");
        assert_eq!(run.status.code(), Some(0), "{name}");
        let said = text(&run.stderr);
        let line = format!("remap-generator: cannot read {}: {says}\n", path(name));
        assert_eq!(said, line);
    }
}

#[test]
fn what_is_no_dump_is_not_read_to_its_end() {
    let folder = tempdir().expect("a folder");
    let area = folder.path().join("area");
    let line = "ulimit -v 2000000; exec \"$0\" restore -i /dev/zero -o \"$1\"";
    let run = Command::new("sh")
        .args(["-c", line, env!("CARGO_BIN_EXE_remapctl")])
        .arg(&area)
        .output()
        .expect("a shell");
    assert_eq!(run.status.code(), Some(1));
    let said = text(&run.stderr);
    assert!(said.contains("expected value at line 1 column 1"), "{said}");
    assert!(!area.exists());
}

#[test]
fn an_image_is_written_by_one_alone() {
    let folder = tempdir().expect("a folder");
    let name = |file: &str| inside(&folder, file);
    fs::write(name("area"), live(&mut Dice(4)).disk.medium).expect("room");
    fs::write(name("blank"), Disk::new(LEN).medium).expect("room");
    let other = File::open(name("blank")).expect("it is there");
    flock(&other, FlockOperation::LockExclusive).expect("nobody else has it");
    let repair = || remapctl(&["repair", "-i", &name("area"), "-o", &name("blank")]);
    let run = repair();
    assert_eq!(run.status.code(), Some(1));
    let says = format!(
        "remapctl: {} is in use: another program writes it\n",
        name("blank")
    );
    assert_eq!(text(&run.stderr), says);
    drop(other);
    assert_eq!(repair().status.code(), Some(0));
}
