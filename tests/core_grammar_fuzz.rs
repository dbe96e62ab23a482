// SPDX-License-Identifier: GPL-2.0-only

//! Whatever is typed at dm-remap: nothing panics, nothing is taken for what it is not, and the same words
//! get the same answer. What is right is said here a second time, in another way.

use dm_remap_core::engine::JobKind;
use dm_remap_core::fault::{ErrorPolicy, PendingWrites};
use dm_remap_core::grammar::geometry::{Device, Request};
use dm_remap_core::grammar::message::{Listed, Message, Setting};
use dm_remap_core::grammar::table::TableLine;
use dm_remap_core::health::scan::Command;
use dm_remap_core::units::{BlockSize, Sector, SectorCount};
use proptest::prelude::*;

const RANGES: [(&str, JobKind); 5] = [
    ("remap", JobKind::Relocate),
    ("evacuate", JobKind::Evacuate),
    ("retest", JobKind::Retest),
    ("mark", JobKind::Mark),
    ("unmark", JobKind::Unmark),
];

/// What the scanner can be told.
const SCANS: [(&str, Command); 5] = [
    ("start", Command::Start),
    ("stop", Command::Stop),
    ("pause", Command::Pause),
    ("resume", Command::Resume),
    ("now", Command::Now),
];

fn message(words: &[String], len: u64) -> Result<Message, String> {
    let words = words.iter().map(String::as_str);
    Message::parse(words, SectorCount(len)).map_err(|why| why.to_string())
}

/// A number as a person reads it, however large: decimal digits alone.
fn digits(word: &str) -> Option<u64> {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    plain.then(|| word.trim_start_matches('0'))?;
    match word.trim_start_matches('0') {
        "" => Some(0),
        rest if rest.len() > 20 => None,
        rest => u64::try_from(rest.parse::<u128>().ok()?).ok(),
    }
}

/// What a message says, read off the page that describes them.
fn described(words: &[&str], len: u64) -> Option<Message> {
    let sector = |word: &str| digits(word).filter(|at| *at < len).map(Sector);
    let range = |kind, start: &str, count: &str| {
        let (start, count) = (sector(start)?, digits(count)?);
        let end = u128::from(start.0) + u128::from(count);
        (count > 0 && end <= u128::from(len)).then_some(Message::Blocks {
            kind,
            start,
            len: SectorCount(count),
        })
    };
    let listed = |word: &str| {
        Some(match word {
            "remapped" => Listed::Remapped,
            "pending" => Listed::Pending,
            "lost" => Listed::Lost,
            _ => return None,
        })
    };
    let policy = |word: &str| {
        Some(match word {
            "medium" => ErrorPolicy::Medium,
            "confirm" => ErrorPolicy::Confirm,
            "any" => ErrorPolicy::Any,
            _ => return None,
        })
    };
    let kind = RANGES.iter().find(|(verb, _)| words.first() == Some(verb));
    if let Some((_, kind)) = kind {
        return match words[1..] {
            ["all"] if *kind == JobKind::Retest => range(*kind, "0", &len.to_string()),
            [start] => range(*kind, start, "1"),
            [start, count] => range(*kind, start, count),
            _ => None,
        };
    }
    let list = |what, from: &str| sector(from).map(|from| Message::List { what, from });
    match *words {
        ["query", at] => sector(at).map(|at| Message::Query { at }),
        ["list"] => list(Listed::All, "0"),
        ["list", "from", from] => list(Listed::All, from),
        ["list", what] => list(listed(what)?, "0"),
        ["list", what, "from", from] => list(listed(what)?, from),
        ["set", "error_policy", word] => Some(Message::Set(Setting::ErrorPolicy(policy(word)?))),
        ["set", "pending_writes", word] => {
            let first = match word {
                "remap" => PendingWrites::Remap,
                "main" => PendingWrites::Main,
                _ => return None,
            };
            Some(Message::Set(Setting::PendingWrites(first)))
        }
        ["set", "auto_remap", "on"] => Some(Message::Set(Setting::AutoRemap(true))),
        ["set", "auto_remap", "off"] => Some(Message::Set(Setting::AutoRemap(false))),
        ["clear_needs_check"] => Some(Message::ClearNeedsCheck),
        ["reset_stats"] => Some(Message::ResetStats),
        ["help"] => Some(Message::Help),
        ["scan", word] => {
            let found = SCANS.iter().find(|(name, _)| *name == word);
            found.map(|(_, command)| Message::Scan(*command))
        }
        ["health"] => Some(Message::Health { parts: 64 }),
        ["health", "reset"] => Some(Message::HealthReset),
        ["health", parts] => {
            let parts = digits(parts).filter(|n| (1..=1024).contains(n))?;
            Some(Message::Health {
                parts: parts as u32,
            })
        }
        _ => None,
    }
}

/// The words that say it.
fn spoken(message: &Message) -> String {
    match *message {
        Message::Blocks { kind, start, len } => {
            let verb = RANGES.iter().find(|(_, k)| *k == kind);
            format!(
                "{} {} {}",
                verb.map_or("", |(verb, _)| verb),
                start.0,
                len.0
            )
        }
        Message::Query { at } => format!("query {}", at.0),
        Message::List { what, from } => {
            let what = what.word().map(|word| format!(" {word}"));
            format!("list{} from {}", what.unwrap_or_default(), from.0)
        }
        Message::Set(Setting::ErrorPolicy(policy)) => format!(
            "set error_policy {}",
            match policy {
                ErrorPolicy::Medium => "medium",
                ErrorPolicy::Confirm => "confirm",
                ErrorPolicy::Any => "any",
            }
        ),
        Message::Set(Setting::PendingWrites(first)) => format!(
            "set pending_writes {}",
            match first {
                PendingWrites::Remap => "remap",
                PendingWrites::Main => "main",
            }
        ),
        Message::Set(Setting::AutoRemap(yes)) => {
            format!("set auto_remap {}", if yes { "on" } else { "off" })
        }
        Message::ClearNeedsCheck => "clear_needs_check".into(),
        Message::ResetStats => "reset_stats".into(),
        Message::Help => "help".into(),
        Message::Scan(command) => {
            let found = SCANS.iter().find(|(_, c)| *c == command);
            format!("scan {}", found.map_or("", |(name, _)| name))
        }
        Message::Health { parts } => format!("health {parts}"),
        Message::HealthReset => "health reset".to_owned(),
    }
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

/// One line that a log and `ti->error` can carry.
fn is_a_line(text: &str) -> bool {
    !text.is_empty() && text.len() < 120 && text.bytes().all(|b| (b' '..0x7f).contains(&b))
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
        match TableLine::parse(plain()) {
            Err(why) => {
                prop_assert!(is_a_line(&why.to_string()));
                prop_assert_eq!(TableLine::parse(plain()), Err(why));
            }
            Ok(line) => {
                let printed = line.to_string();
                prop_assert_eq!(TableLine::parse(printed.split(' ')), Ok(line));
                // What was said is what was understood.
                prop_assert_eq!(line.main, &words[0]);
                prop_assert_eq!(line.spare, &words[1]);
                prop_assert_eq!(Some(line.spare_start.0), digits(&words[2]));
                prop_assert_eq!(Some(line.spare_len.0), digits(&words[3]));
                let said = |key: &str| {
                    let at = words.iter().skip(5).position(|word| word == key)?;
                    words.get(at + 6)
                };
                let block = said("block_sectors").and_then(|word| digits(word));
                prop_assert_eq!(line.features.block_size, block.and_then(BlockSize::new));
                let start = said("main_start").and_then(|word| digits(word));
                prop_assert_eq!(line.features.main_start.0, start.unwrap_or(0));
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
