// SPDX-License-Identifier: GPL-2.0-only

//! What is wrong with a command line in a way that all commands know, one row a command: an argument too few or too many,
//! an option that is none, a device that is not there. The answer is one line, whose help it names, and an exit code.
//! What is bad for one command alone is in the tests of that command.

mod cli_lab;

use cli_lab::{text, Recording};

/// A command, arguments that are too few, arguments that are one too many, and arguments whose device is not there, with
/// what is said of it. Empty where there is nothing of the kind; `none` are no arguments.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const ROWS: &[Row] = &[
    ("format", "/absent", "/absent /absent more", "", ""),
    ("open", "safe /absent", "safe /absent /absent more", "", ""),
    ("close", "none", "", "", ""),
    ("status", "", "", "absent", "there is no device absent"),
    ("health", "", "", "absent", "there is no device absent"),
    ("map", "", "", "absent", "there is no device absent"),
    ("scan", "", "", "", ""),
    ("scan show", "", "", "absent", "there is no device absent"),
    (
        "scan start",
        "none",
        "",
        "absent",
        "there is no device absent",
    ),
    (
        "scan stop",
        "none",
        "",
        "absent",
        "there is no device absent",
    ),
    (
        "scan pause",
        "none",
        "",
        "absent",
        "there is no device absent",
    ),
    (
        "scan resume",
        "none",
        "",
        "absent",
        "there is no device absent",
    ),
    (
        "scan now",
        "none",
        "",
        "absent",
        "there is no device absent",
    ),
    (
        "scan set",
        "none",
        "",
        "absent --intensity 3",
        "there is no device absent",
    ),
    ("watch", "", "", "absent", "there is no device absent"),
    ("record", "", "", "absent", "there is no device absent"),
    ("export", "", "", "", ""),
    (
        "export badblocks",
        "safe",
        "safe --block-size 512 more",
        "absent --block-size 512",
        "there is no device absent",
    ),
    (
        "export ddrescue",
        "none",
        "safe more",
        "absent",
        "there is no device absent",
    ),
    (
        "export json",
        "none",
        "safe more",
        "absent",
        "there is no device absent",
    ),
    (
        "export prometheus",
        "",
        "",
        "absent",
        "there is no device absent",
    ),
    ("import", "", "", "", ""),
    (
        "import badblocks",
        "safe /absent",
        "safe /absent more --block-size 512",
        "absent /absent --block-size 512 -n",
        "there is no device absent",
    ),
    (
        "import ddrescue",
        "safe",
        "safe /absent more",
        "absent /absent -n",
        "there is no device absent",
    ),
    (
        "import json",
        "safe",
        "safe /absent more",
        "absent /absent -n",
        "there is no device absent",
    ),
    ("report", "", "", "absent", "there is no device absent"),
    (
        "check",
        "none",
        "/absent more",
        "/absent",
        "cannot open /absent",
    ),
    (
        "dump",
        "none",
        "/absent more",
        "/absent",
        "cannot open /absent",
    ),
    (
        "restore",
        "-i /absent",
        "-i /absent -o /absent more",
        "-i /absent -o /absent",
        "cannot read /absent",
    ),
    (
        "repair",
        "-i /absent",
        "-i /absent -o /absent more",
        "-i /absent -o /absent/new",
        "cannot open /absent",
    ),
    ("tab", "", "/absent more", "/absent", "there is no /absent"),
    ("simulate", "", "more", "", ""),
];

/// Runs it in words and in JSON: one line that has `says` in it, names the help of `command` if it is the command line that
/// is wrong, and nothing else.
fn bad(recording: &Recording, args: &[&str], code: i32, command: &str, says: &str) {
    for json in [&[][..], &["--json"]] {
        let args = [json, args].concat();
        let run = recording.run(&args);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
        assert!(run.stdout.is_empty(), "{args:?}");
        let line = if json.is_empty() {
            said.trim_end()
                .strip_prefix("remapctl: ")
                .map(str::to_owned)
        } else {
            let error = serde_json::from_str::<serde_json::Value>(said).ok();
            error.and_then(|e| e["error"].as_str().map(str::to_owned))
        };
        let line = line.unwrap_or_else(|| panic!("{args:?}: {said}"));
        assert!(line.contains(says), "{args:?}: {line}, not {says}");
        let name = format!("remapctl {command}");
        let help = format!(" ({} --help tells more)", name.trim_end());
        assert_eq!(line.ends_with(&help), code == 2, "{args:?}: {line}");
    }
}

#[test]
fn each_command_tells_what_is_wrong_in_one_line() {
    let recording = Recording::of_one();
    let commands = cli_lab::commands(&[]);
    let named: Vec<String> = commands.iter().skip(1).map(|c| c.join(" ")).collect();
    let rows: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
    assert_eq!(named, rows, "each command has a row");
    for (command, few, many, absent, says) in ROWS {
        let with = |more: &'static str| -> Vec<&str> {
            command.split(' ').chain(more.split_whitespace()).collect()
        };
        for help in ["--help", "-h"] {
            let run = recording.run(&with(help));
            assert_eq!(run.status.code(), Some(0), "{command}");
            let usage = format!("Usage: remapctl {command}");
            assert!(text(&run.stdout).contains(&usage), "{command}");
            assert!(run.stderr.is_empty(), "{command}");
        }
        let unknown = "unexpected argument '--nonsense' found";
        bad(&recording, &with("--nonsense"), 2, command, unknown);
        if !few.is_empty() {
            let few = with(if *few == "none" { "" } else { few });
            bad(
                &recording,
                &few,
                2,
                command,
                "required arguments were not provided: ",
            );
        }
        if !many.is_empty() {
            bad(
                &recording,
                &with(many),
                2,
                command,
                "unexpected argument 'more' found",
            );
        }
        if !absent.is_empty() {
            bad(&recording, &with(absent), 1, command, says);
        }
    }
}

#[test]
fn what_was_meant_or_would_be_right_is_said() {
    let recording = Recording::of_one();
    let rows: &[(&[&str], &str, &str)] = &[
        (&[], "", "no command given"),
        (&["qqq"], "", "unrecognized subcommand 'qqq' ("),
        (
            &["stauts"],
            "",
            "unrecognized subcommand 'stauts'; perhaps 'status' is meant",
        ),
        (
            &["help", "frobnicate"],
            "",
            "unrecognized subcommand 'frobnicate'",
        ),
        (
            &["--nonsense", "status"],
            "",
            "unexpected argument '--nonsense'",
        ),
        (
            &["stat"],
            "",
            "unrecognized subcommand 'stat'; perhaps 'status' is meant",
        ),
        (
            &["scan", "safe"],
            "scan",
            "'safe'; perhaps 'remapctl scan show safe' is meant",
        ),
        (
            &["scan", "strat"],
            "scan",
            "'strat'; perhaps 'start' is meant",
        ),
        (
            &["status", "--breif"],
            "status",
            "'--breif' found; perhaps '--brief' is meant",
        ),
        (
            &["map", "--color", "alwys"],
            "map",
            "[possible values: auto, always, never]; perhaps 'always' is meant",
        ),
        (
            &["scan", "set", "a", "--order", "up"],
            "scan set",
            "[possible values: staggered, sequential]",
        ),
        (
            &["watch", "--interval", "0.1"],
            "watch",
            "'0.1' for '--interval <SECONDS>': it is not from 0.2 to 3600",
        ),
        (
            &["simulate", "--generator", "nope"],
            "simulate",
            "'nope' for '--generator <KIND>' [possible values: healthy, ",
        ),
        (
            &["open", "a", "b", "c", "--scan", "no"],
            "open",
            "[possible values: off, idle, on]",
        ),
        (
            &["health", "safe", "--auto-evacuate", "yes"],
            "health",
            "[possible values: on, off]",
        ),
        (
            &["repair", "--uncertain", "drop"],
            "repair",
            "[possible values: lost, keep]",
        ),
    ];
    for (args, command, says) in rows {
        bad(&recording, args, 2, command, says);
    }
    // The value of an option is no command.
    let run = cli_lab::remapctl(&["--recorded", "status", "scan", "--nonsense"]);
    assert!(text(&run.stderr).contains("(remapctl scan --help tells more)"));
}
