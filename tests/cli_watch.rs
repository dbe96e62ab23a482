// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl watch` in a terminal, on recorded devices that change: keys, sizes, devices that come and go, and a terminal
//! that is as it was, however it ends.

mod cli_lab;
#[path = "cli_lab/pty.rs"]
mod pty;

use std::{
    fs,
    process::{Command, Stdio},
};

use cli_lab::{text, Recording};
use pty::InTerminal;

/// `safe` in a MiB, so that its map is a part, and `aside`.
fn two() -> Recording {
    let recording = Recording::of_one();
    recording.device("aside", 1);
    recording.change("dm/safe/table", "0 209715200", "0 2048");
    recording.put("dm/safe/messages/health-1", "1000");
    recording
}

fn command(recording: &Recording, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remapctl"));
    command.args(["--recorded", recording.path(), "watch"]);
    command.args(args);
    for name in ["NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG"] {
        command.env_remove(name);
    }
    command
}

fn watch(recording: &Recording, args: &[&str], columns: u16, lines: u16) -> InTerminal {
    let fast = [args, &["--interval", "0.2"]].concat();
    InTerminal::run(&mut command(recording, &fast), columns, lines)
}

#[test]
fn what_changes_is_seen_and_keys_lead_from_the_list_to_a_page_and_back() {
    let recording = two();
    let mut screen = watch(&recording, &[], 100, 30);
    screen.sees("2 devices ");
    screen.sees("> aside   1000 good  is well");
    screen.sees("q quit  ? help  enter open");
    recording.status("rw - -", "rw - storm");
    screen.sees("2 devices, 1 in danger");
    screen.types("j");
    screen.sees("> safe    1000 good  in danger");
    screen.types("\r");
    screen.sees("  DANGER    errors come from everywhere");
    screen.sees("a storm began");
    screen.sees("  map       1 part of 1 MiB");
    recording.status("read_errors 0", "read_errors 2");
    screen.sees("errors    reads 2 (+2, ");
    screen.types("?");
    screen.sees("these lines");
    screen.types("\u{1b}");
    screen.until("the page", |seen| seen.contains("errors    reads 2"));
    screen.types("\u{1b}");
    screen.sees("2 devices, 1 in danger");
    screen.types("p");
    screen.sees("paused");
    screen.types("q");
    let (status, _) = screen.ends();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn what_the_kernel_said_is_among_the_events() {
    let recording = two();
    recording.put("proc/uptime", "1000.00 1.00");
    let line = "4,7,940000000,-;dm_remap: safe: it is a cable\n4,8,950000000,-;dm_remap: aside: not of this one";
    recording.put("kmsg", line);
    let mut screen = watch(&recording, &["safe"], 100, 40);
    screen.sees("  events    60 seconds ago: kernel: it is a cable");
    assert!(!screen.screen().contains("not of this one"));
    screen.types("q");
    assert_eq!(screen.ends().0.code(), Some(0));
}

#[test]
fn devices_come_and_go_and_what_fails_is_shown() {
    let recording = two();
    let mut screen = watch(&recording, &[], 120, 10);
    screen.sees("> aside");
    recording.device("third", 2);
    screen.sees("\n  third ");
    fs::remove_dir_all(format!("{}/sys/block/dm-1", recording.path())).expect("it was there");
    screen.sees("3 devices, 1 gone");
    recording.device("aside", 1);
    screen.until("it is back", |seen| !seen.contains("gone"));
    recording.attribute("scan/position", "nonsense");
    screen.sees("  scan/position is 'nonsense'");
    recording.attribute("scan/position", "0 / 8");
    screen.until("it is well", |seen| !seen.contains("nonsense"));
    let sys = format!("{}/sys", recording.path());
    fs::rename(&sys, format!("{sys}-away")).expect("it was there");
    screen.sees("cannot look: ");
    fs::rename(format!("{sys}-away"), &sys).expect("it was there");
    screen.until("it can be seen again", |seen| !seen.contains("cannot look"));
    screen.types("q");
    assert_eq!(screen.ends().0.code(), Some(0));
}

#[test]
fn it_follows_the_size_of_the_window() {
    let recording = two();
    let mut screen = watch(&recording, &["safe"], 20, 5);
    screen.sees("safe is well\nmain ");
    screen.sees("\nq quit  ? help     ↓\n");
    screen.resize(90, 30);
    screen.sees("  main      /dev/sda, 1 MiB from sector 0");
    screen.sees("q quit  ? help  esc list  ↑ ↓ scroll  tab next device  p pause  r look now");
    screen.resize(1, 1);
    screen.resize(40, 8);
    screen.sees("q quit  ? help  esc list  ↑ ↓ scroll");
    screen.types("q");
    assert_eq!(screen.ends().0.code(), Some(0));
}

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    let recording = two();
    for (how, signal) in [
        ("Ctrl-C", None),
        ("SIGINT", Some(libc::SIGINT)),
        ("SIGTERM", Some(libc::SIGTERM)),
        ("SIGHUP", Some(libc::SIGHUP)),
    ] {
        let mut screen = watch(&recording, &[], 80, 24);
        screen.sees("q quit");
        match signal {
            // Twice, as terminals that go do.
            Some(signal) => {
                screen.signal(signal);
                screen.signal(signal);
            }
            None => screen.types("\u{3}"),
        }
        let (status, said) = screen.ends();
        assert_eq!(status.code(), Some(130), "{how}");
        assert!(
            said.ends_with("remapctl: interrupted\r\n"),
            "{how}: {said:?}"
        );
    }
}

#[test]
fn colours_and_signs_are_those_of_the_environment() {
    let recording = two();
    let colors = |change: fn(&mut Command) -> &mut Command| {
        let mut command = command(&recording, &["safe"]);
        change(&mut command);
        let mut screen = InTerminal::run(&mut command, 80, 40);
        screen.sees("  map       1 part");
        screen.types("q");
        let (_, all) = screen.ends();
        (all.contains("38;5;34"), all.contains('│'))
    };
    assert_eq!(colors(|c| c), (true, true));
    assert_eq!(colors(|c| c.env("NO_COLOR", "1")), (false, true));
    assert_eq!(colors(|c| c.arg("--ascii")), (false, false));
    assert_eq!(colors(|c| c.env("LC_ALL", "C")), (false, false));
    assert_eq!(colors(|c| c.env("LC_ALL", "de_AT.UTF-8")), (true, true));
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let recording = two();
    let (said, code) = recording.says(&["watch"]);
    let line = "remapctl: watch needs a terminal, and standard output is none: remapctl status says the same once\n";
    assert_eq!((said.as_str(), code), (line, 1));
    let run = recording.run(&["--json", "watch"]);
    assert_eq!(run.status.code(), Some(2));
    let error: serde_json::Value = serde_json::from_slice(&run.stderr).expect("it is JSON");
    let said = error["error"].as_str().unwrap_or_default();
    assert!(said.contains("remapctl --json status"), "{said}");
    for interval in ["0", "0.1", "3601", "-1", "nan", "inf", "soon"] {
        let (said, code) = recording.says(&["watch", &format!("--interval={interval}")]);
        assert_eq!(code, 2, "{interval}");
        assert!(said.starts_with("remapctl: invalid value"), "{said}");
    }
    let run = Command::new("script")
        .args(["--quiet", "--return", "--command"])
        .arg(format!(
            "TERM=dumb {} --recorded {} watch",
            env!("CARGO_BIN_EXE_remapctl"),
            recording.path()
        ))
        .arg("/dev/null")
        .stdin(Stdio::null())
        .output()
        .expect("script can be run");
    assert_eq!(run.status.code(), Some(1));
    let said = text(&run.stdout);
    assert!(said.contains("this terminal cannot place text"), "{said}");
}

#[test]
fn what_cannot_be_looked_at_at_once_is_an_error_as_of_any_command() {
    let recording = two();
    fs::remove_dir_all(format!("{}/sys", recording.path())).expect("it was there");
    let run = recording.run(&["watch"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).starts_with("remapctl: "));
    assert!(run.stdout.is_empty());
}
