// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl map` on recorded devices: what is in the picture, and how it follows the terminal.

mod cli_lab;

use std::{env, fs, path::PathBuf, process::Command};

use cli_lab::{screen, story, text, Recording};

/// `safe`, of `mib` regions, with a perfect score but for some.
fn device(mib: u64, parts: u64, scores: &[(usize, u32)]) -> Recording {
    let recording = Recording::of_one();
    recording.change("dm/safe/table", "0 209715200", &format!("0 {}", mib * 2048));
    reply(&recording, parts, scores);
    recording
}

fn reply(recording: &Recording, parts: u64, scores: &[(usize, u32)]) {
    let mut all = vec![1000; usize::try_from(parts).expect("few")];
    for &(n, score) in scores {
        all[n] = score;
    }
    let words: Vec<String> = all.iter().map(u32::to_string).collect();
    recording.put(
        &format!("dm/safe/messages/health-{parts}"),
        &words.join(" "),
    );
}

#[test]
fn a_picture_without_a_terminal_is_ascii() {
    let recording = device(100, 100, &[(3, 990), (4, 699), (99, 120)]);
    let (said, code) = recording.says(&["map"]);
    assert_eq!(
        said,
        "\
safe: 100 MiB, 1000 of 1000; 100 parts of 1 MiB
    0 bytes |...:w.............................................................|
     66 MiB |.................................D|
            . good  : errors  r moved  w warning  D danger  P pending  L lost
"
    );
    assert_eq!(code, 1, "a part is in danger");
    let (_, code) = device(100, 100, &[(3, 700)]).says(&["map"]);
    assert_eq!(code, 0);
}

#[test]
fn what_lies_in_a_part_is_seen() {
    let recording = device(10, 10, &[]);
    recording.status("0/238520 0 0", "3/238520 9 1");
    let lists = "dm/safe/messages/list";
    recording.put(
        &format!("{lists}-remapped-from-0"),
        "0 8 remapped 0\n2040 16 remapped 1\n20472 8 remapped 2",
    );
    recording.put(
        &format!("{lists}-pending-from-0"),
        "4095 1 pending\n8192 8 pending",
    );
    recording.put(&format!("{lists}-lost-from-0"), "8199 1 lost");
    let (said, code) = recording.says(&["map", "safe"]);
    assert!(said.contains("|rP..L....r|"), "{said}");
    assert_eq!(code, 1);
    let (answer, code) = recording.json(&["map"]);
    assert_eq!((code, &answer["schema"]), (1, &"dm-remap/map/1".into()));
    let parts = answer["devices"][0]["parts"].as_array().expect("parts");
    assert_eq!(parts.len(), 10);
    assert_eq!(parts[4]["first_sector"], 8192);
    assert_eq!(parts[4]["size_sectors"], 2048);
    let of = |key: &str| -> Vec<usize> {
        let has = |n: &usize| parts[*n][key] == true;
        (0..10).filter(has).collect()
    };
    assert_eq!(
        (of("remapped"), of("pending"), of("lost")),
        (vec![0, 1, 9], vec![1, 4], vec![4])
    );
}

#[test]
fn a_list_of_many_pages_is_asked_for_part_by_part() {
    let recording = device(10, 10, &[]);
    recording.status("0/238520", "900/238520");
    let lists = "dm/safe/messages/list";
    // Part 0 has more than a page: what is left of it is not asked for.
    recording.put(
        &format!("{lists}-remapped-from-0"),
        "0 8 remapped 0\n16 8 remapped 1\nmore from 32",
    );
    recording.put(
        &format!("{lists}-remapped-from-2048"),
        "6144 8 remapped 2\nmore from 9000",
    );
    recording.put(
        &format!("{lists}-remapped-from-9000"),
        "18432 8 remapped 2\nmore from 18440",
    );
    let (said, code) = recording.says(&["map"]);
    assert!(said.contains("|r..r.....r|"), "{said}");
    assert_eq!(code, 0);
}

#[test]
fn a_device_with_fewer_regions_than_parts_has_one_for_each() {
    let recording = device(3, 3, &[]);
    recording.change("dm/safe/table", "0 6144", "0 4100");
    let (answer, _) = recording.json(&["map"]);
    let parts = answer["devices"][0]["parts"].as_array().expect("parts");
    let sizes: Vec<_> = parts.iter().map(|p| p["size_sectors"].as_u64()).collect();
    assert_eq!(sizes, [Some(2048), Some(2048), Some(4)]);
    // And so many as are wanted, if there are enough.
    reply(&recording, 2, &[(1, 10)]);
    let (said, _) = recording.says(&["map", "--parts", "2"]);
    assert!(said.contains("|.D|"), "{said}");
    assert!(said.contains("2 parts of 1 MiB"), "{said}");
}

/// What is said in a terminal of this size.
fn in_terminal(recording: &Recording, columns: u32, lines: u32, before: &str) -> String {
    let tool = env!("CARGO_BIN_EXE_remapctl");
    let command = format!(
        "stty cols {columns} rows {lines}; {before} {tool} --recorded {} map",
        recording.path()
    );
    let run = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .output()
        .expect("script can be run");
    text(&run.stdout).replace("\r\n", "\n")
}

#[test]
fn the_picture_follows_the_size_of_the_terminal() {
    for (columns, lines, parts) in [
        (20, 24, 270),
        (40, 24, 468),
        (60, 8, 138),
        (100, 3, 86),
        (200, 8, 744),
    ] {
        let recording = device(2000, parts, &[(0, 10)]);
        let said = in_terminal(&recording, columns, lines, "");
        assert!(
            said.contains(&format!("; {parts} parts of")),
            "{columns} {lines}: {said}"
        );
        let picture: Vec<&str> = said.lines().filter(|line| line.ends_with('│')).collect();
        assert!(
            said.lines().count() < lines as usize || lines == 3,
            "{said}"
        );
        // The first line has two colours, and is as wide as there is room.
        let plain = picture[0]
            .replace("\u{1b}[38;5;196m", "")
            .replace("\u{1b}[38;5;34m", "")
            .replace("\u{1b}[0m", "");
        assert_eq!(plain.chars().count(), columns as usize, "{said}");
        assert!(
            picture[0].contains("│\u{1b}[38;5;196m█\u{1b}[38;5;34m█"),
            "{said}"
        );
    }
}

#[test]
fn no_colours_where_they_are_not_wanted() {
    let recording = device(2000, 468, &[(0, 10)]);
    for before in ["NO_COLOR=1", "TERM=dumb"] {
        let said = in_terminal(&recording, 40, 24, before);
        assert!(said.contains("    0 bytes │▓····"), "{said}");
        assert!(!said.contains('\u{1b}'), "{said}");
    }
    // And where they are, without a terminal.
    let recording = device(100, 100, &[(0, 10)]);
    let (said, _) = recording.says(&["map", "--color", "always"]);
    assert!(
        said.contains("│\u{1b}[38;5;196m█\u{1b}[38;5;34m█"),
        "{said}"
    );
    let (said, _) = recording.says(&["map", "--color", "always", "--ascii"]);
    assert!(
        said.contains(" |D...") && !said.contains('\u{1b}'),
        "{said}"
    );
}

#[test]
fn a_reply_that_is_none_is_told() {
    let recording = device(100, 100, &[]);
    recording.put("dm/safe/messages/health-100", "1000 1000");
    let (said, code) = recording.says(&["map"]);
    assert_eq!(
        (said.as_str(), code),
        ("remapctl: the health of safe has 2 parts, not 100\n", 1)
    );
    recording.put("dm/safe/messages/health-100", "unknown");
    let (said, _) = recording.says(&["map"]);
    assert!(said.contains("the health of safe is 'unknown'"), "{said}");
    for parts in ["0", "1025", "many"] {
        assert_eq!(recording.says(&["map", "--parts", parts]).1, 2);
    }
}

/// With `DM_REMAP_PICTURES=DIR` it is made there (`make pictures`); without, it has to be what the tool says now.
#[test]
fn the_picture_of_the_documentation() {
    let story = story::of_three();
    let (said, code) = story
        .recording
        .says(&["map", "photos", "--color", "always"]);
    assert_eq!(code, 1, "{said}");
    let picture = screen::svg(
        "remapctl map photos",
        "A terminal with a command and what it says: the parts of a device as coloured blocks, line by line, and what the colours mean.",
        &format!("# remapctl map photos\n{said}"),
    );
    if let Some(folder) = env::var_os("DM_REMAP_PICTURES") {
        fs::write(PathBuf::from(folder).join("map.svg"), &picture).expect("it can be written");
    }
    let kept = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/pictures/map.svg");
    let kept = fs::read_to_string(kept).expect("a picture");
    assert!(kept == picture, "it has changed: make pictures");
    // Each kind of part is in it, in its colour.
    for color in [
        "#00af00", "#afd700", "#00afff", "#ffaf00", "#ff0000", "#ff8700", "#ff00ff",
    ] {
        assert!(
            picture.matches(color).count() > 1,
            "{color} is in the legend alone"
        );
    }
}
