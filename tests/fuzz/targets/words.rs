// SPDX-License-Identifier: GPL-2.0-only

//! The table line and messages: words with one space between them. Both are compared with a second reader.

use dm_remap_core::{
    grammar::{message::Message, table::TableLine},
    units::SectorCount,
};

use super::{
    described::{described, digits, is_a_line, spoken, table},
    texts, Target,
};

pub const TABLE: Target = Target {
    name: "table",
    most: 256,
    run: run_table,
    seeds: || {
        texts(&[
            "/dev/sda /dev/sdb 0 2097152",
            "8:0 8:16 2048 409600 9 block_sectors 16 main_start 64 error_policy any pending_writes main no_auto_remap",
            "8:0 8:16 0 18446744073709551615 4 scan idle error_policy medium",
        ])
    },
    words: &[
        " block_sectors ",
        " main_start ",
        " error_policy ",
        " pending_writes ",
        " no_auto_remap",
        " scan ",
        "medium",
        "confirm",
        "any",
        "remap",
        "main",
        "off",
        "idle",
        "on",
        "18446744073709551615",
        "18446744073709551616",
        " 2 ",
        " 1 ",
        "2048",
        "0",
    ],
};

pub const MESSAGE: Target = Target {
    name: "message",
    most: 128,
    run: run_message,
    seeds: || {
        texts(&[
            "409600 remap 4096 8",
            "409600 retest all",
            "8 query 7",
            "8 list pending from 0",
            "8 set error_policy medium",
            "8 set pending_writes main",
            "8 set auto_remap off",
            "8 scan now",
            "8 health 1024",
            "8 health reset",
            "8 health smart 12",
            "8 clear_needs_check",
        ])
    },
    words: &[
        "remap ",
        "evacuate ",
        "retest ",
        "mark ",
        "unmark ",
        "query ",
        "list ",
        "set ",
        "scan ",
        "health ",
        "clear_needs_check",
        "reset_stats",
        "help",
        "all",
        "from ",
        "remapped",
        "pending",
        "lost",
        "error_policy ",
        "pending_writes ",
        "auto_remap ",
        "start",
        "stop",
        "pause",
        "resume",
        "now",
        "reset",
        "18446744073709551615",
        "18446744073709551616",
        " ",
        "1024",
        "1025",
    ],
};

fn run_table(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let words: Vec<&str> = text.split(' ').collect();
    let read = TableLine::parse(words.iter().copied());
    assert_eq!(read.ok(), table(&words), "as the second reader has it");
    match read {
        Err(why) => assert!(is_a_line(&why.to_string())),
        Ok(line) => {
            let printed = line.to_string();
            let again = TableLine::parse(printed.split(' '));
            assert_eq!(again, Ok(line), "what is printed loads again");
        }
    }
}

fn run_message(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut words = text.split(' ');
    // The length of the target comes first.
    let Some(len) = words.next().and_then(digits).filter(|len| *len > 0) else {
        return;
    };
    let words: Vec<&str> = words.collect();
    let parse = |words: &[&str]| Message::parse(words.iter().copied(), SectorCount(len));
    let read = parse(&words);
    assert_eq!(
        read.ok(),
        described(&words, len),
        "as the second reader has it"
    );
    match read {
        Err(why) => assert!(is_a_line(&why.to_string())),
        Ok(message) => {
            let said = spoken(&message);
            let again: Vec<&str> = said.split(' ').collect();
            assert_eq!(parse(&again), Ok(message));
            if let Message::Blocks { start, len: n, .. } = message {
                let end = u128::from(start.0) + u128::from(n.0);
                assert!(n.0 > 0 && end <= u128::from(len), "inside the target");
            }
        }
    }
}
