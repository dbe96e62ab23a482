// SPDX-License-Identifier: GPL-2.0-only

//! docs/troubleshooting.md quotes what is really said: whatever can be produced without a kernel is produced here, and
//! compared. Where the page has to be complete, it is.

mod cli_lab;

use std::{collections::BTreeSet, fs, path::Path};

use cli_lab::{remapctl, text, Recording};
use dm_remap_core::{
    grammar::{
        geometry::{Device, Request},
        message::Message,
        table::TableLine,
    },
    identity::{Kind, Mismatch},
    layout::Half,
    open::OpenError,
    units::{Sector, SectorCount},
};

/// The quoted messages in the first table under a heading.
fn quoted(heading: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md");
    let page = fs::read_to_string(page).expect("the page");
    let lines = page.lines().skip_while(|line| *line != heading);
    let rows = lines.skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|'));
    let first = |row: &str| {
        let cell = row.split('|').nth(1)?.trim().to_owned();
        cell.starts_with('`')
            .then(|| cell.trim_matches('`').to_owned())
    };
    let found: Vec<String> = rows.filter_map(first).collect();
    assert!(!found.is_empty(), "{heading} has a table");
    found
}

/// Whether a text is what was quoted, where … stands for anything.
fn is(quoted: &str, text: &str) -> bool {
    let mut parts = quoted.split('…');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = "";
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
        last = part;
    }
    rest.is_empty() || (quoted.contains('…') && last.is_empty())
}

fn each_is_said(heading: &str, said: &BTreeSet<String>) {
    for quoted in quoted(heading) {
        let found = said.iter().any(|text| is(&quoted, text));
        assert!(found, "nothing says '{quoted}', but {said:#?}");
    }
}

#[test]
fn areas_are_refused_as_the_page_says_all_of_them() {
    let half = Half::First;
    let (recorded, given) = (8, 16);
    let all = [
        OpenError::Unreadable,
        OpenError::Foreign("why"),
        OpenError::BadSuperblock("why"),
        OpenError::Unsupported {
            version: 2,
            features: 1,
        },
        OpenError::OtherMain(Mismatch::Other(Kind::DISK)),
        OpenError::OtherMain(Mismatch::Unknown),
        OpenError::OtherStart { recorded, given },
        OpenError::MainShrunk { recorded, given },
        OpenError::SpareShrunk { recorded, given },
        OpenError::OtherBlock {
            recorded: 8,
            given: 16,
        },
        OpenError::StaleSuperblock { log: 2, found: 1 },
        OpenError::LogUnreadable { half, index: 1 },
        OpenError::LogDamaged { half, index: 1 },
        OpenError::LogLost { floor: 2, found: 1 },
        OpenError::NoCheckpoint,
        OpenError::BadMap("why"),
        OpenError::Unwritable,
        OpenError::NoMemory,
    ];
    let said: BTreeSet<String> = all.iter().map(OpenError::to_string).collect();
    let heading = "### A spare area that is refused";
    each_is_said(heading, &said);
    for text in said {
        let rows = quoted(heading);
        assert!(
            rows.iter().any(|row| is(row, &text)),
            "the page lacks '{text}'"
        );
    }
}

/// A device and a target that are right.
fn right() -> Request {
    let device = |sectors| Device {
        size: SectorCount(sectors),
        logical_bytes: 512,
        physical_bytes: 4096,
        zoned: false,
    };
    Request {
        main: device(1 << 20),
        spare: device(1 << 16),
        same_device: false,
        main_start: Sector(0),
        spare_start: Sector(0),
        spare_len: SectorCount(1 << 16),
        begin: Sector(0),
        len: SectorCount(1 << 20),
        block_size: None,
    }
}

#[test]
fn table_lines_are_refused_as_the_page_says() {
    assert!(right().check().is_ok());
    let changes: [fn(&mut Request); 7] = [
        |r| r.main.zoned = true,
        |r| r.spare.logical_bytes = 4096,
        |r| r.main.logical_bytes = 8192,
        |r| {
            r.main.logical_bytes = 4096;
            r.len.0 -= 1;
        },
        |r| r.main_start.0 = 8,
        |r| r.spare_start.0 = 8,
        |r| {
            r.same_device = true;
            r.spare.size = r.main.size;
        },
    ];
    let mut said = BTreeSet::new();
    for change in changes {
        let mut request = right();
        change(&mut request);
        let why = request.check().expect_err("it is wrong");
        said.insert(why.text().to_str().expect("ASCII").to_owned());
    }
    for line in ["a b 0 1 1 scrub", "a b 0 1 2 no_auto_remap"] {
        let why = TableLine::parse(line.split(' ')).expect_err("it is wrong");
        said.insert(why.to_string());
    }
    each_is_said("### A table line that is refused", &said);
}

#[test]
fn messages_are_refused_as_the_page_says() {
    let wrong = [
        "heal",
        "mark 1000",
        "mark 999 2",
        "query 0x10",
        "scan now now",
    ];
    let why = |words: &str| {
        let read = Message::parse(words.split(' '), SectorCount(1000));
        read.expect_err("it is wrong").to_string()
    };
    let said = wrong.into_iter().map(why).collect();
    each_is_said("## A message that is refused", &said);
}

#[test]
fn remapctl_says_what_the_page_says() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("docs-messages");
    fs::create_dir_all(&folder).expect("a folder");
    let path = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    fs::write(path("blank.img"), vec![0u8; 1 << 21]).expect("a file");
    let (blank, absent, new) = (path("blank.img"), path("absent"), path("new.img"));
    let recording = Recording::of_one();
    let runs: [&[&str]; 7] = [
        &["--recorded", recording.path(), "status", "absent"],
        &["check", &absent],
        &["check", &blank, "--offset", "9000"],
        &["dump", &blank],
        &["restore", "-i", &blank, "-o", &new],
        &["repair", "-i", &blank, "-o", &new],
        &["open", "safe", &blank, &blank],
    ];
    let mut said = BTreeSet::new();
    for args in runs {
        let run = remapctl(args);
        assert_eq!(run.status.code(), Some(1), "{args:?}");
        said.extend(text(&run.stderr).lines().map(str::to_owned));
    }
    each_is_said("## remapctl", &said);
}

#[test]
fn what_stands_for_anything_does_not_stand_for_all() {
    assert!(is("a … c", "a b c") && is("a…", "a: b") && is("a…", "a") && is("…: b", "x: b"));
    assert!(!is("a … c", "a b d") && !is("a", "a b") && !is("a … c", "a b c d"));
}
