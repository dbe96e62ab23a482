// SPDX-License-Identifier: GPL-2.0-only

//! Waiting for the end of a pass, with a bar.

use std::{thread, time::Duration};

use anyhow::{Context, Result};

use crate::{
    device::{source::Source, sysfs::Files, Id},
    exit::Exit,
    interrupt::Interrupt,
    progress,
};

/// How often the scanner is looked at: nothing tells of each step.
const LOOK: Duration = Duration::from_millis(200);

/// How many passes have ended.
pub fn passes(source: &dyn Source, id: &Id) -> Result<u64> {
    Files::of(source, id.number).number("scan/passes")
}

/// Waits until another pass than these has ended. A scan that was stopped meanwhile does not get there.
pub fn pass(source: &dyn Source, id: &Id, before: u64, interrupt: &Interrupt) -> Result<Exit> {
    let files = Files::of(source, id.number);
    let position = || -> Result<(u64, u64)> {
        let text = files.text("scan/position")?;
        let numbers = text
            .split_once(" / ")
            .map(|(done, all)| (done.parse(), all.parse()));
        match numbers {
            Some((Ok(done), Ok(all))) => Ok((done, all)),
            _ => anyhow::bail!("scan/position is '{text}'"),
        }
    };
    let look = || -> Result<Option<Exit>> {
        interrupt.check()?;
        if passes(source, id)? > before {
            return Ok(Some(Exit::Fine));
        }
        let stands = matches!(files.text("scan/state")?.as_str(), "stopped" | "paused");
        Ok(stands.then_some(Exit::Unwell))
    };
    let (done, all) = position()?;
    let bar = progress::of_bytes("scanning", all.saturating_mul(512));
    // What was read before tells nothing of how fast it goes now.
    bar.set_position(done.saturating_mul(512));
    bar.reset_eta();
    let exit = loop {
        if let Some(exit) =
            look().with_context(|| format!("waiting for the scan of {}", id.name))?
        {
            break exit;
        }
        bar.set_position(position()?.0.saturating_mul(512));
        thread::sleep(LOOK);
    };
    bar.finish_and_clear();
    Ok(exit)
}
