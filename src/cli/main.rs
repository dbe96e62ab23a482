// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl`: the tool beside the kernel module.

#![forbid(unsafe_code)]

mod area;
mod check;
mod close;
mod device;
mod dump;
mod exit;
mod format;
mod health;
mod interrupt;
mod map;
mod open;
mod output;
mod programs;
mod progress;
mod repair;
mod restore;
mod scan;
mod simulate;
mod status;

use std::{env, path::PathBuf, process::ExitCode};

use anyhow::{ensure, Result};
use clap::{error::ErrorKind, Parser, Subcommand};

use device::source;
use exit::Exit;
use interrupt::Interrupted;
use output::{NobodyReads, Output};

/// Looks after devices of the device-mapper target `remap`.
#[derive(Parser)]
#[command(name = "remapctl", version)]
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
    /// Examines a spare area that no device serves, and says what is wrong where
    Check(check::Args),
    /// Writes the whole map of a spare area
    Dump(dump::Args),
    /// Writes the map of a dump to a spare area
    Restore(restore::Args),
    /// Writes what can be saved of a damaged spare area to a new one
    Repair(repair::Args),
    /// Judges the scan order and the predictor on simulated disks, and writes tables and pictures
    Simulate(simulate::Args),
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(e) => return misused(&e),
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
        Command::Check(args) => check::run(&args, output).map(ExitCode::from),
        Command::Dump(args) => dump::run(&args, output).map(ExitCode::from),
        Command::Restore(args) => restore::run(&args, output).map(ExitCode::from),
        Command::Repair(args) => repair::run(&args, output).map(ExitCode::from),
        Command::Simulate(args) => simulate::run(&args),
    }
}

/// One line that says what was wrong. Help and version are what was asked for.
fn misused(error: &clap::Error) -> ExitCode {
    let line = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Who does not read it to its end has seen enough.
            let _ = error.print();
            return Exit::Fine.into();
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no command given".to_owned(),
        _ => {
            // What is missing stands in lines of its own, up to an empty one.
            let text = error.to_string();
            let lines = text.lines().take_while(|line| !line.is_empty());
            let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
            words.join(" ").trim_start_matches("error: ").to_owned()
        }
    };
    let json = env::args_os().any(|word| word == "--json");
    Output { json }.complain(&format!("{line} (remapctl --help tells more)"));
    Exit::Usage.into()
}
