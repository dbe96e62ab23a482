// SPDX-License-Identifier: GPL-2.0-only

//! The page of `remapctl report`, as text: whole, escaped, with nothing from elsewhere, and true about what is not known.
//! How it looks in a browser is in `cli_report_browser`.

mod cli_lab;

use std::{collections::HashSet, fs};

use cli_lab::{inside, story, text, Recording};
use tempfile::TempDir;

/// The page of a recording without a past.
fn page(recording: &Recording) -> String {
    let folder = TempDir::new().expect("a folder");
    let history = folder.path().to_str().expect("letters");
    let (said, code) = recording.says(&["report", "--history", history]);
    assert_eq!(code, 0, "{said}");
    whole(&said);
    said
}

/// `safe`, with a heat map.
fn one() -> Recording {
    let recording = Recording::of_one();
    let scores = vec!["1000"; 1024].join(" ");
    recording.put("dm/safe/messages/health-1024", &scores);
    recording
}

/// Elements that have no end.
const VOID: [&str; 1] = ["meta"];

/// Each element is closed where it should be, each name is there once, what is pointed to is there, and nothing is
/// elsewhere.
fn whole(page: &str) {
    let body = page.strip_prefix("<!DOCTYPE html>").expect("a document");
    let mut open: Vec<&str> = Vec::new();
    let (mut ids, mut wanted) = (HashSet::new(), Vec::new());
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('<') {
        assert!(
            open.last() == Some(&"style") || !before.contains('>'),
            "{before}"
        );
        let (tag, after) = after.split_once('>').expect("a tag ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "</{tag}>");
            continue;
        }
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "<{tag}>");
        while let Some((key, value)) = attributes.split_once("=\"") {
            let (value, more) = value.split_once('"').expect("a value ends");
            assert!(!key.trim().starts_with("on"), "<{tag}>");
            match key.trim() {
                "id" => assert!(ids.insert(value.to_owned()), "{value} is there twice"),
                "href" => wanted.push(value.strip_prefix('#').expect("on the page").to_owned()),
                "aria-labelledby" => wanted.extend(value.split(' ').map(str::to_owned)),
                _ => {}
            }
            attributes = more;
        }
        assert!(attributes.trim().is_empty(), "<{tag}>");
        if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert!(rest.trim().is_empty(), "{rest}");
    for id in wanted {
        assert!(ids.contains(&id), "there is no {id}");
    }
    for elsewhere in [
        "http:", "https:", "url(", "@import", "<script", "<img", "<link", "src=",
    ] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
}

#[test]
fn what_is_known_of_devices_is_on_the_page() {
    let story = story::of_three();
    let (said, code) = story
        .recording
        .says(&["report", "--history", story.history()]);
    assert_eq!(code, 0, "{said}");
    whole(&said);
    for words in [
        "Remap devices of tower",
        "As of 2027-01-15 08:00 UTC",
        "<strong>1</strong> in danger",
        "<strong>1</strong> needs attention",
        "<strong>1</strong> is well",
        "3 sectors are lost: nobody holds the data any more",
        "restore the files from a backup; dmsetup message photos 0 list lost says where",
        "414 of 238,520 (&lt;\u{a0}1\u{a0}%)",
        "<strong>67.1 %</strong> to fail within 30 days, with medium confidence (64\u{a0}%)",
        "<li>61 episodes with errors at 48 places, 2 weak ones, 409 bad sectors in 212 days</li>",
        "It may fail in about <strong>5 days</strong>",
        "SMART of main, /dev/sda: the disk itself says that it <strong>is about to fail.</strong>",
        "Of the parts: ",
        "Nothing is wrong with it.",
    ] {
        assert!(said.contains(words), "{words}");
    }
    // The gravest is the first.
    let place = |name: &str| said.find(&format!("<bdi>{name}</bdi>"));
    assert!(place("photos") < place("safe") && place("safe") < place("archive"));
    // What is not known is said.
    let archive = said
        .split("<section class=\"device")
        .nth(3)
        .expect("the third");
    assert!(archive.contains("its past is not known"), "{archive}");
    assert!(!archive.contains("class=\"chart\""), "{archive}");
    let charts = |section: &str| section.matches("class=\"chart\"").count();
    let photos = said
        .split("<section class=\"device")
        .nth(1)
        .expect("the first");
    assert_eq!(charts(photos), 7);
}

#[test]
fn what_comes_from_elsewhere_is_escaped() {
    let recording = Recording::empty();
    let name = "<script>alert(1)<\\script>&\"'x\" onload=\"y";
    recording.disk("8:0", "sd<b>a");
    recording.disk("8:16", "sdb");
    recording.device(name, 0);
    recording.put("sys/block/dm-0/remap/health/evidence", "<img src=x>; a & b");
    recording.put("proc/sys/kernel/hostname", "</title><b>host");
    let scores = vec!["1000"; 1024].join(" ");
    recording.put(&format!("dm/{name}/messages/health-1024"), &scores);
    // `src=` is in the evidence, as text.
    let folder = TempDir::new().expect("a folder");
    let (said, _) = recording.says(&[
        "report",
        "--history",
        folder.path().to_str().expect("letters"),
    ]);
    whole(&said.replace("&lt;img src=x&gt;", ""));
    assert!(
        said.contains("&lt;script&gt;alert(1)&lt;\\script&gt;&amp;&quot;'x&quot; onload=&quot;y")
    );
    assert!(said.contains("<li>&lt;img src=x&gt;</li><li>a &amp; b</li>"));
    assert!(said.contains("sd&lt;b&gt;a") && said.contains("&lt;/title&gt;&lt;b&gt;host"));
}

#[test]
fn no_devices_and_many() {
    let said = page(&Recording::empty());
    assert!(said.contains("There is no remap device."));
    let recording = one();
    for n in 1..300 {
        let name = format!("disk-{n:03}");
        recording.device(&name, n);
        let scores = vec!["1000"; 1024].join(" ");
        recording.put(&format!("dm/{name}/messages/health-1024"), &scores);
    }
    recording.change("dm/disk-200/status", "0/238520 0 0", "0/238520 0 8");
    recording.put("dm/disk-200/messages/list-lost-from-0", "0 8 lost");
    let said = page(&recording);
    assert!(said.contains("<strong>300</strong> devices"));
    assert!(said.contains("<strong>299</strong> are well"));
    let first = said.find("href=\"#device-0\"><bdi>disk-200</bdi>");
    assert!(first.is_some(), "the gravest is the first");
    // A mail takes it.
    assert!(said.len() < 300 * 12_000, "{}", said.len());
}

#[test]
fn what_cannot_be_read_is_said_and_hides_nothing() {
    let recording = one();
    recording.device("other", 1);
    recording.put("sys/block/dm-1/remap/health/score", "many");
    recording.put("dm/safe/messages/health-1024", "unknown");
    let folder = TempDir::new().expect("a folder");
    let history = folder.path().to_str().expect("letters");
    fs::create_dir(
        folder
            .path()
            .join("2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11.jsonl"),
    )
    .expect("no file");
    let run = recording.run(&["report", "--history", history]);
    assert_eq!(run.status.code(), Some(1));
    let said = text(&run.stdout);
    whole(said);
    assert!(said.contains("1 device could not be looked at"));
    assert!(said.contains("The map could not be read: the health of safe is 'unknown'"));
    assert!(said.contains("What was written down of it could not be read: cannot read "));
    assert_eq!(
        text(&run.stderr).lines().count(),
        3,
        "{}",
        text(&run.stderr)
    );
    // One that was named has to be there.
    assert_eq!(
        recording
            .run(&["report", "other", "--history", history])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let (recording, folder) = (one(), TempDir::new().expect("a folder"));
    let at = |name: &str| inside(&folder, name);
    let (history, file) = (at("none"), at("report.html"));
    fs::write(&file, "old").expect("a file");
    let run = recording.run(&["report", "--history", &history, "-o", &file]);
    assert_eq!((run.status.code(), run.stdout.len()), (Some(0), 0));
    let said = fs::read_to_string(&file).expect("the page");
    let (printed, _) = recording.says(&["report", "--history", &history]);
    assert_eq!(said, printed);
    let absent = at("absent/report.html");
    let (said, code) = recording.says(&["report", "--history", &history, "-o", &absent]);
    assert_eq!(code, 1);
    assert!(said.contains("cannot write"), "{said}");
    let names = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(names, 1, "nothing is left aside");
}

#[test]
fn what_the_page_is_made_from_is_there_in_json() {
    let story = story::of_three();
    let (answer, code) = story
        .recording
        .json(&["report", "--history", story.history()]);
    assert_eq!((code, &answer["schema"]), (0, &"dm-remap/report/1".into()));
    assert_eq!(answer["host"], "tower");
    let photos = &answer["devices"][0];
    assert_eq!(
        (&photos["name"], &photos["well"]),
        (&"photos".into(), &false.into())
    );
    assert_eq!(photos["parts"].as_array().map(Vec::len), Some(1024));
    let history = photos["history"].as_array().expect("a past");
    assert!(history.len() > 300 && history[0]["at_unix_seconds"].is_u64());
    assert_eq!(answer["devices"][2]["history"], serde_json::json!([]));
}
