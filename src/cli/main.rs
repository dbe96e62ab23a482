// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl`: the tool beside the kernel module.

#![forbid(unsafe_code)]

mod simulate;

use std::process::ExitCode;

use clap::{error::ErrorKind, Parser, Subcommand};

/// What a command could not do, and what was not meant so.
const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// Looks after devices of the device-mapper target `remap`.
#[derive(Parser)]
#[command(name = "remapctl", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judges the scan order and the predictor on simulated disks, and writes tables and pictures
    Simulate(simulate::Args),
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(e) => return misused(&e),
    };
    let result = match args.command {
        Command::Simulate(args) => simulate::run(&args),
    };
    result.unwrap_or_else(|e| {
        eprintln!("remapctl: {e:#}");
        ExitCode::from(FAILED)
    })
}

/// One line that says what was wrong. Help and version are what was asked for.
fn misused(error: &clap::Error) -> ExitCode {
    let line = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            print!("{error}");
            return ExitCode::SUCCESS;
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no command given".to_owned(),
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").to_owned()
        }
    };
    eprintln!("remapctl: {line} (remapctl --help tells more)");
    ExitCode::from(USAGE)
}
