// SPDX-License-Identifier: GPL-2.0-only

//! Manual pages and completions: each command has a page, which says what `--help` says, and shells take what they are
//! given.

mod cli_lab;

use std::{fs, path::Path, process::Command};

use cli_lab::{remapctl, text};
use tempfile::TempDir;

/// What `pages` writes.
fn pages() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let run = remapctl(&["pages", folder.path().to_str().expect("letters")]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    for line in text(&run.stdout).lines() {
        assert!(Path::new(line).is_file(), "{line} was said to be written");
    }
    folder
}

fn read(folder: &TempDir, file: &str) -> String {
    fs::read_to_string(folder.path().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// A page as it is read, a line a request.
fn plain(page: &str) -> String {
    let bold = page.replace("\\fB", "").replace("\\fI", "");
    bold.replace("\\fR", "")
        .replace("\\-", "-")
        .replace("\\*(Aq", "'")
}

#[test]
fn each_command_has_a_page_that_says_what_help_says() {
    let folder = pages();
    let commands = cli_lab::commands(&[]);
    assert!(commands.len() > 15, "{commands:?}");
    for command in &commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let name = [&["remapctl"], &words[..]].concat().join("-");
        let page = read(&folder, &format!("man/{name}.8"));
        for heading in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "\"EXIT STATUS\"",
            "ENVIRONMENT",
            "FILES",
            "EXAMPLES",
            "\"SEE ALSO\"",
        ] {
            let lines = page
                .lines()
                .filter(|line| *line == format!(".SH {heading}"));
            assert_eq!(lines.count(), 1, "{heading} in {name}:\n{page}");
        }
        let page = plain(&page);
        assert!(page.contains(&format!("\n{name} - ")), "{page}");
        assert!(!page.contains("--recorded"), "{page}");
        let help = remapctl(&[&words[..], &["--help"]].concat());
        let (above, below) = text(&help.stdout)
            .split_once("Exit codes:\n")
            .unwrap_or_else(|| panic!("{name} has exit codes"));
        let options = above.split_whitespace().filter(|w| w.starts_with("--"));
        for option in options.map(|w| w.trim_end_matches([',', '.', ';', ']', ')'])) {
            assert!(page.contains(option), "{option} in {name}:\n{page}");
        }
        for said in below.lines().flat_map(|line| line.split("  ")) {
            let said = said.trim();
            if !said.ends_with(':') {
                assert!(page.contains(said), "{said} in {name}:\n{page}");
            }
        }
    }
    let written = fs::read_dir(folder.path().join("man")).expect("a folder");
    assert_eq!(
        written.count(),
        commands.len(),
        "and no page of what is hidden"
    );
}

#[test]
fn who_reads_manuals_has_nothing_to_complain_of() {
    let folder = pages();
    let files = fs::read_dir(folder.path().join("man")).expect("a folder");
    let files = files.map(|entry| entry.expect("an entry").path());
    let run = Command::new("mandoc")
        .args(["-T", "lint", "-W", "warning"])
        .args(files)
        .output();
    let run = run.expect("mandoc can be run");
    assert_eq!(text(&run.stdout), "", "{}", text(&run.stderr));
    assert!(run.status.success());
}

#[test]
fn pages_are_of_the_day_of_the_source() {
    let folder = TempDir::new().expect("a folder");
    let run = Command::new(env!("CARGO_BIN_EXE_remapctl"))
        .arg("pages")
        .arg(folder.path())
        .env("SOURCE_DATE_EPOCH", "951782400")
        .output();
    assert!(run.expect("remapctl can be run").status.success());
    let page = read(&folder, "man/remapctl-status.8");
    assert!(
        page.contains("\n.TH remapctl-status 8 2000-02-29 "),
        "{page}"
    );
}

/// What is an error to any that reads manuals.
#[test]
fn pages_are_of_requests_that_exist_and_indent_evenly() {
    let folder = pages();
    for entry in fs::read_dir(folder.path().join("man")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let page = fs::read_to_string(&path).expect("it is text");
        let title = page
            .lines()
            .find(|line| !line.starts_with(".ie") && !line.starts_with(".el"));
        assert!(
            title.is_some_and(|line| line.starts_with(".TH remapctl")),
            "{page}"
        );
        let mut depth = 0;
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            let request = line.split_whitespace().next().unwrap_or_default();
            let known = [
                ".ie", ".el", ".TH", ".SH", ".TP", ".PP", ".IP", ".RS", ".RE", ".br",
            ];
            assert!(known.contains(&request), "{line} in {}", path.display());
            match request {
                ".RS" => depth += 1,
                ".RE" => depth -= 1,
                ".SH" => assert_eq!(depth, 0, "{line} in {}", path.display()),
                _ => {}
            }
            assert!(depth >= 0, "{}", path.display());
        }
        assert_eq!(depth, 0, "{}", path.display());
    }
}

#[test]
fn shells_take_the_completions() {
    let folder = pages();
    let bash = folder.path().join("completions/remapctl.bash");
    let parsed = Command::new("bash").arg("-n").arg(&bash).output();
    let parsed = parsed.expect("bash can be run");
    assert!(parsed.status.success(), "{}", text(&parsed.stderr));
    for (line, completed) in [
        ("remapctl rest", "restore"),
        ("remapctl scan st", "start stop"),
        ("remapctl map --color al", "always"),
        ("remapctl page", ""),
        ("remapctl --rec", ""),
    ] {
        let script = "source \"$0\"; COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _remapctl remapctl \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; echo \"${COMPREPLY[@]}\"";
        let run = Command::new("bash")
            .args(["-c", script])
            .arg(&bash)
            .arg(line)
            .output();
        let run = run.expect("bash can be run");
        assert_eq!(
            text(&run.stdout).trim(),
            completed,
            "{line}: {}",
            text(&run.stderr)
        );
    }
    for file in ["completions/_remapctl", "completions/remapctl.fish"] {
        let completion = read(&folder, file);
        for command in cli_lab::commands(&[]).iter().flatten() {
            assert!(completion.contains(command), "{command} in {file}");
        }
        assert!(
            !completion.contains("recorded"),
            "{file} has what is hidden"
        );
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let run = remapctl(&["pages", "/dev/null/x"]);
    assert_eq!(run.status.code(), Some(1));
    let said = text(&run.stderr);
    assert!(
        said.starts_with("remapctl: cannot make /dev/null/x/"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}
