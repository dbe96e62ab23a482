// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl close`: takes devices away; their maps stay in their spare areas.

use anyhow::{bail, Context, Result};
use serde::Serialize;

use crate::{
    device::{self, mapping, raw, source::Source, sysfs, Id},
    exit::{self, Exit},
    help,
    output::Output,
};

/// Takes devices away that nobody uses. Their maps stay in their spare areas.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_DOING,
    help::LIVE,
    "
  remapctl close safe
      take /dev/mapper/safe away; the map stays in its spare area",
))]
pub struct Args {
    /// The devices, by name or by node
    #[arg(value_name = "DEVICE", required = true)]
    devices: Vec<String>,
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    /// The names of those that went.
    closed: Vec<String>,
}

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    let ids = device::chosen(source, &args.devices)?;
    // All are asked before the first one goes.
    for id in &ids {
        refuse_in_use(source, id)?;
    }
    let mut closed = Vec::new();
    for id in ids {
        mapping::remove(&id.name).with_context(|| format!("cannot close {}", id.name))?;
        closed.push(id.name);
    }
    output.answer("close", &Answer { closed }, |answer| {
        format!("Closed: {}.\n", answer.closed.join(", "))
    })?;
    Ok(Exit::Fine)
}

fn refuse_in_use(source: &dyn Source, id: &Id) -> Result<()> {
    let folder = sysfs::folder(source, id.number);
    let Some(disk) = sysfs::maybe(&folder.join("dev"))? else {
        return Ok(());
    };
    let users = raw::users(source, &disk, id.number);
    if !users.is_empty() {
        bail!("{} is in use: {}", id.name, users.join(", "));
    }
    Ok(())
}
