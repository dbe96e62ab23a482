// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl tab`: what `/etc/remaptab` says, and what is wrong with it. What is done with it at boot is below this.

mod entry;
pub mod generator;
pub mod names;
mod needed;
mod spec;

pub use entry::{place, Entry, Table};
pub use spec::Spec;

use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use serde::Serialize;

use crate::{
    device::source::Source,
    exit::{self, Exit},
    help,
    output::Output,
};

/// Says what /etc/remaptab says, and what is wrong with it.
///
/// The devices in it are opened at boot, and their main devices are kept from being mounted: see remaptab(5).
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_LOOKING,
    "
  /etc/remaptab
      the devices that are opened at boot",
    "
  remapctl tab
      what is wrong with the table, a line each; then systemctl daemon-reload and update-initramfs -u",
))]
pub struct Args {
    /// For an initramfs: all entries, each with `initramfs` or `noauto`
    #[arg(long)]
    initramfs: bool,
    /// The table
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    /// Every line could be used.
    well: bool,
    entries: Vec<Line>,
    wrong: Vec<WrongLine>,
}

/// An entry.
#[derive(Serialize)]
struct Line {
    line: usize,
    name: String,
    main_path: String,
    spare_path: String,
    spare_start_sectors: u64,
    read_only: bool,
    nofail: bool,
    noauto: bool,
    initramfs: bool,
    /// As the table would have it.
    text: String,
}

/// A line that was left out.
#[derive(Serialize)]
struct WrongLine {
    line: usize,
    text: String,
}

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    let path = args.file.clone().unwrap_or_else(place);
    let shown = path.display().to_string();
    if !path.exists() {
        bail!("there is no {shown}");
    }
    let mut table = read(&path)?;
    let mut well = table.wrong.is_empty();
    if args.initramfs {
        well &= for_initramfs(&mut table, source, output, &shown);
    }
    for wrong in &table.wrong {
        output.remark(&format!("remapctl: {shown}:{}: {}", wrong.line, wrong.text));
    }
    let answer = Answer {
        well,
        entries: table.entries.iter().map(line).collect(),
        wrong: table
            .wrong
            .into_iter()
            .map(|wrong| WrongLine {
                line: wrong.line,
                text: wrong.text,
            })
            .collect(),
    };
    output.answer("tab", &answer, |answer| {
        let lines = answer.entries.iter();
        lines.flat_map(|line| [line.text.as_str(), "\n"]).collect()
    })?;
    Ok(Exit::well(well))
}

/// The table at `path`.
fn read(path: &Path) -> Result<Table> {
    Table::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn line(entry: &Entry) -> Line {
    Line {
        line: entry.line,
        name: entry.name.clone(),
        main_path: entry.main.path(),
        spare_path: entry.spare.path(),
        spare_start_sectors: entry.settings.spare_start,
        read_only: entry.settings.read_only,
        nofail: entry.nofail,
        noauto: entry.noauto,
        initramfs: entry.initramfs,
        text: entry.to_string(),
    }
}

/// Says of each entry whether the initramfs opens it. The others are there so that their main devices are kept from being
/// mounted. False if the root file system needs one that is not there.
fn for_initramfs(table: &mut Table, source: &dyn Source, output: Output, shown: &str) -> bool {
    let needed = needed::by_root(source);
    for entry in &mut table.entries {
        entry.initramfs |= needed.mapped.contains(&entry.name);
        entry.noauto = !entry.initramfs;
    }
    let mut well = true;
    for name in &needed.remap {
        if table.named(name).is_none() {
            output.remark(&format!(
                "remapctl: the root file system needs the remap device {name}, which {shown} does not have"
            ));
            well = false;
        }
    }
    well
}

/// The entry of the table that names a device so.
pub fn entry_of(name: &str) -> Result<Entry> {
    let path = place();
    let shown = path.display();
    let table = read(&path)?;
    if let Some(entry) = table.named(name) {
        return Ok(entry.clone());
    }
    match table.wrong.first() {
        Some(wrong) => bail!(
            "{shown} has no device {name}, and line {} is wrong: {}",
            wrong.line,
            wrong.text
        ),
        None => bail!("{shown} has no device {name} (remapctl open NAME MAIN SPARE opens others)"),
    }
}
