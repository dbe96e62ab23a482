// SPDX-License-Identifier: GPL-2.0-only
//! Guest tests as files: what the head of each says.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};

pub const LANES: [&str; 3] = ["lockdep", "kasan", "vm"];

/// A guest test. Its head is the comment at its beginning, with lines such as `# Proves: ...`.
pub struct Case {
    /// Its path below `tests/guest`, without the suffix.
    pub name: String,
    pub file: PathBuf,
    pub lanes: Vec<String>,
    /// Seconds that the test itself may take.
    pub timeout: u64,
    /// MiB.
    pub memory: Option<u64>,
    /// How many processors the guest has, in the uml lanes.
    pub processors: Option<u64>,
    /// What the test loads: `dm-remap`, folders with other modules, or `none`.
    pub module: String,
    /// The test checks the checker: it passes when it is failed for a reason with this in it.
    pub caught: Option<String>,
}

impl Case {
    pub fn read(root: &Path, file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let name = file.strip_prefix(root)?.with_extension("");
        Self::parse(&name.to_string_lossy(), file, &text)
            .with_context(|| format!("the head of {}", file.display()))
    }

    fn parse(name: &str, file: &Path, text: &str) -> Result<Self> {
        let mut case = Case {
            name: name.to_owned(),
            file: file.to_owned(),
            lanes: Vec::new(),
            timeout: 600,
            memory: None,
            processors: None,
            module: "dm-remap".into(),
            caught: None,
        };
        let mut proves = false;
        for line in text.lines().take_while(|line| line.starts_with('#')) {
            let Some((key, value)) = line.trim_start_matches(['#', ' ']).split_once(": ") else {
                continue;
            };
            let value = value.trim();
            match key {
                "Proves" => proves = !value.is_empty(),
                "Lanes" => {
                    for lane in value.split_whitespace() {
                        ensure!(LANES.contains(&lane), "unknown lane: {lane}");
                        case.lanes.push(lane.to_owned());
                    }
                }
                "Timeout" => case.timeout = value.parse().context("Timeout: seconds")?,
                "Memory" => case.memory = Some(value.parse().context("Memory: MiB")?),
                "Processors" => case.processors = Some(value.parse().context("Processors")?),
                "Module" => case.module = value.to_owned(),
                "Caught" => case.caught = Some(value.to_owned()),
                // For scripts/guest, and the licence line.
                "Disk" | "Files" | "SPDX-License-Identifier" => {}
                _ if key.contains(' ') => {}
                _ => bail!("unknown line: {line}"),
            }
        }
        ensure!(proves, "no line '# Proves: ...'");
        ensure!(!case.lanes.is_empty(), "no line '# Lanes: ...'");
        Ok(case)
    }
}

/// All test files below `root`: those directly in it and in its subfolders, except `lib`.
pub fn find(root: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                if !path.ends_with("lib") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|suffix| suffix == "sh") {
                cases.push(Case::read(root, &path)?);
            }
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}
