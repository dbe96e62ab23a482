// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl`: the tool beside the kernel module.

#![forbid(unsafe_code)]

mod area;
mod check;
mod close;
mod device;
mod dump;
mod exit;
mod export;
mod format;
mod health;
mod help;
mod history;
mod import;
mod interrupt;
mod map;
mod misuse;
mod open;
mod output;
mod pages;
mod probe;
mod programs;
mod progress;
mod record;
mod repair;
mod report;
mod restore;
mod scan;
mod simulate;
mod smart;
mod status;
mod tab;
mod watch;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{ensure, Result};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use device::source;
use exit::Exit;
use interrupt::Interrupted;
use output::{NobodyReads, Output};

/// The files that matter to whoever begins.
const FILES: &str = "
  /dev/mapper/NAME
      the device; what it was made from must not be used beside it
  /sys/block/dm-N/remap/
      what the kernel module says of it, and what can be set
  /etc/remaptab
      the devices that are opened at boot: see remaptab(5)
  /usr/share/doc/remapctl/guide.md.gz
      from bad sectors to a device that runs (docs/guide.md of the source)";

/// Looks after devices of the device-mapper target `remap`.
#[derive(Parser)]
#[command(name = "remapctl", version)]
#[command(after_long_help = help::sections(
    exit::OF_ALL,
    FILES,
    "
  remapctl format /dev/sda /dev/sdb
      make a spare area for sda on sdb
  remapctl open safe /dev/sda /dev/sdb
      make /dev/mapper/safe, which is sda and saves its writes
  remapctl status
      how all devices are, and what to do about what is wrong",
))]
struct Args {
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
    /// Look at what was recorded in this folder, not at the running kernel
    #[arg(long, global = true, value_name = "DIR", hide = true)]
    recorded: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// What each is for is said where its arguments are.
#[derive(Subcommand)]
enum Command {
    Format(format::Args),
    Open(open::Args),
    Close(close::Args),
    Status(status::Args),
    Health(health::Args),
    Map(map::Args),
    Scan(scan::Args),
    Watch(watch::Args),
    Record(record::Args),
    Export(export::Args),
    Import(import::Args),
    Report(report::Args),
    Check(check::Args),
    Dump(dump::Args),
    Restore(restore::Args),
    Repair(repair::Args),
    Tab(tab::Args),
    Simulate(simulate::Args),
    // For those who make packages.
    #[command(hide = true)]
    Pages(pages::Args),
    // For udev and systemd.
    #[command(hide = true)]
    Probe(probe::Args),
    #[command(hide = true)]
    Generator(tab::generator::Args),
}

fn main() -> ExitCode {
    let mut definition = definition();
    let args = definition
        .try_get_matches_from_mut(tab::generator::arguments(std::env::args_os()))
        .and_then(|matches| Args::from_arg_matches(&matches));
    let args = match args {
        Ok(args) => args,
        Err(e) => return misuse::said(&e, &definition),
    };
    let output = Output { json: args.json };
    match run(args, output) {
        Ok(code) => code,
        Err(e) if e.is::<NobodyReads>() => Exit::Fine.into(),
        Err(e) => {
            output.complain(&format!("{e:#}"));
            let interrupted = e.is::<Interrupted>();
            ExitCode::from(if interrupted {
                Exit::Interrupted
            } else {
                Exit::Failed
            })
        }
    }
}

/// What the command line may be. What is said below the options of a command holds for the commands that it has, too.
fn definition() -> clap::Command {
    Args::command().mut_subcommands(|command| {
        let text = command.get_after_long_help().cloned();
        command.mut_subcommands(|below| match &text {
            Some(text) if below.get_after_long_help().is_none() => {
                below.after_long_help(text.clone())
            }
            _ => below,
        })
    })
}

fn run(args: Args, output: Output) -> Result<ExitCode> {
    let recorded = args.recorded.is_some();
    let source = || source::open(args.recorded.as_ref());
    let changed = || {
        ensure!(!recorded, "a recording cannot be changed");
        Ok(source())
    };
    match args.command {
        Command::Format(args) => format::run(&args, &*changed()?, output).map(ExitCode::from),
        Command::Open(args) => open::run(&args, &*changed()?, output).map(ExitCode::from),
        Command::Close(args) => close::run(&args, &*changed()?, output).map(ExitCode::from),
        Command::Status(args) => status::run(&args, &*source(), output).map(ExitCode::from),
        Command::Health(args) => health::run(&args, &*source(), output).map(ExitCode::from),
        Command::Map(args) => map::run(&args, &*source(), output).map(ExitCode::from),
        Command::Scan(args) => scan::run(&args, &*source(), output).map(ExitCode::from),
        Command::Watch(args) => watch::run(&args, source(), output).map(ExitCode::from),
        Command::Record(args) => record::run(&args, &*source(), output).map(ExitCode::from),
        Command::Export(args) => export::run(&args, &*source(), output).map(ExitCode::from),
        Command::Import(args) => {
            let source = if args.dry_run() { source() } else { changed()? };
            import::run(&args, &*source, output).map(ExitCode::from)
        }
        Command::Report(args) => report::run(&args, &*source(), output).map(ExitCode::from),
        Command::Check(args) => check::run(&args, output).map(ExitCode::from),
        Command::Dump(args) => dump::run(&args, output).map(ExitCode::from),
        Command::Restore(args) => restore::run(&args, output).map(ExitCode::from),
        Command::Repair(args) => repair::run(&args, output).map(ExitCode::from),
        Command::Tab(args) => tab::run(&args, &*source(), output).map(ExitCode::from),
        Command::Simulate(args) => simulate::run(&args),
        Command::Pages(args) => pages::run(&args, &definition(), output).map(ExitCode::from),
        Command::Probe(args) => probe::run(&args, &*source()).map(ExitCode::from),
        Command::Generator(args) => Ok(tab::generator::run(&args, &*source()).into()),
    }
}
