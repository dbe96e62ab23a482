// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl format`, `open` and `close` without a device: bad input. What they do is in tests/guest/remapctl-open.sh.

mod cli_lab;

use cli_lab::{remapctl, text, Recording};

#[test]
fn bad_input_is_one_line_and_an_exit_code() {
    let cases: [(&[&str], i32, &str); 12] = [
        (
            &["format", "/dev/absent", "/dev/null"],
            1,
            "/dev/absent: No such file",
        ),
        (
            &["format", "/dev/null", "/dev/null"],
            1,
            "/dev/null is no block device",
        ),
        (
            &["format", "/", "/dev/null", "--yes"],
            1,
            "/ is no block device",
        ),
        (
            &["format", "/a", "/b", "--size", "20"],
            2,
            "it lacks its unit",
        ),
        (
            &["format", "/a", "/b", "--size", "101%"],
            2,
            "percents are from 1 to 100",
        ),
        (
            &["format", "/a", "/b", "--spare-start", "-1"],
            2,
            "unexpected argument '-1'",
        ),
        (
            &["format", "/a", "/b", "--block-sectors", "many"],
            2,
            "invalid value 'many'",
        ),
        (
            &["open", "a b", "/dev/null", "/dev/null"],
            1,
            "'a b' cannot be a name",
        ),
        (
            &["open", "control", "/dev/null", "/dev/null"],
            1,
            "'control' cannot be a name",
        ),
        (
            &["open", "x", "/dev/absent", "/dev/null"],
            1,
            "/dev/absent: No such file",
        ),
        (
            &["open", "x", "/dev/null", "/dev/null"],
            1,
            "/dev/null is no block device",
        ),
        (
            &["open", "x", "/a", "/b", "--spare-start", "0x10"],
            2,
            "invalid value '0x10'",
        ),
    ];
    for (args, code, says) in cases {
        let run = remapctl(args);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{args:?}: {said}");
        assert!(
            said.starts_with("remapctl: ") && said.contains(says),
            "{args:?}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
        assert!(run.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_recording_is_not_taken_for_a_live_system() {
    let recording = Recording::of_one();
    for args in [
        &["close", "safe"][..],
        &["open", "x", "/dev/null", "/dev/null"],
        &["format", "/dev/null", "/dev/null", "--yes"],
    ] {
        assert_eq!(
            recording.says(args),
            ("remapctl: a recording cannot be changed\n".to_owned(), 1)
        );
    }
}

#[test]
fn help_warns_of_raw_main() {
    let run = remapctl(&["open", "--help"]);
    assert!(text(&run.stdout)
        .replace('\n', " ")
        .contains("main itself must not be mounted or written"));
    let run = remapctl(&["format", "--help"]);
    for word in ["--yes", "--overwrite", "--size <SIZE>", "Exit codes:"] {
        assert!(text(&run.stdout).contains(word), "{word}");
    }
}
