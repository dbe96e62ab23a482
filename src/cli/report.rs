// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl report`: all that is known of devices, as one page that needs nothing else.

mod chart;
mod device_part;
mod heat;
mod past;
mod smart_part;
mod whole;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde::Serialize;

use crate::{
    device::{
        self,
        cells::{self, Cell},
        findings::Gravity,
        model::Device,
        source::Source,
        Unknown,
    },
    exit::Exit,
    help,
    history::{self, History, Sample},
    output::{self, Output},
    status::Looked,
};

/// Writes what is known of devices as one HTML page: state, heat map, history, forecast and its evidence.
///
/// The page is one file, has no scripts, and loads nothing from anywhere. It can be read on a phone and printed. With
/// --json it is what the page is made from.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    CODES,
    "
  /dev/mapper/NAME
      the device
  /sys/block/dm-N/remap/
      what the kernel module says of it
  /var/lib/dm-remap/AREA.jsonl
      what remapctl record wrote down of the device whose spare area has the UUID AREA",
    "
  remapctl report -o report.html
      a page of all devices
  remapctl report safe | mail -a 'Content-Type: text/html' -s safe root
      one device, by mail",
))]
pub struct Args {
    /// The devices, by name or by node; all if none is named
    #[arg(value_name = "DEVICE")]
    devices: Vec<String>,
    /// The file to write, whole or not at all [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The folder of what was written down
    #[arg(long, value_name = "DIR", default_value = history::FOLDER)]
    history: PathBuf,
}

const CODES: &str = "Exit codes:
  0    the page is written, however the devices are
  1    it is not, or it lacks something that could not be read, and says so
  2    the command line is wrong
  130  interrupted";

/// What a page is made from.
#[derive(Serialize)]
struct Answer {
    /// The machine, if it has a name.
    host: Option<String>,
    at_unix_seconds: u64,
    history_folder: PathBuf,
    /// The gravest first.
    devices: Vec<Seen>,
    /// Those that are there, and of which nothing is known.
    unknown: Vec<Unknown>,
}

/// A device, with its heat map and its past.
#[derive(Serialize)]
struct Seen {
    #[serde(flatten)]
    looked: Looked,
    parts: Vec<Cell>,
    parts_error: Option<String>,
    /// What was written down, the oldest first.
    history: Vec<Sample>,
    history_error: Option<String>,
}

/// Cells of a heat map, if there are as many regions.
const PARTS: u64 = 1024;

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    let answer = gather(args, source)?;
    let text = match output.json {
        true => output::document_text("report", &answer)?,
        false => whole::page(&answer).into_string() + "\n",
    };
    match &args.output {
        None => output::print(&text)?,
        Some(path) => output::save(path, &|to| to.write_all(text.as_bytes()))?,
    }
    let missed = answer.unknown.iter().map(|u| &u.error);
    let errors = answer.devices.iter().flat_map(Seen::errors);
    let errors: Vec<&String> = missed.chain(errors).collect();
    for error in &errors {
        output.remark(&format!("remapctl: {error}"));
    }
    Ok(Exit::well(errors.is_empty()))
}

impl Seen {
    /// What could not be read.
    fn errors(&self) -> impl Iterator<Item = &String> {
        self.parts_error.iter().chain(&self.history_error)
    }

    /// How grave the gravest is that was found.
    fn gravity(&self) -> Gravity {
        self.looked.gravest()
    }
}

fn gather(args: &Args, source: &dyn Source) -> Result<Answer> {
    let (devices, unknown) = look(args, source)?;
    let history = History::at(&args.history);
    let mut devices: Vec<Seen> = devices
        .into_iter()
        .map(|device| see(source, &history, device))
        .collect();
    // They are in the order of their names, and stay so among equals.
    devices.sort_by_key(|seen| std::cmp::Reverse(seen.gravity()));
    Ok(Answer {
        host: host(source.proc()),
        at_unix_seconds: source.now(),
        history_folder: args.history.clone(),
        devices,
        unknown,
    })
}

/// The devices that were asked for. If all were, one that cannot be looked at does not hide the others.
fn look(args: &Args, source: &dyn Source) -> Result<(Vec<Device>, Vec<Unknown>)> {
    if !args.devices.is_empty() {
        return Ok((device::look(source, &args.devices)?, Vec::new()));
    }
    let (devices, unseen) = device::look_at_each(source, &[])?;
    Ok((devices, device::told(unseen)))
}

fn see(source: &dyn Source, history: &History, device: Device) -> Seen {
    let parts = cells::read(source, &device, cells::parts(&device, PARTS));
    let (parts, parts_error) = told(parts);
    let (samples, history_error) = told(history.read(&device.area_uuid));
    Seen {
        looked: Looked::at(source, device),
        parts,
        parts_error,
        history: samples,
        history_error,
    }
}

/// What there is, or nothing and why.
fn told<T>(result: Result<Vec<T>>) -> (Vec<T>, Option<String>) {
    match result {
        Ok(list) => (list, None),
        Err(e) => (Vec::new(), Some(format!("{e:#}"))),
    }
}

/// The machine's name.
fn host(proc: &Path) -> Option<String> {
    let name = fs::read_to_string(proc.join("sys/kernel/hostname")).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
