// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl export` of recorded devices: in the formats of others.

mod cli_lab;

use std::{collections::BTreeSet, fs};

use cli_lab::{is_refused, text, Recording};

#[test]
fn badblocks_lists_have_the_blocks_that_are_touched() {
    let recording = Recording::of_lists();
    let list = |args: &[&str]| {
        let all = [&["badblocks", "safe"][..], args].concat();
        recording.export(&all)
    };
    assert_eq!(list(&["--block-size", "4096"]), "1\n8\n12\n100\n");
    assert_eq!(
        list(&["--block-size", "1024"]),
        "4\n5\n32\n33\n49\n400\n401\n402\n"
    );
    assert_eq!(list(&["--block-size", "4096", "--list", "lost"]), "12\n");
    let both = ["--block-size", "4096", "--list", "remapped,lost"];
    assert_eq!(list(&both), "0\n12\n");
    assert_eq!(
        list(&["--block-size", "512", "--list", "pending"]),
        "8\n9\n10\n64\n65\n66\n67\n801\n802\n803\n804\n"
    );
}

#[test]
fn ddrescue_maps_have_all_of_the_device() {
    let said = Recording::of_lists().export(&["ddrescue", "/dev/mapper/safe"]);
    let lines: Vec<&str> = said.lines().filter(|l| !l.starts_with('#')).collect();
    assert_eq!(lines[0], "0x00000000     ?               1");
    let parts: Vec<(u64, u64, &str)> = lines[1..]
        .iter()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |word: &str| {
                let digits = word.strip_prefix("0x").expect("hexadecimal");
                u64::from_str_radix(digits, 16).expect("a number") / 512
            };
            (number(words[0]), number(words[1]), words[2])
        })
        .collect();
    let expected = [
        (0, 8, "?"),
        (8, 3, "-"),
        (11, 53, "?"),
        (64, 4, "-"),
        (68, 30, "?"),
        (98, 2, "-"),
        (100, 701, "?"),
        (801, 4, "-"),
    ];
    assert_eq!(parts, expected);
    assert!(said.contains("\n0x00001000  0x00000600  -\n"), "{said}");
}

#[test]
fn json_has_all_lists_in_order() {
    let said = Recording::of_lists().export(&["json", "safe"]);
    let answer: serde_json::Value = serde_json::from_str(&said).expect("it is JSON");
    assert_eq!(answer["schema"], "dm-remap/export/1");
    assert_eq!(
        (&answer["name"], &answer["size_sectors"]),
        (&"safe".into(), &805.into())
    );
    assert_eq!(answer["area_uuid"], "2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11");
    assert_eq!(
        (&answer["block_sectors"], &answer["main_start_sectors"]),
        (&8.into(), &0.into())
    );
    let ranges = answer["ranges"].as_array().expect("ranges");
    let kinds: Vec<&str> = ranges.iter().filter_map(|r| r["kind"].as_str()).collect();
    assert_eq!(
        kinds,
        ["remapped", "pending", "pending", "remapped", "lost", "pending"]
    );
    let seven = serde_json::json!({"first_sector": 0, "size_sectors": 8, "kind": "remapped", "spare_block": 7});
    assert_eq!(ranges[0], seven);
    let lost = serde_json::json!({"first_sector": 98, "size_sectors": 2, "kind": "lost"});
    assert_eq!(ranges[4], lost);
}

/// The text format, judged line by line: the names of the metrics, and all samples.
fn judged(said: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut names, mut samples) = (BTreeSet::new(), BTreeSet::new());
    let mut lines = said.lines().peekable();
    while let Some(line) = lines.next() {
        let help = line
            .strip_prefix("# HELP ")
            .expect("a metric begins with its help");
        let (name, help) = help.split_once(' ').expect("the help has words");
        assert!(help.ends_with('.') && !help.contains('\\'), "{help}");
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(
            name.starts_with("dm_remap_") && name.chars().all(letters),
            "{name}"
        );
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        let kind = lines
            .next()
            .and_then(|l| l.strip_prefix(&format!("# TYPE {name} ")));
        let kind = kind.expect("its type follows");
        assert!(kind == "gauge" || kind == "counter", "{kind}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        while let Some(sample) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = sample.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok(), "{sample}");
            let own = series.split('{').next();
            assert_eq!(own, Some(name), "{sample} is in the family of another");
            assert!(samples.insert(sample.to_owned()), "{sample} is there twice");
        }
    }
    (names, samples)
}

#[test]
fn prometheus_gets_help_type_and_base_units() {
    let recording = Recording::of_lists();
    recording.attribute("health/score", "812");
    recording.attribute("health/time_to_spare_exhaustion", "864000");
    recording.status("degraded -", "degraded b");
    recording.device("other", 1);
    recording.put("sys/block/dm-1/dm/name", "a\"b\\c");
    for file in ["table", "status"] {
        let line = fs::read_to_string(format!("{}/dm/other/{file}", recording.path()));
        recording.put(
            &format!("dm/a\"b\\c/{file}"),
            line.expect("a line").trim_end(),
        );
    }
    let (names, samples) = judged(&recording.export(&["prometheus"]));
    for sample in [
        "dm_remap_devices 2",
        "dm_remap_up{device=\"safe\"} 1",
        "dm_remap_info{device=\"safe\",node=\"dm-0\",area_uuid=\"2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11\",main=\"/dev/sda\",spare=\"/dev/sdb\"} 1",
        "dm_remap_well{device=\"safe\"} 0",
        "dm_remap_well{device=\"a\\\"b\\\\c\"} 1",
        "dm_remap_finding{device=\"safe\",code=\"lost_sectors\",gravity=\"danger\"} 1",
        "dm_remap_finding{device=\"safe\",code=\"pending_sectors\",gravity=\"warning\"} 1",
        "dm_remap_size_bytes{device=\"safe\"} 412160",
        "dm_remap_pending_bytes{device=\"safe\"} 5632",
        "dm_remap_lost_bytes{device=\"safe\"} 1024",
        "dm_remap_remapped_blocks{device=\"safe\"} 2",
        "dm_remap_state{device=\"safe\",state=\"rw\"} 1",
        "dm_remap_state{device=\"safe\",state=\"fail\"} 0",
        "dm_remap_metadata_copy_lost{device=\"safe\",copy=\"a\"} 0",
        "dm_remap_metadata_copy_lost{device=\"safe\",copy=\"b\"} 1",
        "dm_remap_health_ratio{device=\"safe\"} 0.812",
        "dm_remap_failure_probability_ratio{device=\"safe\"} 0.003",
        "dm_remap_failure_confidence_ratio{device=\"safe\"} 0.850",
        "dm_remap_time_to_spare_exhaustion_seconds{device=\"safe\"} 864000",
        "dm_remap_scan_cycle_seconds{device=\"safe\"} 1209600",
        "dm_remap_scan_passes_total{device=\"safe\"} 7",
        "dm_remap_metadata_commits_total{device=\"safe\"} 4",
        "dm_remap_moved_blocks_total{device=\"safe\",reason=\"evacuation\"} 0",
    ] {
        assert!(samples.contains(sample), "{sample} in\n{samples:#?}");
    }
    // A device that is ill does not hide the others, nor itself.
    recording.put("dm/safe/status", "0 805 remap of another time");
    let run = recording.run(&["export", "prometheus"]);
    assert_eq!(run.status.code(), Some(1));
    let said = text(&run.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("remapctl: cannot look at safe: "),
        "{said}"
    );
    let (_, rest) = judged(text(&run.stdout));
    for sample in [
        "dm_remap_devices 2",
        "dm_remap_up{device=\"safe\"} 0",
        "dm_remap_up{device=\"a\\\"b\\\\c\"} 1",
        "dm_remap_well{device=\"a\\\"b\\\\c\"} 1",
    ] {
        assert!(rest.contains(sample), "{sample} in\n{rest:#?}");
    }
    let of_safe = rest.iter().filter(|s| s.contains("device=\"safe\""));
    assert_eq!(of_safe.count(), 1);
    // What is not known has no sample.
    assert!(!samples
        .iter()
        .any(|s| s.starts_with("dm_remap_time_to_failure_seconds")));
    let page = fs::read_to_string("docs/remapctl.md").expect("the page");
    for name in names {
        assert!(
            page.contains(&format!("`{name}`")),
            "{name} is not in docs/remapctl.md"
        );
    }
    // No device is a fact as well.
    let (_, samples) = judged(&Recording::empty().export(&["prometheus"]));
    assert_eq!(
        samples.into_iter().collect::<Vec<_>>(),
        ["dm_remap_devices 0"]
    );
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("remap.prom");
    let name = path.to_str().expect("letters");
    fs::write(&path, "old").expect("a file");
    let recording = Recording::of_lists();
    assert_eq!(recording.export(&["prometheus", "--output", name]), "");
    let written = fs::read_to_string(&path).expect("the file");
    assert_eq!(written, recording.export(&["prometheus"]));
    // A collector that has it open reads the old one to its end: the name went to another file.
    let open = fs::File::open(&path).expect("the file");
    recording.export(&["prometheus", "--output", name, "safe"]);
    let meta = fs::metadata(&path).expect("the file");
    let inode = std::os::unix::fs::MetadataExt::ino;
    assert_ne!(inode(&open.metadata().expect("it is open")), inode(&meta));
    // What cannot be had leaves what was there, and nothing else.
    recording.remove("dm/safe/messages/list-lost-from-0");
    let (said, code) = recording.says(&["export", "json", "safe", "-o", name]);
    assert_eq!((code, said.lines().count()), (1, 1), "{said}");
    assert_eq!(fs::read_to_string(&path).expect("the file"), written);
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 1, "something lies beside it");
}

#[test]
fn bad_input_is_one_line_and_an_exit_code() {
    let recording = Recording::of_lists();
    for (args, says, code) in [
        (&["badblocks", "safe"][..], "--block-size", 2),
        (
            &["badblocks", "safe", "--block-size", "1000"],
            "power of two",
            2,
        ),
        (
            &["badblocks", "safe", "--block-size", "256"],
            "power of two",
            2,
        ),
        (
            &["badblocks", "safe", "--block-size", "512", "--list", "bad"],
            "bad",
            2,
        ),
        (&["ddrescue"], "DEVICE", 2),
        (&["ddrescue", "none"], "there is no device none", 1),
        (&["json", "safe", "other"], "other", 2),
        (&["smart", "safe"], "smart", 2),
        (
            &["prometheus", "-o", "/nowhere/at/all"],
            "/nowhere/at/all",
            1,
        ),
        (&[], "no command given", 2),
    ] {
        let run = recording.run(&[&["export"][..], args].concat());
        is_refused(&run, args, says, code);
    }
    recording.put("dm/safe/messages/list-lost-from-0", "98 2 lost 7");
    let (said, code) = recording.says(&["export", "json", "safe"]);
    assert_eq!(
        (said.as_str(), code),
        ("remapctl: '98 2 lost 7' is no line of a list\n", 1)
    );
}
