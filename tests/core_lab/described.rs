// SPDX-License-Identifier: GPL-2.0-only

//! What is right on a table line and in a message, said a second time and in another way: read off the page that describes
//! them. For the tests with random words and for fuzzing.
#![allow(dead_code)] // each has its own use for it

use dm_remap_core::engine::JobKind;
use dm_remap_core::fault::{ErrorPolicy, PendingWrites};
use dm_remap_core::grammar::message::{Listed, Message, Setting};
use dm_remap_core::grammar::table::{Features, TableLine};
use dm_remap_core::health::keeper::ScanMode;
use dm_remap_core::health::scan::Command;
use dm_remap_core::units::{BlockSize, Sector, SectorCount};

pub const RANGES: [(&str, JobKind); 5] = [
    ("remap", JobKind::Relocate),
    ("evacuate", JobKind::Evacuate),
    ("retest", JobKind::Retest),
    ("mark", JobKind::Mark),
    ("unmark", JobKind::Unmark),
];

/// What the scanner can be told.
pub const SCANS: [(&str, Command); 5] = [
    ("start", Command::Start),
    ("stop", Command::Stop),
    ("pause", Command::Pause),
    ("resume", Command::Resume),
    ("now", Command::Now),
];

/// A number as a person reads it, however large: decimal digits alone.
pub fn digits(word: &str) -> Option<u64> {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    plain.then(|| word.trim_start_matches('0'))?;
    match word.trim_start_matches('0') {
        "" => Some(0),
        rest if rest.len() > 20 => None,
        rest => u64::try_from(rest.parse::<u128>().ok()?).ok(),
    }
}

/// What a message says, read off the page that describes them.
pub fn described(words: &[&str], len: u64) -> Option<Message> {
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
        ["health", "smart", sectors] => {
            let sectors = u32::try_from(digits(sectors)?).unwrap_or(u32::MAX);
            Some(Message::HealthSmart(sectors))
        }
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
pub fn spoken(message: &Message) -> String {
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
        Message::HealthSmart(sectors) => format!("health smart {sectors}"),
    }
}

/// One line that a log and `ti->error` can carry.
pub fn is_a_line(text: &str) -> bool {
    !text.is_empty() && text.len() < 120 && text.bytes().all(|b| (b' '..0x7f).contains(&b))
}

/// What a table line says.
pub fn table<'a>(words: &[&'a str]) -> Option<TableLine<'a>> {
    let [main, spare, start, len, rest @ ..] = words else {
        return None;
    };
    let (start, len) = (digits(start)?, digits(len)?);
    let right = !main.is_empty() && !spare.is_empty() && len > 0;
    start.checked_add(len).filter(|_| right)?;
    let mut features = Features::default();
    if let [count, rest @ ..] = rest {
        let mut left = (digits(count)? == rest.len() as u64).then_some(rest)?;
        let mut seen = Vec::new();
        while let [name, more @ ..] = left {
            if seen.contains(name) {
                return None;
            }
            seen.push(name);
            left = match (*name, more) {
                ("no_auto_remap", _) => {
                    features.auto_remap = false;
                    more
                }
                (name, [value, more @ ..]) => {
                    feature(&mut features, name, value)?;
                    more
                }
                _ => return None,
            };
        }
    }
    Some(TableLine {
        main,
        spare,
        spare_start: Sector(start),
        spare_len: SectorCount(len),
        features,
    })
}

fn feature(features: &mut Features, name: &str, value: &str) -> Option<()> {
    match (name, value) {
        ("block_sectors", _) => {
            let shift = (0..=11).find(|shift| digits(value) == Some(1 << shift))?;
            features.block_size = BlockSize::new(1 << shift);
        }
        ("main_start", _) => features.main_start = Sector(digits(value)?),
        ("error_policy", "medium") => features.error_policy = ErrorPolicy::Medium,
        ("error_policy", "confirm") => features.error_policy = ErrorPolicy::Confirm,
        ("error_policy", "any") => features.error_policy = ErrorPolicy::Any,
        ("pending_writes", "remap") => features.pending_writes = PendingWrites::Remap,
        ("pending_writes", "main") => features.pending_writes = PendingWrites::Main,
        ("scan", "off") => features.scan = ScanMode::Off,
        ("scan", "idle") => features.scan = ScanMode::Idle,
        ("scan", "on") => features.scan = ScanMode::On,
        _ => return None,
    }
    Some(())
}
