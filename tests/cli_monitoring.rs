// SPDX-License-Identifier: GPL-2.0-only

//! What is for the monitoring of machines: Prometheus' rules, Grafana's dashboard, systemd's units, as the programs they
//! are for judge them. `cli_monitoring_scrape.rs` has them work together.

mod cli_lab;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cli_lab::{
    monitoring::{dashboard, panels, queries, with_values, RULES},
    Recording,
};
use serde_json::Value;
use tempfile::TempDir;

/// Runs a program; it has to succeed. The answer is all that it said.
fn said_by(program: &str, args: &[&str]) -> String {
    let run = Command::new(program).args(args).output();
    let run = run.unwrap_or_else(|e| panic!("{program}: {e}"));
    let said = [run.stdout, run.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(run.status.success(), "{program} {args:?}: {said}");
    said
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files of this folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.to_str().expect("a path of letters")
}

/// Each alert, with its lines.
fn alerts() -> Vec<(String, String)> {
    let rules = read(RULES);
    let rules: Vec<&str> = rules.split("\n      - ").skip(1).collect();
    let alert = |rule: &&str| {
        let name = rule.strip_prefix("alert: ")?.lines().next()?;
        Some((name.to_owned(), (*rule).to_owned()))
    };
    rules.iter().filter_map(alert).collect()
}

#[test]
fn prometheus_takes_the_rules_and_each_alert_fires_when_it_should() {
    let said = said_by(
        "promtool",
        &["check", "rules", "--lint=all", "--lint-fatal", RULES],
    );
    let rules = read(RULES).matches("\n      - ").count();
    assert!(said.contains(&format!("{rules} rules found")), "{said}");
    for file in files("tests/prometheus") {
        said_by("promtool", &["test", "rules", name(&file)]);
    }
}

#[test]
fn each_alert_is_tried_both_ways_and_says_what_to_do() {
    let tried: String = files("tests/prometheus").iter().map(read).collect();
    let page = read("docs/monitoring.md");
    let mut names = BTreeSet::new();
    for (name, rule) in alerts() {
        let quiet = format!("alertname: {name}, exp_alerts: []");
        let fires = format!("alertname: {name}\n        exp_alerts:\n          - exp_labels:");
        assert!(tried.contains(&quiet), "{name} is never seen quiet");
        assert!(tried.contains(&fires), "{name} is never seen to fire");
        let anchor = name.to_lowercase();
        for line in [
            "\n        for: ",
            "\n          summary: \"{{ $labels.",
            "\n          description: ",
            &format!("\n          runbook: docs/monitoring.md#{anchor}\n"),
        ] {
            assert!(format!("{rule}\n").contains(line), "{name} has no{line}");
        }
        let severity = ["critical", "warning", "info"]
            .into_iter()
            .find(|word| rule.contains(&format!("labels: {{severity: {word}}}")));
        let severity = severity.unwrap_or_else(|| panic!("{name} has no severity"));
        // The heading that the runbook names, and below it how grave it is.
        let heading = format!("\n### {name}\n\n*{severity}");
        assert!(
            page.contains(&heading),
            "docs/monitoring.md has no{heading}"
        );
        assert!(names.insert(name.clone()), "{name} is there twice");
    }
    assert!(names.len() > 20, "{names:?}");
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    for heading in headings.filter(|heading| heading.starts_with("DmRemap")) {
        assert!(names.contains(heading), "there is no alert {heading}");
    }
}

/// The folder of the units, and a copy of them that names a tool that is there.
fn units() -> (TempDir, Vec<PathBuf>) {
    let folder = TempDir::new().expect("a folder");
    let mut units = Vec::new();
    for file in files("system/systemd") {
        let file_name = file.file_name().expect("a name").to_str().expect("letters");
        if !file_name.starts_with("remapctl-") {
            continue;
        }
        let tool = env!("CARGO_BIN_EXE_remapctl");
        let text = read(&file).replace("/usr/sbin/remapctl", tool);
        let copy = folder.path().join(file_name);
        fs::write(&copy, text).expect("a file");
        units.push(copy);
    }
    (folder, units)
}

#[test]
fn systemd_takes_the_units_and_finds_them_confined() {
    let (_folder, units) = units();
    assert_eq!(units.len(), 4, "{units:?}");
    let mut args = vec!["verify", "--man=no"];
    args.extend(units.iter().map(|unit| name(unit)));
    let said = said_by("systemd-analyze", &args);
    assert_eq!(said, "", "verify has remarks");
    // Of a hundred; a service without any of it has 96. More than root's own share is not needed.
    for (unit, threshold) in [("export", 15), ("record", 18)] {
        let unit = units
            .iter()
            .find(|path| name(path).ends_with(&format!("-{unit}.service")));
        let threshold = format!("--threshold={threshold}");
        let args = ["security", "--offline=true", "--no-pager", &threshold];
        said_by(
            "systemd-analyze",
            &[&args[..], &[name(unit.expect("it is there"))]].concat(),
        );
    }
}

#[test]
fn units_run_commands_that_there_are_and_timers_have_times() {
    for (unit, command) in [("export", "export prometheus"), ("record", "record")] {
        let service = read(format!("system/systemd/remapctl-{unit}.service"));
        let starts = format!("\nExecStart=/usr/sbin/remapctl {command}");
        assert!(service.contains(&starts), "{service}");
        let mut words: Vec<&str> = command.split(' ').collect();
        words.push("--help");
        said_by(env!("CARGO_BIN_EXE_remapctl"), &words);
        // What is mounted below /home must not be hidden: it may be main.
        assert!(service.contains("\nProtectHome=read-only\n"), "{service}");
        let timer = read(format!("system/systemd/remapctl-{unit}.timer"));
        let when = timer
            .lines()
            .find_map(|line| line.strip_prefix("OnCalendar="));
        said_by("systemd-analyze", &["calendar", when.expect("a time")]);
        assert!(timer.contains("\nWantedBy=timers.target\n"), "{timer}");
    }
}

#[test]
fn the_dashboard_is_one_that_grafana_can_show() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "dm-remap");
    assert!(dashboard["schemaVersion"].as_u64() >= Some(39));
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().expect("a title");
        assert!(
            ids.insert(panel["id"].as_u64()),
            "{title}: its id is another's"
        );
        let pos = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        let (x, y, w, h) = (pos("x"), pos("y"), pos("w"), pos("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{title} has no room");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title} lies over another panel");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert_ne!(panel["description"], "", "{title} says nothing of itself");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let targets = panel["targets"].as_array().expect("targets");
        let refs: BTreeSet<_> = targets.iter().map(|t| t["refId"].as_str()).collect();
        assert!(!refs.is_empty() && refs.len() == targets.len(), "{title}");
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
    // Each variable that is asked with is one that there is.
    let variables = dashboard["templating"]["list"].as_array().expect("a list");
    let variables: BTreeSet<&str> = variables
        .iter()
        .filter_map(|v| v["name"].as_str())
        .collect();
    for (title, query) in queries(&dashboard) {
        for word in query.split('$').skip(1) {
            let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let word = word.get(..end.unwrap_or(word.len())).expect("a word");
            assert!(
                variables.contains(word),
                "{title}: there is no variable {word}"
            );
        }
    }
}

#[test]
fn prometheus_can_read_each_query_of_the_dashboard() {
    let queries = queries(&dashboard());
    assert!(queries.len() > 50, "{}", queries.len());
    let mut text = "groups:\n  - name: queries\n    rules:\n".to_owned();
    for (number, (_, query)) in queries.iter().enumerate() {
        // A string of JSON is one of YAML.
        let query = Value::from(with_values(query));
        text += &format!("      - {{record: 'query:{number}', expr: {query}}}\n");
    }
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("queries.yml");
    fs::write(&file, text).expect("a file");
    let said = said_by("promtool", &["check", "rules", name(&file)]);
    assert!(
        said.contains(&format!("{} rules found", queries.len())),
        "{said}"
    );
}

/// The words that begin like a metric of ours, and are none that a rule records.
fn metrics(text: &str) -> BTreeSet<String> {
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':';
    let words = text.split(word);
    words
        .filter(|word| word.starts_with("dm_remap_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_rules_and_dashboard_ask_for_is_exported() {
    let exported = Recording::of_one().says(&["export", "prometheus"]);
    assert_eq!(exported.1, 0, "{}", exported.0);
    let names = exported.0.lines();
    let names = names.filter_map(|line| line.strip_prefix("# TYPE "));
    let exported: BTreeSet<String> = names
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect();
    assert!(exported.len() > 40, "{exported:?}");
    let rules = read(RULES);
    for file in ["system/grafana/dm-remap.json", "docs/monitoring.md", RULES] {
        let text = read(file);
        let asked = metrics(&text);
        assert!(
            asked.is_subset(&exported),
            "{file}: {:?}",
            &asked - &exported
        );
        // What is recorded has a rule that does.
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':') {
            let recorded = format!("- record: {word}\n");
            let ours = word.contains(":dm_remap_");
            assert!(!ours || rules.contains(&recorded), "{file}: {word}");
        }
    }
}
