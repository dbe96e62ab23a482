// SPDX-License-Identifier: GPL-2.0-only

//! What is typed at dm-remap: every way to be right, and each way to be wrong with a text of its own.

use std::collections::BTreeSet;

use dm_remap_core::engine::JobKind;
use dm_remap_core::fault::{ErrorPolicy, PendingWrites};
use dm_remap_core::grammar::message::{Listed, Message, Setting, HELP};
use dm_remap_core::grammar::table::{Features, TableLine};
use dm_remap_core::health::{keeper::ScanMode, scan::Command};
use dm_remap_core::units::{BlockSize, Sector, SectorCount};
use proptest::prelude::*;

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(' ').filter(|word| !word.is_empty())
}

fn parse(line: &str) -> Result<TableLine<'_>, String> {
    TableLine::parse(words(line)).map_err(|e| e.to_string())
}

#[test]
fn a_table_line_says_what_it_means() {
    let line = parse("/dev/sda 8:16 2048 409600").expect("right");
    assert_eq!(line.main, "/dev/sda");
    assert_eq!(line.spare, "8:16");
    assert_eq!(line.spare_start, Sector(2048));
    assert_eq!(line.spare_len, SectorCount(409600));
    assert_eq!(line.features, Features::default());
    assert!(line.features.auto_remap);
    assert_eq!(line.features.error_policy, ErrorPolicy::Confirm);
    assert_eq!(
        parse("a b 0 1 0").map(|l| l.features),
        Ok(Features::default())
    );

    let line = parse(
        "a b 0 1 9 no_auto_remap pending_writes main error_policy any main_start 64 block_sectors 16",
    )
    .expect("right");
    let features = line.features;
    assert!(!features.auto_remap);
    assert_eq!(features.error_policy, ErrorPolicy::Any);
    assert_eq!(features.pending_writes, PendingWrites::Main);
    assert_eq!(features.main_start, Sector(64));
    assert_eq!(features.block_size, BlockSize::new(16));
    assert_eq!(
        line.to_string(),
        "a b 0 1 9 block_sectors 16 main_start 64 error_policy any pending_writes main no_auto_remap"
    );
}

const HUGE: &str = "18446744073709551616";

/// Each wrong line, with a part of the text for it.
fn wrong_lines() -> Vec<(String, &'static str)> {
    let of = |line: &str, text| (line.to_string(), text);
    let huge = |line: &str, text| (line.replace("HUGE", HUGE), text);
    vec![
        of("", "the main device is missing"),
        of("a", "the spare device is missing"),
        of("a b", "spare_start is missing"),
        of("a b 0", "spare_len is missing"),
        of("a b x 1", "spare_start is not a number"),
        huge("a b HUGE 1", "spare_start is too large"),
        of("a b 0 -1", "spare_len is not a number"),
        huge("a b 0 HUGE", "spare_len is too large"),
        of("a b 0 0", "spare_len is zero"),
        of(
            "a b 18446744073709551615 1",
            "spare_start and spare_len together",
        ),
        of(
            "a b 0 1 no_auto_remap",
            "number of feature arguments is not a number",
        ),
        huge("a b 0 1 HUGE", "number of feature arguments is too large"),
        of("a b 0 1 2 no_auto_remap", "fewer feature arguments"),
        of("a b 0 1 1 no_auto_remap x", "more feature arguments"),
        of("a b 0 1 2 scrub idle", "unknown feature"),
        of("a b 0 1 1 scan", "scan is without"),
        of("a b 0 1 2 scan always", "scan is none of"),
        of("a b 0 1 4 scan on scan on", "scan is given twice"),
        of("a b 0 1 1 block_sectors", "block_sectors is without"),
        of(
            "a b 0 1 2 block_sectors 4k",
            "block_sectors is not a number",
        ),
        huge("a b 0 1 2 block_sectors HUGE", "block_sectors is too large"),
        of("a b 0 1 2 block_sectors 0", "block_sectors is zero"),
        of(
            "a b 0 1 2 block_sectors 9",
            "block_sectors is not a power of two",
        ),
        of(
            "a b 0 1 2 block_sectors 4096",
            "block_sectors is more than 2048",
        ),
        of(
            "a b 0 1 4 block_sectors 8 block_sectors 8",
            "block_sectors is given twice",
        ),
        of("a b 0 1 1 main_start", "main_start is without"),
        of("a b 0 1 2 main_start 1s", "main_start is not a number"),
        huge("a b 0 1 2 main_start HUGE", "main_start is too large"),
        of(
            "a b 0 1 4 main_start 8 main_start 8",
            "main_start is given twice",
        ),
        of("a b 0 1 1 error_policy", "error_policy is without"),
        of("a b 0 1 2 error_policy all", "error_policy is none of"),
        of(
            "a b 0 1 4 error_policy any error_policy any",
            "error_policy is given twice",
        ),
        of("a b 0 1 1 pending_writes", "pending_writes is without"),
        of(
            "a b 0 1 2 pending_writes spare",
            "pending_writes is neither",
        ),
        of(
            "a b 0 1 4 pending_writes main pending_writes main",
            "pending_writes is given twice",
        ),
        of(
            "a b 0 1 2 no_auto_remap no_auto_remap",
            "no_auto_remap is given twice",
        ),
    ]
}

#[test]
fn each_wrong_table_line_has_a_text_of_its_own() {
    let mut texts = BTreeSet::new();
    for (line, want) in wrong_lines() {
        let text = parse(&line).expect_err(&line);
        assert!(text.contains(want), "{line:?}: {text:?}, not {want:?}");
        assert!(
            texts.insert(text.clone()),
            "{line:?}: {text:?} is another's text"
        );
        check_text(&text);
    }
    for line in [["", "b", "0", "1"], ["a", "", "0", "1"]] {
        let text = TableLine::parse(line).expect_err("no name").to_string();
        assert!(text.contains("is empty"));
        assert!(texts.insert(text));
    }
    assert!(texts.len() >= 30);
}

/// One line that a log and `ti->error` can carry.
fn check_text(text: &str) {
    assert!(!text.is_empty() && text.len() < 100, "{text:?}");
    assert!(text.bytes().all(|b| (b' '..0x7f).contains(&b)), "{text:?}");
}

fn features() -> impl Strategy<Value = Features> {
    let policy = prop::sample::select(vec![
        ErrorPolicy::Medium,
        ErrorPolicy::Confirm,
        ErrorPolicy::Any,
    ]);
    let block = prop::option::of(0..12u32);
    let pending = prop::sample::select(vec![PendingWrites::Remap, PendingWrites::Main]);
    let scan = prop::sample::select(vec![ScanMode::Off, ScanMode::Idle, ScanMode::On]);
    (block, any::<u64>(), policy, pending, any::<bool>(), scan).prop_map(
        |(block, start, error_policy, pending_writes, auto_remap, scan)| Features {
            block_size: block.and_then(|shift| BlockSize::new(1 << shift)),
            main_start: Sector(start),
            error_policy,
            pending_writes,
            auto_remap,
            scan,
        },
    )
}

/// Words that are nearly right, in any order.
fn loose_words() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "block_sectors",
            "main_start",
            "error_policy",
            "pending_writes",
            "main",
            "no_auto_remap",
            "scan",
            "idle",
            "health",
            "medium",
            "confirm",
            "any",
            "remap",
            "query",
            "list",
            "help",
            "remapped",
            "pending",
            "lost",
            "from",
            "",
            HUGE,
        ])
        .prop_map(String::from),
        (0u64..20).prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        "\\PC{0,6}".prop_map(|word| word.replace(' ', "")),
    ];
    prop::collection::vec(word, 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_loads_again(
        main in "[a-z0-9/:_-]{1,20}",
        spare in "[a-z0-9/:_-]{1,20}",
        start in any::<u64>(),
        len in 1u64..,
        features in features(),
    ) {
        let line = TableLine {
            main: &main,
            spare: &spare,
            spare_start: Sector(start.min(u64::MAX - len)),
            spare_len: SectorCount(len),
            features,
        };
        let printed = line.to_string();
        prop_assert_eq!(parse(&printed), Ok(line));
    }

    #[test]
    fn no_table_line_is_taken_for_another(words in loose_words()) {
        let mut full = vec!["a".to_string(), "b".into(), "8".into(), "8".into()];
        full.extend(words.clone());
        for words in [&words, &full] {
            match TableLine::parse(words.iter().map(String::as_str)) {
                Err(e) => check_text(&e.to_string()),
                Ok(line) => {
                    let printed = line.to_string();
                    prop_assert_eq!(TableLine::parse(printed.split(' ')), Ok(line));
                    prop_assert_eq!(line.main, &words[0]);
                }
            }
        }
    }

    #[test]
    fn no_message_reaches_past_the_target(words in loose_words(), len in 1u64..) {
        match Message::parse(words.iter().map(String::as_str), SectorCount(len)) {
            Err(e) => check_text(&e.to_string()),
            Ok(Message::Blocks { start, len: n, .. }) => {
                prop_assert!(n.0 > 0);
                prop_assert!(start.0.checked_add(n.0).is_some_and(|end| end <= len));
            }
            Ok(Message::Query { at: s } | Message::List { from: s, .. }) => prop_assert!(s.0 < len),
            Ok(_) => prop_assert!(words.len() <= 3),
        }
    }
}

#[test]
fn messages_mean_what_they_say() {
    let len = SectorCount(1000);
    let parse = |line: &'static str| Message::parse(words(line), len).map_err(|e| e.to_string());
    let blocks = |kind, start, len| Message::Blocks {
        kind,
        start: Sector(start),
        len: SectorCount(len),
    };
    let list = |what, from| Message::List {
        what,
        from: Sector(from),
    };
    for (verb, kind) in [
        ("remap", JobKind::Relocate),
        ("evacuate", JobKind::Evacuate),
        ("retest", JobKind::Retest),
        ("mark", JobKind::Mark),
        ("unmark", JobKind::Unmark),
    ] {
        let parse = |rest: &str| {
            let line = format!("{verb} {rest}");
            Message::parse(words(&line), len).map_err(|e| e.to_string())
        };
        assert_eq!(parse("5"), Ok(blocks(kind, 5, 1)));
        assert_eq!(parse("0 1000"), Ok(blocks(kind, 0, 1000)));
        let all = parse("all").ok();
        let expected = (verb == "retest").then_some(blocks(kind, 0, 1000));
        assert_eq!(all, expected, "{verb}");
    }
    for (policy, word) in [
        (ErrorPolicy::Medium, "medium"),
        (ErrorPolicy::Confirm, "confirm"),
        (ErrorPolicy::Any, "any"),
    ] {
        let line = format!("set error_policy {word}");
        let message = Message::parse(words(&line), len).ok();
        assert_eq!(message, Some(Message::Set(Setting::ErrorPolicy(policy))));
    }
    let auto = |yes| Ok(Message::Set(Setting::AutoRemap(yes)));
    assert_eq!(parse("set auto_remap on"), auto(true));
    assert_eq!(parse("set auto_remap off"), auto(false));
    let pending = |how| Ok(Message::Set(Setting::PendingWrites(how)));
    assert_eq!(
        parse("set pending_writes main"),
        pending(PendingWrites::Main)
    );
    assert_eq!(
        parse("set pending_writes remap"),
        pending(PendingWrites::Remap)
    );
    assert_eq!(parse("clear_needs_check"), Ok(Message::ClearNeedsCheck));
    assert_eq!(parse("reset_stats"), Ok(Message::ResetStats));
    assert_eq!(parse("query 999"), Ok(Message::Query { at: Sector(999) }));
    assert_eq!(parse("list"), Ok(list(Listed::All, 0)));
    assert_eq!(parse("list from 8"), Ok(list(Listed::All, 8)));
    assert_eq!(parse("list remapped"), Ok(list(Listed::Remapped, 0)));
    assert_eq!(parse("list pending from 9"), Ok(list(Listed::Pending, 9)));
    assert_eq!(parse("list lost"), Ok(list(Listed::Lost, 0)));
    assert_eq!(parse("help"), Ok(Message::Help));
    assert_eq!(parse("scan now"), Ok(Message::Scan(Command::Now)));
    assert_eq!(parse("health"), Ok(Message::Health { parts: 64 }));
    assert!(parse("health 1025").is_err() && parse("health 4294967297").is_err());
    assert_eq!(parse("health 1024"), Ok(Message::Health { parts: 1024 }));
    assert_eq!(parse("health reset"), Ok(Message::HealthReset));
    assert_eq!(parse("health smart 12"), Ok(Message::HealthSmart(12)));
    let most = parse("health smart 99999999999");
    assert_eq!(most, Ok(Message::HealthSmart(u32::MAX)));
    for verb in [
        "remap S",
        "evacuate S",
        "retest S [N]|all:",
        "mark S",
        "unmark S",
        "query S",
        "list ",
        "set error_policy ",
        "set pending_writes ",
        "set auto_remap ",
        "clear_needs_check:",
        "reset_stats:",
        "help:",
    ] {
        assert!(HELP.lines().any(|line| line.starts_with(verb)));
    }
}

#[test]
fn each_wrong_message_has_a_text_of_its_own() {
    let mut texts = BTreeSet::new();
    for (line, want) in [
        ("", "empty"),
        ("heal 5", "unknown message: try help"),
        ("remap", "remap: the sector is missing"),
        ("remap x", "remap: the sector is not a number"),
        ("remap all", "remap: the sector is not a number"),
        ("remap HUGE", "remap: the sector is too large"),
        ("remap 5 x", "remap: the number of sectors is not a number"),
        ("remap 5 HUGE", "remap: the number of sectors is too large"),
        ("remap 5 0", "remap: the number of sectors is zero"),
        ("remap 1000", "remap: the sector is past"),
        ("remap 999 2", "remap: the sectors go past"),
        ("remap 5 1 1", "remap: there are too many arguments"),
        ("evacuate", "evacuate: the sector is missing"),
        ("evacuate 999 2", "evacuate: the sectors go past"),
        ("retest all 5", "retest: there are too many arguments"),
        ("retest every", "retest: the sector is not a number"),
        ("mark 1000", "mark: the sector is past"),
        ("unmark 5 0", "unmark: the number of sectors is zero"),
        ("query", "query: the sector is missing"),
        ("query x", "query: the sector is not a number"),
        ("query HUGE", "query: the sector is too large"),
        ("query 1000", "query: the sector is past"),
        ("query 5 5", "query: there are too many arguments"),
        ("list all", "list: what follows"),
        ("list from", "list: the sector is missing"),
        ("list from x", "list: the sector is not a number"),
        ("list from HUGE", "list: the sector is too large"),
        ("list lost from 1000", "list: the sector is past"),
        ("list lost from 1 2", "list: there are too many arguments"),
        ("set", "set: the key is missing"),
        ("set block_sectors 8", "set: unknown key"),
        ("set error_policy", "set: the value is missing"),
        ("set error_policy some", "set: error_policy is none of"),
        ("set pending_writes spare", "set: pending_writes is neither"),
        ("set auto_remap 1", "set: auto_remap is neither"),
        ("set auto_remap on off", "set: there are too many arguments"),
        (
            "clear_needs_check 1",
            "clear_needs_check: there are too many",
        ),
        ("reset_stats now", "reset_stats: there are too many"),
        ("help me", "help: there are too many arguments"),
        ("scan", "scan: what is to be done is none of"),
        ("scan now 1", "scan: there are too many arguments"),
        ("health smart", "health: the number of sectors is missing"),
        ("health smart x", "health: the number of sectors is not"),
        (
            "health smart HUGE",
            "health: the number of sectors is too large",
        ),
        ("health smart 1 2", "health: there are too many arguments"),
        ("health x", "health: the number of parts is not a number"),
        (
            "health 0",
            "health: the number of parts is not from 1 to 1024",
        ),
    ] {
        let line = line.replace("HUGE", HUGE);
        let text = Message::parse(words(&line), SectorCount(1000))
            .expect_err(&line)
            .to_string();
        assert!(text.contains(want), "{line:?}: {text:?}, not {want:?}");
        // A word that is no number is told in one way, whatever it is.
        assert!(
            texts.insert(text.clone()) || line == "remap all",
            "{line:?}: {text:?} is another's text"
        );
        check_text(&text);
    }
}
