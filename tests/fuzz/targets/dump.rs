// SPDX-License-Identifier: GPL-2.0-only

//! The document of `remapctl dump --json`: what `restore` understands is written as it was understood, and what it writes is
//! understood.

use super::{golden, texts, Target};
use crate::area::{self, document};

pub const DUMP: Target = Target {
    name: "dump",
    most: 8192,
    run,
    seeds: || {
        let (found, opened) = area::read(&mut golden::area(), golden::LEN).expect("an area");
        let mut text = Vec::new();
        document::write(&mut text, &found.superblock, &opened.map).expect("memory");
        let plain = String::from_utf8(text.clone()).expect("JSON");
        let other = plain.replace("\"pending_sectors\"", "\"lost_sectors\"");
        let mut seeds = texts(&["{}", "{\"schema\":\"dm-remap/dump/1\"}", &other]);
        seeds.push(text);
        seeds
    },
    words: &[
        "\"schema\":",
        "\"dm-remap/dump/1\"",
        "\"area\":",
        "\"blocks\":",
        "\"spare_failed\":",
        "\"block\":",
        "\"spare_block\":",
        "\"only_on_main_sectors\":",
        "\"lost_sectors\":",
        "\"pending_sectors\":",
        "[",
        "]",
        "{",
        "}",
        ",",
        "18446744073709551615",
        "4294967295",
        "\"uuid\":",
        "\"regions\":",
        "\"identities\":",
        "\"type\":",
        "\"detail\":",
        "\"class\":",
        "null",
        "-1",
        "1e3",
    ],
};

/// What it says, written again.
fn again(data: &[u8]) -> anyhow::Result<Vec<u8>> {
    let dump: document::Dump = serde_json::from_slice(data)?;
    let (sb, map) = dump.understood()?;
    let mut text = Vec::new();
    document::write(&mut text, &sb, &map)?;
    Ok(text)
}

fn run(data: &[u8]) {
    match again(data) {
        Err(why) => assert!(!format!("{why:#}").is_empty()),
        Ok(first) => {
            let second = again(&first);
            let second =
                second.unwrap_or_else(|why| panic!("what was written is refused: {why:#}"));
            assert!(second == first, "it is written as it was read");
        }
    }
}
