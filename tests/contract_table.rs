// SPDX-License-Identifier: GPL-2.0-only
//! `docs/contract-tests.md` names tests that exist, and the lanes that they run in.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn what_the_table_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/contract-tests.md")).unwrap();
    let mut names = 0;
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [rule, tests, lanes] = cells[..] else {
            panic!("a row without three cells: {row}");
        };
        for name in tests.split('`').skip(1).step_by(2) {
            if let Some((file, function)) = name.split_once("::").filter(|(f, _)| *f != "dm") {
                let source =
                    fs::read_to_string(root.join(format!("tests/{file}.rs"))).unwrap_or_default();
                assert!(
                    source.contains(&format!("fn {function}(")),
                    "{rule}: there is no test {name}"
                );
                assert_eq!(lanes, "host", "{rule}: the lane of {name}");
            } else if name.ends_with(".sh") {
                let source =
                    fs::read_to_string(root.join("tests/guest").join(name)).unwrap_or_default();
                let head = source
                    .lines()
                    .find_map(|line| line.strip_prefix("# Lanes: "));
                let run: BTreeSet<&str> = head.unwrap_or_default().split_whitespace().collect();
                let said: BTreeSet<&str> = lanes.split_whitespace().collect();
                assert!(!run.is_empty(), "{rule}: there is no test {name}");
                assert_eq!(said, run, "{rule}: the lanes of {name}");
            } else {
                continue;
            }
            names += 1;
        }
    }
    assert!(names > 90, "only {names} tests are named");
}
