// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl`: the tool beside the kernel module.

#![forbid(unsafe_code)]

mod simulate;

use clap::{Parser, Subcommand};

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

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Simulate(args) => simulate::run(&args),
    }
}
