// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl scan`: what the scanner does, and what it is told.

mod settings;
mod wait;

use std::io::ErrorKind;

use anyhow::{bail, Result};
use clap::Subcommand;
use serde::Serialize;

use crate::{
    device::{
        self,
        model::{Device, Scan},
        source::{Source, WriteError},
        sysfs::Files,
        words::{counted, grouped, size},
        Id,
    },
    exit::{self, Exit},
    help,
    interrupt::Interrupt,
    output::Output,
    status,
};
use settings::Settings;

/// Says what the scanner does, or tells it what to do. Without a command, `show` of all devices.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_DOING,
    help::LIVE,
    "
  remapctl scan
      what the scanners of all devices do
  remapctl scan now safe --wait
      read all of it at once, and wait until that is done
  remapctl scan set safe --cycle-days 30
      a month for a pass",
))]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Says what the scanner does
    Show {
        /// The devices, by name or by node; all if none is named
        #[arg(value_name = "DEVICE")]
        devices: Vec<String>,
    },
    /// Begins a pass, or goes on where the last session ended
    Start(Told),
    /// Ends the pass
    Stop(Which),
    /// Halts the pass
    Pause(Which),
    /// Goes on after a halt
    Resume(Told),
    /// Reads the rest of the pass at once, and begins one if need be
    Now(Told),
    /// Changes settings, until the device is closed
    Set {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        settings: Settings,
    },
}

/// The devices that are told something.
#[derive(clap::Args)]
struct Which {
    /// The devices, by name or by node
    #[arg(value_name = "DEVICE", required_unless_present = "all")]
    devices: Vec<String>,
    /// All remap devices
    #[arg(long, conflicts_with = "devices")]
    all: bool,
}

#[derive(clap::Args)]
struct Told {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    settings: Settings,
    /// Wait for the end of the pass, with a bar; Ctrl-C ends the waiting, not the scan
    #[arg(long)]
    wait: bool,
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    devices: Vec<Looked>,
}

#[derive(Serialize)]
struct Looked {
    name: String,
    scan: Scan,
}

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    let mut exit = Exit::Fine;
    let names = match &args.command {
        None => Vec::new(),
        Some(Command::Show { devices }) => devices.clone(),
        Some(Command::Set { which, settings }) => {
            if settings.none() {
                output.complain("nothing is said that is to change (remapctl scan set --help tells what can be)");
                return Ok(Exit::Usage);
            }
            tell(source, which, settings, None)?
        }
        Some(Command::Stop(which)) => tell(source, which, &Settings::default(), Some("stop"))?,
        Some(Command::Pause(which)) => tell(source, which, &Settings::default(), Some("pause"))?,
        Some(Command::Start(told)) => on(source, told, "start", &mut exit)?,
        Some(Command::Resume(told)) => on(source, told, "resume", &mut exit)?,
        Some(Command::Now(told)) => on(source, told, "now", &mut exit)?,
    };
    let devices = device::look(source, &names)?;
    let now = source.now();
    let texts: Vec<String> = devices.iter().map(|device| one(device, now)).collect();
    let devices = devices.into_iter().map(|device| Looked {
        name: device.name,
        scan: device.scan,
    });
    let answer = Answer {
        devices: devices.collect(),
    };
    output.answer("scan", &answer, |_| {
        if texts.is_empty() {
            device::NONE.to_owned()
        } else {
            texts.join("\n")
        }
    })?;
    Ok(exit)
}

/// Tells what makes the scanner go on, and waits if that was asked for.
fn on(source: &dyn Source, told: &Told, word: &str, exit: &mut Exit) -> Result<Vec<String>> {
    let interrupt = Interrupt::listen()?;
    let chosen = chosen(source, &told.which)?;
    let before = chosen
        .iter()
        .map(|id| wait::passes(source, id))
        .collect::<Result<Vec<_>>>()?;
    let names = tell(source, &told.which, &told.settings, Some(word))?;
    if told.wait {
        for (id, before) in chosen.iter().zip(before) {
            *exit = (*exit).max(wait::pass(source, id, before, &interrupt)?);
        }
    }
    Ok(names)
}

fn chosen(source: &dyn Source, which: &Which) -> Result<Vec<Id>> {
    if which.all {
        device::all(source)
    } else {
        device::chosen(source, &which.devices)
    }
}

/// Settings first, so that a scan begins with them. The answer are the names of the devices.
fn tell(
    source: &dyn Source,
    which: &Which,
    settings: &Settings,
    word: Option<&str>,
) -> Result<Vec<String>> {
    let ids = chosen(source, which)?;
    for id in &ids {
        let files = Files::of(source, id.number);
        for (file, value) in settings.values() {
            let path = files.path(file);
            if let Err(e) = source.write(&path, &value) {
                let name = &id.name;
                if e.kind() == ErrorKind::InvalidInput {
                    bail!(
                        "{name} takes no {value} for {file}: speed-min may not be above speed-max"
                    );
                }
                bail!("cannot change {file} of {name}: {e}");
            }
        }
        if let Some(word) = word {
            if let Err(e) = source.write(&files.path("scan/action"), word) {
                bail!("{}", refusal(&id.name, word, &files, &e));
            }
        }
    }
    Ok(ids.into_iter().map(|id| id.name).collect())
}

/// Why the scanner does not do as it is told.
fn refusal(name: &str, word: &str, files: &Files, error: &WriteError) -> String {
    match error.kind() {
        ErrorKind::InvalidInput => {
            let state = files.text("scan/state").unwrap_or_default();
            format!("{word} makes no sense: the scan of {name} is {state}")
        }
        ErrorKind::WouldBlock => format!("{name} is suspended: dmsetup resume {name}"),
        _ => format!("cannot {word} the scan of {name}: {error}"),
    }
}

fn one(device: &Device, now: u64) -> String {
    let scan = &device.scan;
    let lines = [
        format!("{}: {}", device.name, status::scan(device, now)),
        format!(
            "  read      {} of {}; {} with errors, {} read in all",
            size(scan.done_sectors),
            size(scan.pass_sectors),
            counted(scan.errors, "read"),
            size(scan.read_sectors)
        ),
        format!("  settings  {}", settings::in_force(scan)),
        format!("  table     scan {}", device.table.scan),
    ];
    lines.join("\n") + "\n"
}

/// So many KiB/s; 0 stands for something else.
fn speed(kib: u64, zero: &str) -> String {
    if kib == 0 {
        zero.to_owned()
    } else {
        format!("{} KiB/s", grouped(kib))
    }
}
