// SPDX-License-Identifier: GPL-2.0-only

//! How commands for spare areas end early: nobody reads on, or somebody pressed Ctrl-C.

mod cli_lab;
mod core_format_lab;

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use cli_lab::{remapctl, text};
use core_format_lab::{life::live, twin::Dice, Disk, LEN};
use tempfile::tempdir;

/// All files of a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        fs::read(entry.path()).ok().map(|bytes| (name, bytes))
    };
    entries.filter_map(file).collect()
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("area");
    // More than a pipe holds.
    let mut disk = core_format_lab::formatted(LEN);
    let opened = core_format_lab::open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
    let mut driver = core_format_lab::drive::Driver::new(opened.map, opened.writer);
    let power = &mut core_format_lab::drive::Power::default();
    for n in 0..400u64 {
        let batch = [core_format_lab::rot::remap(n)];
        assert_eq!(driver.commit(&mut disk, power, &batch), Ok(()));
    }
    fs::write(&path, &disk.medium).expect("room");
    for json in [&["--json"][..], &[]] {
        let mut run = Command::new(env!("CARGO_BIN_EXE_remapctl"))
            .args(json)
            .arg("dump")
            .arg(&path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("remapctl can be run");
        // Nobody reads.
        drop(run.stdout.take());
        let mut said = String::new();
        let mut errors = run.stderr.take().expect("a pipe");
        errors.read_to_string(&mut said).expect("text");
        assert_eq!(
            (run.wait().expect("it ends").code(), said.as_str()),
            (Some(0), "")
        );
    }
}

/// The process has a handler for SIGINT.
fn listens(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & 2 != 0)
}

#[test]
fn what_is_interrupted_leaves_nothing() {
    let folder = tempdir().expect("a folder");
    let name = |file: &str| {
        let path = folder.path().join(file);
        path.to_str().expect("letters").to_owned()
    };
    fs::write(name("area"), live(&mut Dice(4)).disk.medium).expect("room");
    fs::write(name("blank"), Disk::new(LEN).medium).expect("room");
    let dump = remapctl(&["--json", "dump", &name("area")]).stdout;
    let before = files(folder.path());
    for output in ["new", "blank"] {
        let mut run = Command::new(env!("CARGO_BIN_EXE_remapctl"))
            .args(["restore", "-i", "-", "--data-from", &name("area"), "-o"])
            .arg(name(output))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("remapctl can be run");
        // It waits for the dump; the signal is there before it has all of it.
        while !listens(run.id()) {
            std::thread::yield_now();
        }
        let pid = run.id().to_string();
        let kill = format!("kill -INT {pid}");
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("a shell").success());
        let mut input = run.stdin.take().expect("a pipe");
        input.write_all(&dump).expect("it reads");
        drop(input);
        let end = run.wait_with_output().expect("it ends");
        let said = text(&end.stderr);
        assert_eq!(end.status.code(), Some(130), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("interrupted"), "{said}");
        assert!(files(folder.path()) == before, "{output}");
    }
}
