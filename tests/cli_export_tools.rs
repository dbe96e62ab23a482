// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl export` of recorded devices, read back by the programs that these formats are for.

mod cli_lab;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use cli_lab::{text, Recording};
use serde_json::{json, Value};
use tempfile::TempDir;

/// The sectors of [`Recording::of_lists`] that are pending or lost.
const BAD: [u64; 13] = [8, 9, 10, 64, 65, 66, 67, 98, 99, 801, 802, 803, 804];

/// A folder for the files of a test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(TempDir::new().expect("a folder"))
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn put(&self, file: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(file);
        fs::write(&path, content).expect("a file");
        path.to_str().expect("letters").to_owned()
    }
}

/// Runs a program that has to be there. None takes long; e2fsck has lists from which it never comes back.
fn tool(name: &str, args: &[&str], input: &str) -> Output {
    let mut child = Command::new("timeout")
        .args([&["120", name], args].concat())
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("PYTHONWARNINGS", "ignore")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut stdin = child.stdin.take().expect("it has one");
    // One that does not read it ends before.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// What it says, if it is content.
fn content(name: &str, args: &[&str], input: &str) -> String {
    let run = tool(name, args, input);
    let said = text(&run.stdout).to_owned() + text(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{name} {args:?}: {said}");
    said
}

fn numbers(text: &str) -> Vec<u64> {
    let number = |line: &str| line.parse().unwrap_or_else(|e| panic!("{e}: {line}"));
    text.split_whitespace().map(number).collect()
}

#[test]
fn badblocks_leaves_out_what_is_listed() {
    let folder = Folder::new();
    let disk = folder.put("disk", vec![0; 805 * 512]);
    let exported = Recording::of_lists().export(&["badblocks", "safe", "--block-size", "1024"]);
    let list = folder.put("list", &exported);
    // It takes the blocks of its list for bad, and does not read them: none of the others is.
    let said = content("badblocks", &["-b", "1024", "-v", "-i", &list, &disk], "");
    let says = "Pass completed, 0 bad blocks found";
    assert!(said.contains(says), "{said}");
    // It refuses a list that is none, so it has read this one.
    let wrong = folder.put("wrong", "four\n");
    let run = tool("badblocks", &["-b", "1024", "-i", &wrong, &disk], "");
    assert_ne!(run.status.code(), Some(0));
}

#[test]
fn file_systems_leave_out_what_is_listed() {
    let recording = Recording::of_lists();
    let folder = Folder::new();
    let list = |name: &str, kinds: &str| {
        let args = ["badblocks", "safe", "--block-size", "1024", "--list", kinds];
        let exported = recording.export(&args);
        (folder.put(name, &exported), numbers(&exported))
    };
    let (all, all_numbers) = list("all", "pending,lost");
    assert_eq!(all_numbers, [4, 5, 32, 33, 49, 400, 401, 402]);
    let (some, some_numbers) = list("some", "lost");
    assert_eq!(some_numbers, [49]);
    let disk = |name: &str, more: &[&str]| {
        let disk = folder.put(name, vec![0; 4 << 20]);
        let make = ["-q", "-F", "-b", "1024", "-N", "16", "-O", "^resize_inode"];
        content("mke2fs", &[&make[..], more, &[&disk]].concat(), "");
        disk
    };
    let left_out = |disk: &str| {
        content("e2fsck", &["-f", "-n", disk], "");
        let run = tool("dumpe2fs", &["-b", disk], "");
        numbers(text(&run.stdout))
    };
    let made = disk("made", &["-l", &all]);
    assert_eq!(left_out(&made), all_numbers);
    let mended = disk("mended", &[]);
    assert!(left_out(&mended).is_empty());
    content("e2fsck", &["-f", "-y", "-l", &some, &mended], "");
    assert_eq!(left_out(&mended), some_numbers);
}

#[test]
fn ddrescuelog_sees_what_badblocks_sees() {
    let recording = Recording::of_lists();
    let folder = Folder::new();
    let map = folder.put("map", recording.export(&["ddrescue", "safe"]));
    let said = content("ddrescuelog", &["-t", &map], "");
    for says in [
        "mapfile extent:    412160 B",
        "bad-sector:      6656 B",
        "rescued:         0 B",
    ] {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            squeezed(&said).contains(&squeezed(says)),
            "{says} in {said}"
        );
    }
    for bytes in ["512", "4096"] {
        let listed = content("ddrescuelog", &["-l-", "-b", bytes, &map], "");
        let list = recording.export(&["badblocks", "safe", "--block-size", bytes]);
        assert_eq!(numbers(&listed), numbers(&list));
    }
    // A map that it makes of the list is the same one.
    let list = recording.export(&["badblocks", "safe", "--block-size", "512"]);
    assert_eq!(numbers(&list), BAD);
    let own = folder.put("own", "");
    let size = ["-s", "412160"];
    let make = ["-f", "-c-?", "-b", "512", &own];
    content("ddrescuelog", &[&size[..], &make].concat(), &list);
    content(
        "ddrescuelog",
        &[&size[..], &["-p", &own, &map]].concat(),
        "",
    );
}

#[test]
fn ddrescue_copies_all_but_what_is_bad() {
    let folder = Folder::new();
    let content_of_disk: Vec<u8> = (0..805 * 512u32)
        .map(|n| (n / 512 % 251 + 1) as u8)
        .collect();
    let disk = folder.put("disk", &content_of_disk);
    let map = folder.put("map", Recording::of_lists().export(&["ddrescue", "safe"]));
    let image = folder.path("image").to_str().expect("letters").to_owned();
    content("ddrescue", &["-q", &disk, &image, &map], "");
    let copied = fs::read(Path::new(&image)).expect("the image");
    let whole = |sector: u64| {
        let at = sector as usize * 512;
        copied.get(at..at + 512) == content_of_disk.get(at..at + 512)
    };
    for sector in 0..805 {
        assert_eq!(whole(sector), !BAD.contains(&sector), "sector {sector}");
    }
    let left = content("ddrescuelog", &["-l-?*/", "-b", "512", &map], "");
    assert_eq!(numbers(&left), BAD);
    // With -r it comes to these as well.
    content("ddrescue", &["-q", "-r", "1", &disk, &image, &map], "");
    assert_eq!(fs::read(&image).expect("the image"), content_of_disk);
}

/// What the schema of exported documents has against this one; nothing if it is one.
fn against(document: &Value) -> String {
    let folder = Folder::new();
    let file = folder.put("document", document.to_string());
    let run = tool(
        "jsonschema",
        &["-i", &file, "docs/schema/export.schema.json"],
        "",
    );
    let said = text(&run.stderr).to_owned();
    assert_eq!(run.status.success(), said.is_empty(), "{said}");
    said
}

#[test]
fn json_is_of_its_schema() {
    let exported = Recording::of_lists().export(&["json", "safe"]);
    let document: Value = serde_json::from_str(&exported).expect("it is JSON");
    assert_eq!(against(&document), "");
    let empty = Recording::of_one().export(&["json", "safe"]);
    let empty: Value = serde_json::from_str(&empty).expect("it is JSON");
    assert_eq!(against(&empty), "");
    // All that is there is described.
    let schema = fs::read_to_string("docs/schema/export.schema.json").expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("it is JSON");
    let described = |value: &Value, by: &Value| {
        for key in value.as_object().expect("an object").keys() {
            assert!(
                by["properties"].get(key).is_some(),
                "{key} is not described"
            );
        }
    };
    described(&document, &schema);
    for range in document["ranges"].as_array().expect("ranges") {
        described(range, &schema["$defs"]["range"]);
    }
    // It is no schema that takes everything.
    let change = |pointer: &str, value: Value| {
        let mut changed = document.clone();
        *changed.pointer_mut(pointer).expect(pointer) = value;
        against(&changed)
    };
    for (pointer, value, says) in [
        ("/schema", json!("dm-remap/export/2"), "dm-remap/export/1"),
        ("/size_sectors", json!(0), "minimum"),
        ("/generation", json!(-1), "minimum"),
        ("/area_uuid", json!("none"), "does not match"),
        ("/ranges/0/kind", json!("bad"), "is not one of"),
        ("/ranges/0/kind", json!("lost"), "should not be valid"),
        (
            "/ranges/1/kind",
            json!("remapped"),
            "'spare_block' is a required property",
        ),
        (
            "/ranges/1/first_sector",
            json!("8"),
            "is not of type 'integer'",
        ),
        (
            "/ranges/1",
            json!({}),
            "'first_sector' is a required property",
        ),
        ("", json!({}), "'ranges' is a required property"),
    ] {
        let said = change(pointer, value.clone());
        assert!(
            said.contains(says),
            "{pointer} {value}: '{said}', not {says}"
        );
    }
}

#[test]
fn promtool_has_nothing_against_it() {
    let recording = Recording::of_lists();
    recording.attribute("health/time_to_failure", "864000");
    recording.device("other", 1);
    let exported = recording.export(&["prometheus"]);
    assert_eq!(content("promtool", &["check", "metrics"], &exported), "");
    // Nor would it be silent to what is wrong.
    for (from, to) in [
        ("# HELP dm_remap_storm ", "# HELP dm_remap_calm "),
        ("dm_remap_scan_passes_total", "dm_remap_scan_passes"),
        (
            "dm_remap_size_bytes{device=\"safe\"}",
            "dm_remap_size_bytes{device=safe}",
        ),
    ] {
        let wrong = exported.replace(from, to);
        assert_ne!(wrong, exported, "{from} is there");
        let run = tool("promtool", &["check", "metrics"], &wrong);
        assert_ne!(run.status.code(), Some(0), "{to}");
    }
    let none = Recording::empty().export(&["prometheus"]);
    assert_eq!(content("promtool", &["check", "metrics"], &none), "");
}
