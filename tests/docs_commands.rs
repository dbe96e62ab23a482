// SPDX-License-Identifier: GPL-2.0-only

//! Each command of the tool that a page names is one that the tool takes, with the options that stand there.

mod cli_lab;

use std::{fs, path::Path};

use cli_lab::{remapctl, text};

/// What follows `remapctl` in the code of a page: in a line, or in a block.
fn commands(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in page.lines() {
        if let Some(code) = line.strip_prefix("    ") {
            let code = code.trim_start();
            found.extend(code.strip_prefix("remapctl ").map(str::to_owned));
            continue;
        }
        let spans = line.split('`').skip(1).step_by(2);
        found.extend(spans.filter_map(|code| Some(code.strip_prefix("remapctl ")?.to_owned())));
    }
    // What has brackets or choices is a synopsis, what ends in a colon is what was said.
    found.retain(|words| !words.contains(['[', '{', '|']));
    found
}

/// The words up to a comment, or to what the shell does with the output.
fn words(command: &str) -> Vec<&str> {
    let words = command.split_whitespace();
    words
        .take_while(|word| !word.starts_with(['#', '>', '<', ';', '&', '(']))
        .collect()
}

#[test]
fn each_command_of_the_pages_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).expect("a folder");
    let mut pages: Vec<_> = docs.map(|entry| entry.expect("an entry").path()).collect();
    pages.push(root.join("README.md"));
    pages.retain(|page| page.extension().is_some_and(|e| e == "md"));
    let mut tried = 0;
    for page in pages {
        let body = fs::read_to_string(&page).expect("it is text");
        for command in commands(&body) {
            let words = words(&command);
            // Help is given where all before it is right.
            let run = remapctl(&[&words[..], &["--help"]].concat());
            assert_eq!(
                run.status.code(),
                Some(0),
                "remapctl {command} in {}: {}",
                page.display(),
                text(&run.stderr)
            );
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
}
