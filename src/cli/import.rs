// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl import`: makes pending what other programs have found to be bad.

mod parse;
mod send;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{ensure, Context, Result};
use clap::Subcommand;
use serde::Serialize;

use crate::{
    device::{
        self,
        runs::{Kind, Run},
        source::Source,
        words::counted,
    },
    exit::Exit,
    export::block_bytes,
    help,
    interrupt::Interrupt,
    output::Output,
};
use parse::{badblocks, ddrescue, json, Wrong};

const CODES: &str = "Exit codes:
  0    done
  1    not done; if something in the list is wrong, nothing is; or no room for some of it
  2    the command line is wrong
  130  interrupted; what was marked before stays marked";

/// Calls the sectors of a list pending: a write to one of them moves its block to the spare area.
///
/// The whole list is read before anything is done. If something in it is wrong, nothing is done.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    CODES,
    help::LIVE,
    "
  remapctl import badblocks safe list --block-size 4096
      what badblocks -b 4096 -o list has found
  remapctl import ddrescue safe safe.map --dry-run
      what would be marked of what ddrescue could not read
  remapctl export json old -o old.json; remapctl import json new old.json
      what is known of one disk, for its copy",
))]
pub struct Args {
    #[command(subcommand)]
    format: Format,
}

#[derive(Subcommand)]
enum Format {
    /// A list of bad blocks, as badblocks(8) writes it
    Badblocks {
        /// The size of a block, as in badblocks -b: a power of two from 512 on
        #[arg(long, value_name = "BYTES", value_parser = block_bytes)]
        block_size: u64,
        #[command(flatten)]
        what: What,
    },
    /// A map file of GNU ddrescue: what it calls bad sectors (-)
    Ddrescue {
        /// Take what failed and was not tried sector by sector as well (* and /)
        #[arg(long)]
        failed: bool,
        #[command(flatten)]
        what: What,
    },
    /// What `remapctl export json` wrote
    Json {
        /// What of it is called pending
        #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND", default_values = ["pending", "lost"])]
        list: Vec<Kind>,
        #[command(flatten)]
        what: What,
    },
}

#[derive(clap::Args)]
struct What {
    /// The device, by name or by node
    #[arg(value_name = "DEVICE")]
    device: String,
    /// The list; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only say what would be done
    #[arg(short = 'n', long)]
    dry_run: bool,
}

impl Args {
    fn what(&self) -> &What {
        match &self.format {
            Format::Badblocks { what, .. }
            | Format::Ddrescue { what, .. }
            | Format::Json { what, .. } => what,
        }
    }

    /// Whether nothing is to change.
    pub fn dry_run(&self) -> bool {
        self.what().dry_run
    }

    fn parse(&self, bytes: &[u8], size: u64) -> Result<Vec<Run>, Wrong> {
        match &self.format {
            Format::Badblocks { block_size, .. } => badblocks::parse(bytes, *block_size, size),
            Format::Ddrescue { failed, .. } => ddrescue::parse(bytes, *failed, size),
            Format::Json { list, .. } => json::parse(bytes, list, size),
        }
    }
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    name: String,
    dry_run: bool,
    ranges: Vec<Run>,
    sectors: u64,
    /// How many are pending now.
    pending_sectors: u64,
    /// For how many there was no room meanwhile.
    dropped_sectors: u64,
}

/// More is no list.
const MOST_BYTES: u64 = 1 << 26;

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let what = args.what();
    let id = device::named(source, &what.device)?;
    let device = device::look(source, &[id.name.clone()])?;
    let device = device.into_iter().next().context("the device went")?;
    let name = what.file.display();
    let bytes = read(&what.file).with_context(|| format!("cannot read {name}"))?;
    let size = device.table.size_sectors;
    let runs = args.parse(&bytes, size);
    let runs = runs.map_err(|wrong| anyhow::anyhow!("{name}{wrong}"))?;
    drop(bytes);
    let mut answer = Answer {
        name: device.name.clone(),
        dry_run: what.dry_run,
        sectors: runs.iter().map(|run| run.size_sectors).sum(),
        ranges: runs,
        pending_sectors: device.status.pending_sectors,
        dropped_sectors: 0,
    };
    if !what.dry_run && !answer.ranges.is_empty() {
        let after = send::all(source, &id, &answer.ranges, &interrupt)?;
        answer.pending_sectors = after.pending_sectors;
        let before = device.status.pending_dropped_sectors;
        answer.dropped_sectors = after.pending_dropped_sectors.saturating_sub(before);
    }
    output.answer("import", &answer, in_words)?;
    Ok(Exit::well(answer.dropped_sectors == 0))
}

fn in_words(answer: &Answer) -> String {
    let name = &answer.name;
    let (ranges, sectors) = (
        counted(answer.ranges.len() as u64, "range"),
        counted(answer.sectors, "sector"),
    );
    if answer.dry_run {
        let lines: Vec<String> = answer
            .ranges
            .iter()
            .map(|run| format!("mark {} {}\n", run.first_sector, run.size_sectors))
            .collect();
        return lines.concat() + &format!("{ranges} with {sectors} would be marked on {name}\n");
    }
    let pending = counted(answer.pending_sectors, "sector");
    let mut text = format!("{ranges} with {sectors} marked; {name} has {pending} pending now\n");
    if answer.dropped_sectors > 0 {
        let dropped = counted(answer.dropped_sectors, "sector");
        text += &format!("There was no room for the marks of {dropped}.\n");
    }
    text
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let from: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(path)?),
    };
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= MOST_BYTES,
        "it is larger than 64 MiB: that is no list"
    );
    Ok(bytes)
}
