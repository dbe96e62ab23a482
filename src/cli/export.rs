// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl export`: what is known of devices, in the formats of other programs.

mod badblocks;
mod ddrescue;
mod json;
mod prometheus;

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use crate::{
    device::{
        self,
        lists::{self, Line},
        model::Device,
        runs::{self, Kind, Run},
        source::Source,
    },
    exit::{self, Exit},
    help,
    interrupt::Interrupt,
    output::{self, Output},
};

/// Writes what is known of devices in a format of another program.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_DOING,
    help::LIVE,
    "
  remapctl export ddrescue safe -o safe.map
      a map file, with which ddrescue copies first what can be read
  remapctl export badblocks safe --block-size 4096 -o list
      a list for e2fsck -l, if the file system on it has blocks of 4096 bytes
  remapctl export prometheus -o /var/lib/prometheus/node-exporter/dm-remap.prom
      all devices, for the textfile collector of node_exporter",
))]
pub struct Args {
    #[command(subcommand)]
    format: Format,
}

#[derive(Subcommand)]
enum Format {
    /// A list of bad blocks, as badblocks(8), e2fsck -l and mke2fs -l take it
    Badblocks {
        /// The size of a block, as in badblocks -b: a power of two from 512 on
        #[arg(long, value_name = "BYTES", value_parser = block_bytes)]
        block_size: u64,
        #[command(flatten)]
        what: What,
    },
    /// A map file of GNU ddrescue: what is listed is bad, all else is to be tried
    Ddrescue {
        #[command(flatten)]
        what: What,
    },
    /// A document with all three lists
    Json {
        /// The device, by name or by node
        #[arg(value_name = "DEVICE")]
        device: String,
        #[command(flatten)]
        to: To,
    },
    /// All that is known, for Prometheus
    Prometheus {
        /// The devices, by name or by node; all if none is named
        #[arg(value_name = "DEVICE")]
        devices: Vec<String>,
        #[command(flatten)]
        to: To,
    },
}

/// What goes into a list of bad places.
#[derive(clap::Args)]
struct What {
    /// The device, by name or by node
    #[arg(value_name = "DEVICE")]
    device: String,
    /// What counts as bad
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND", default_values = ["pending", "lost"])]
    list: Vec<Kind>,
    #[command(flatten)]
    to: To,
}

#[derive(clap::Args)]
struct To {
    /// The file to write, whole or not at all [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl To {
    fn write(&self, text: &str) -> Result<()> {
        match &self.output {
            Some(path) => output::save(path, &|to| to.write_all(text.as_bytes())),
            None => output::print(text),
        }
    }
}

/// A size of blocks that lists of bad blocks can have.
pub fn block_bytes(word: &str) -> Result<u64, String> {
    match word.parse::<u64>() {
        Ok(bytes) if bytes.is_power_of_two() && (512..=1 << 20).contains(&bytes) => Ok(bytes),
        _ => Err("a block has a power of two of bytes, from 512 to 1048576".to_owned()),
    }
}

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let mut exit = Exit::Fine;
    let read = |name: &str, kinds: &[Kind]| -> Result<Vec<(Device, Vec<Line>)>> {
        let devices = device::look(source, &[name.to_owned()])?;
        let with_lines = devices.into_iter().map(|device| {
            let lines = lists::read(source, &device, kinds, &interrupt)?;
            Ok((device, lines))
        });
        with_lines.collect()
    };
    let (to, text) = match &args.format {
        Format::Badblocks { block_size, what } => {
            let found = read(&what.device, &what.list)?;
            let texts = found
                .into_iter()
                .map(|(_, lines)| badblocks::text(&bad(&lines), *block_size));
            (&what.to, texts.collect::<String>())
        }
        Format::Ddrescue { what } => {
            let found = read(&what.device, &what.list)?;
            let texts = found
                .into_iter()
                .map(|(device, lines)| ddrescue::text(&device, &bad(&lines)));
            (&what.to, texts.collect())
        }
        Format::Json { device, to } => {
            let found = read(device, &[Kind::Pending, Kind::Remapped, Kind::Lost])?;
            let texts = found
                .into_iter()
                .map(|(device, lines)| json::text(&device, lines));
            (to, texts.collect::<Result<String>>()?)
        }
        Format::Prometheus { devices, to } => {
            let (devices, unseen) = device::look_at_each(source, devices)?;
            exit = Exit::well(unseen.is_empty());
            for (_, e) in &unseen {
                output.complain(&format!("{e:#}"));
            }
            let unknown: Vec<String> = unseen.into_iter().map(|(id, _)| id.name).collect();
            (to, prometheus::text(source, &devices, &unknown))
        }
    };
    interrupt.check()?;
    to.write(&text)?;
    Ok(exit)
}

/// The sectors of these lines, in order, each once.
fn bad(lines: &[Line]) -> Vec<Run> {
    runs::joined(lines.iter().map(|line| line.run).collect())
}
