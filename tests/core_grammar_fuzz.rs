// SPDX-License-Identifier: GPL-2.0-only

//! Whatever is typed at dm-remap: nothing panics, nothing is taken for what it is not, and the same words
//! get the same answer. What is right is said here a second time, in another way.

#[path = "core_lab/described.rs"]
mod described;

use described::{described, is_a_line, spoken, table, RANGES};
use dm_remap_core::grammar::geometry::{Device, Request};
use dm_remap_core::grammar::message::Message;
use dm_remap_core::grammar::table::TableLine;
use dm_remap_core::units::{BlockSize, Sector, SectorCount};
use proptest::prelude::*;

fn message(words: &[String], len: u64) -> Result<Message, String> {
    let words = words.iter().map(String::as_str);
    Message::parse(words, SectorCount(len)).map_err(|why| why.to_string())
}

/// A number at one of the places where something ends, or next to it, written in one way or another.
fn near(len: u64) -> impl Strategy<Value = String> {
    let ends = [0, 1, 8, 2048, 4096, 1 << 32, 1 << 55, len, u64::MAX];
    (prop::sample::select(ends.to_vec()), 0..5u64, 0..6u32).prop_map(|(end, off, how)| match how {
        0 => format!("{:0>25}", end.saturating_add(off)),
        1 => (u128::from(end) + (u128::from(off) << 64)).to_string(),
        2 => format!("+{end}"),
        3 => end.saturating_add(off).to_string(),
        _ => end.saturating_sub(off).to_string(),
    })
}

fn words_near(len: u64) -> impl Strategy<Value = Vec<String>> {
    let verbs = [
        "remap",
        "evacuate",
        "retest",
        "mark",
        "unmark",
        "query",
        "list",
        "set",
        "clear_needs_check",
        "reset_stats",
        "scan",
        "health",
        "help",
        "Remap",
        "",
    ];
    let others = [
        "all",
        "from",
        "remapped",
        "pending",
        "lost",
        "error_policy",
        "auto_remap",
        "pending_writes",
        "main",
        "remap",
        "any",
        "medium",
        "confirm",
        "on",
        "off",
        "now",
        "smart",
        "stop",
    ];
    let other = prop::sample::select(others.to_vec()).prop_map(String::from);
    let rest = prop_oneof![3 => near(len), 3 => other, 1 => "\\PC{0,12}"];
    (
        prop::sample::select(verbs.to_vec()),
        prop::collection::vec(rest, 0..5),
    )
        .prop_map(|(verb, rest)| [vec![verb.to_owned()], rest].concat())
}

fn len_and_words() -> impl Strategy<Value = (u64, Vec<String>)> {
    let len = prop_oneof![
        1u64..5000,
        Just(u64::MAX),
        Just(1),
        any::<u64>().prop_map(|n| n.max(1))
    ];
    len.prop_flat_map(|len| (Just(len), words_near(len)))
}

/// A table line, and something done to its words.
fn damaged_table() -> impl Strategy<Value = Vec<String>> {
    let right = "8:0 8:16 2048 409600 8 block_sectors 16 main_start 64 error_policy any \
                 pending_writes main";
    let damage = (
        0..6u32,
        0..13usize,
        0..13usize,
        near(409_600),
        "[^\\s\\pC]{0,8}",
    );
    prop::collection::vec(damage, 0..5).prop_map(move |all| {
        let mut words: Vec<String> = right.split_whitespace().map(String::from).collect();
        for (what, at, other, number, noise) in all {
            let n = words.len().max(1);
            let (at, other) = (at % n, other % n);
            match (what, words.get(other).cloned()) {
                (_, None) => words.push(number),
                (0, _) => drop(words.remove(at)),
                (1, Some(word)) => words.insert(at, word),
                (2, _) => words.swap(at, other),
                (3, _) => words[at] = noise,
                _ => words[at] = number,
            }
        }
        words
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_message_is_what_the_page_says((len, words) in len_and_words()) {
        let read = message(&words, len);
        let plain: Vec<&str> = words.iter().map(String::as_str).collect();
        prop_assert_eq!(read.clone().ok(), described(&plain, len), "{:?} of {}", &words, len);
        // The same words again: the same answer.
        prop_assert_eq!(&read, &message(&words, len));
        match read {
            Ok(read) => {
                let again: Vec<String> = spoken(&read).split(' ').map(String::from).collect();
                prop_assert_eq!(message(&again, len), Ok(read));
            }
            Err(text) => {
                prop_assert!(is_a_line(&text), "{:?}", text);
                // It names the verb, if there is such a one.
                let known = described(&plain[..1], len).is_some()
                    || RANGES.iter().any(|(verb, _)| plain.first() == Some(verb))
                    || matches!(plain.first(), Some(&("query" | "set" | "scan")));
                prop_assert_eq!(known, text.starts_with(&format!("{}: ", plain[0])), "{:?}", text);
            }
        }
    }

    #[test]
    fn noise_is_refused_with_a_line(words in prop::collection::vec("\\PC{0,40}", 0..40), len in 1u64..) {
        let read = message(&words, len);
        let plain: Vec<&str> = words.iter().map(String::as_str).collect();
        prop_assert_eq!(read.clone().ok(), described(&plain, len));
        if let Err(text) = read {
            prop_assert!(is_a_line(&text), "{:?}", text);
        }
        if let Err(why) = TableLine::parse(plain.iter().copied()) {
            prop_assert!(is_a_line(&why.to_string()));
        }
    }

    #[test]
    fn a_damaged_table_line_is_refused_or_says_what_it_says(words in damaged_table()) {
        let plain = || words.iter().map(String::as_str);
        let all: Vec<&str> = plain().collect();
        prop_assert_eq!(TableLine::parse(plain()).ok(), table(&all));
        match TableLine::parse(plain()) {
            Err(why) => {
                prop_assert!(is_a_line(&why.to_string()));
                prop_assert_eq!(TableLine::parse(plain()), Err(why));
            }
            Ok(line) => {
                let printed = line.to_string();
                prop_assert_eq!(TableLine::parse(printed.split(' ')), Ok(line));
            }
        }
    }

    #[test]
    fn no_range_reaches_past_its_device(
        numbers in prop::collection::vec((prop::sample::select(vec![0u64, 8, 2440, 8192, 1 << 20, 1 << 55, u64::MAX]), 0..9u64), 6),
        blocks in (0..4usize, 0..4usize, prop::option::of(0..12u32)),
        same in any::<bool>(),
    ) {
        let n: Vec<u64> = numbers.iter().map(|(end, off)| end.wrapping_add(*off).wrapping_sub(4)).collect();
        let bytes = [512, 4096, 65536, 1 << 20];
        let device = |size, block: usize| Device {
            size: SectorCount(size),
            logical_bytes: [512, 4096, 512, 8192][block],
            physical_bytes: bytes[block],
            zoned: false,
        };
        let request = Request {
            main: device(n[0], blocks.0),
            spare: device(n[1], blocks.1),
            same_device: same,
            main_start: Sector(n[2]),
            spare_start: Sector(n[3]),
            spare_len: SectorCount(n[4]),
            begin: Sector(0),
            len: SectorCount(n[5]),
            block_size: blocks.2.and_then(|shift| BlockSize::new(1 << shift)),
        };
        match request.check() {
            Err(why) => prop_assert!(is_a_line(why.text().to_str().unwrap_or_default())),
            Ok(block) => {
                let end = |start: u64, len: u64| u128::from(start) + u128::from(len);
                prop_assert!(end(n[2], n[5]) <= u128::from(n[0]));
                prop_assert!(end(n[3], n[4]) <= u128::from(n[1]));
                let (main, spare) = ((n[2], end(n[2], n[5])), (n[3], end(n[3], n[4])));
                let apart = main.1 <= u128::from(spare.0) || spare.1 <= u128::from(main.0);
                prop_assert!(!same || apart);
                prop_assert!(u64::from(block.sectors()) * 512 >= u64::from(request.main.logical_bytes));
            }
        }
    }
}
