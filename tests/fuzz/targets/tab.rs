// SPDX-License-Identifier: GPL-2.0-only

//! `/etc/remaptab`: a line means what it would mean alone, what is printed of it means the same, and what comes of it at
//! boot (paths of nodes, names of units) can be nothing else.

use super::{is_a_line, texts, Target};
use crate::tool::tab::{
    entry::{Entry, Table},
    names,
};

pub const REMAPTAB: Target = Target {
    name: "remaptab",
    most: 512,
    run,
    seeds: || {
        texts(&[
            "# what is opened at boot\n\nsafe /dev/sda /dev/sdb\n",
            "s PARTUUID=ABCD-01 PARTLABEL=my/spare none\r\nsafe\t/dev/sda  /dev/sdb - \n",
            "s /dev/disk/by-id/x AREA=2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11 nofail,spare-start=2048,x-other=1\n",
            "a /dev/a /dev/b scan=idle,read-only,no-auto-remap,error-policy=any\na /dev/a /dev/b\n",
            "b /dev/a /dev/b pending-writes=main,noauto,initramfs,x-systemd.device-timeout=1min30s",
        ])
    },
    words: &[
        "\n",
        "#",
        " - ",
        " none",
        "defaults",
        "/dev/",
        "/dev/disk/by-uuid/",
        "PARTUUID=",
        "PARTLABEL=",
        "LABEL=",
        "AREA=2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11",
        "..",
        ",",
        "spare-start=",
        "18446744073709551615",
        "error-policy=medium",
        "pending-writes=main",
        "scan=on",
        "read-only",
        "no-auto-remap",
        "nofail",
        "noauto",
        "initramfs",
        "x-systemd.device-timeout=",
        "infinity",
        "x-a",
    ],
};

/// All of it but where it stands.
fn meaning(entry: &Entry) -> String {
    let line = 0;
    format!(
        "{:?}",
        Entry {
            line,
            ..entry.clone()
        }
    )
}

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let table = Table::parse(&text);
    for wrong in &table.wrong {
        is_a_line(&wrong.text);
    }
    for (at, alone) in text.lines().enumerate() {
        let line = at + 1;
        let name = alone.split_whitespace().next().unwrap_or_default();
        let of_another = table.named(name).is_some_and(|first| first.line < line);
        let entry = table.entries.iter().find(|entry| entry.line == line);
        let wrong = table.wrong.iter().find(|wrong| wrong.line == line);
        let alone = Table::parse(alone);
        match (entry, wrong, &alone.entries[..], &alone.wrong[..]) {
            (Some(entry), None, [same], []) if !of_another => {
                assert_eq!(meaning(entry), meaning(same));
            }
            (None, Some(_), [_], []) => assert!(of_another, "line {line} is well"),
            (None, Some(wrong), [], [same]) => assert!(of_another || wrong.text == same.text),
            (None, None, [], []) => {}
            other => panic!("line {line}: {other:?}"),
        }
    }
    table.entries.iter().for_each(is_right);
    let again: Vec<String> = table.entries.iter().map(Entry::to_string).collect();
    let again = Table::parse(&again.join("\n"));
    assert!(again.wrong.is_empty(), "{:?}", again.wrong);
    let all = |table: &Table| table.entries.iter().map(meaning).collect::<Vec<_>>();
    assert_eq!(all(&again), all(&table));
}

/// What is made of an entry.
fn is_right(entry: &Entry) {
    assert!(!entry.to_string().contains(char::is_control), "{entry:?}");
    for path in [entry.main.path(), entry.spare.path()] {
        let below = path
            .strip_prefix("/dev/")
            .expect("a node, or a link to one");
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        assert!(below.split('/').all(plain), "{path:?}");
        // The unit of a node is that of no other.
        let unit = names::escaped_path(&path);
        assert!(unit
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'/'));
        assert_eq!(unescaped(&unit), path.as_bytes()[1..], "{unit}");
    }
    let main = entry.main.path();
    let of_content = ["/dev/disk/by-uuid/", "/dev/disk/by-label/"];
    assert!(
        !of_content.iter().any(|start| main.starts_with(start)),
        "{main}"
    );
    assert_eq!(
        unescaped(&names::escaped(&entry.name)),
        entry.name.as_bytes()
    );
    // It becomes a line of a unit.
    let time = entry.device_timeout.as_deref().unwrap_or("1s");
    let plain = time.bytes().all(|byte| byte.is_ascii_alphanumeric());
    assert!(plain && !time.is_empty(), "{time:?}");
}

/// The bytes that a part of a unit's name stands for, as `systemd-escape --unescape` has them.
fn unescaped(unit: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = unit;
    while let Some(first) = rest.bytes().next() {
        let number = rest.strip_prefix("\\x").and_then(|rest| rest.get(..2));
        let length = match number {
            Some(number) => {
                bytes.push(u8::from_str_radix(number, 16).expect("two digits"));
                4
            }
            None => {
                bytes.push(if first == b'-' { b'/' } else { first });
                1
            }
        };
        rest = &rest[length..];
    }
    bytes
}
