// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl check`: whether a spare area is well, and where it is not.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use crate::{
    area::{
        file::{Access, AreaFile},
        judge::{judge, CopyDoc, Finding, Judgement, PlaceDoc, Severity},
        survey::Slot,
        uuid_text, Where,
    },
    exit::{Exit, OF_LOOKING},
    help,
    interrupt::Interrupt,
    output::Output,
    progress,
};

/// Examines a spare area that no device serves, and says what is wrong where.
///
/// Everything that lies where metadata does is read: all superblocks, both copies of both halves of the log, the images of
/// health. Nothing is written. What a power cut leaves is noted, and is no damage.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    OF_LOOKING,
    help::AREA,
    "
  remapctl check /dev/sdb
      an area that begins at sector 0
  remapctl check --offset 2048 spare.img
      one that begins at sector 2048 of an image",
))]
pub(crate) struct Args {
    #[command(flatten)]
    area: Where,
    /// Say nothing: the exit code tells
    #[arg(short, long)]
    quiet: bool,
}

/// What is said.
#[derive(Serialize)]
struct Checked {
    path: String,
    offset_sectors: u64,
    length_sectors: u64,
    verdict: &'static str,
    served: bool,
    reason: Option<String>,
    uuid: Option<String>,
    generation: Option<u64>,
    clean: Option<bool>,
    needs_check: Option<bool>,
    remapped_blocks: Option<u64>,
    pending_sectors: Option<u64>,
    lost_sectors: Option<u64>,
    spare_total_blocks: Option<u32>,
    spare_free_blocks: Option<u32>,
    spare_failed_blocks: Option<u32>,
    superblocks: Vec<PlaceDoc>,
    log_copies: Vec<CopyDoc>,
    health_images: Vec<SlotDoc>,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct SlotDoc {
    state: &'static str,
    sequence: Option<u64>,
}

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit> {
    let place = &args.area;
    let mut area = AreaFile::open(&place.path, place.offset, place.length, Access::Read)?;
    let interrupt = Interrupt::listen()?;
    let bar = progress::of_bytes("reading", 0);
    let judgement = judge(
        &mut area,
        &mut |bytes| bar.set_length(bytes),
        &mut |bytes| {
            bar.inc(bytes);
            interrupt.check()
        },
    );
    bar.finish_and_clear();
    let checked = checked(args, area.len(), judgement?);
    if !args.quiet {
        output.answer("check", &checked, in_words)?;
    }
    Ok(Exit::well(checked.verdict == "good"))
}

fn checked(args: &Args, len: u64, judged: Judgement) -> Checked {
    let worst = judged.findings.iter().map(|f| f.severity).max();
    let served = judged.served.as_ref().ok();
    let counts = served.map(|opened| opened.map.counters());
    let sb = judged.superblock.as_ref();
    let slots = judged.slots.iter().map(|slot| match *slot {
        Slot::Blank => ("blank", None),
        Slot::Whole { sequence, .. } => ("whole", Some(sequence)),
        Slot::Broken => ("broken", None),
    });
    Checked {
        path: args.area.path.display().to_string(),
        offset_sectors: args.area.offset,
        length_sectors: len,
        verdict: match (served.is_some(), worst) {
            (false, _) => "refused",
            (true, Some(Severity::Loss)) => "lost",
            (true, Some(Severity::Damage)) => "damaged",
            (true, _) => "good",
        },
        served: served.is_some(),
        reason: judged.served.as_ref().err().map(|why| why.to_string()),
        uuid: sb.map(|sb| uuid_text(&sb.uuid)),
        generation: served.map(|opened| opened.report.generation),
        clean: sb.map(|sb| sb.clean),
        needs_check: sb.map(|sb| sb.needs_check),
        remapped_blocks: counts.map(|c| c.remapped),
        pending_sectors: counts.map(|c| c.pending_sectors),
        lost_sectors: counts.map(|c| c.lost_sectors),
        spare_total_blocks: counts.map(|c| c.spare_total),
        spare_free_blocks: counts.map(|c| c.spare_free),
        spare_failed_blocks: counts.map(|c| c.spare_failed),
        superblocks: judged.places,
        log_copies: judged.copies,
        health_images: slots
            .map(|(state, sequence)| SlotDoc { state, sequence })
            .collect(),
        findings: judged.findings,
    }
}

fn in_words(c: &Checked) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = say(&mut text, c);
    text
}

fn say(to: &mut String, c: &Checked) -> std::fmt::Result {
    if let (Some(uuid), Some(clean)) = (&c.uuid, c.clean) {
        let how = match clean {
            true => "its last session was closed",
            false => "its last session was not closed",
        };
        writeln!(to, "{}: area {uuid}, {how}", c.path)?;
    }
    if let (Some(remapped), Some(generation)) = (c.remapped_blocks, c.generation) {
        writeln!(
            to,
            "map: generation {generation}, {remapped} blocks remapped, {} sectors pending, {} lost, {} of {} spare blocks free, {} failed",
            c.pending_sectors.unwrap_or(0),
            c.lost_sectors.unwrap_or(0),
            c.spare_free_blocks.unwrap_or(0),
            c.spare_total_blocks.unwrap_or(0),
            c.spare_failed_blocks.unwrap_or(0),
        )?;
    }
    if c.uuid.is_some() {
        let good = c.superblocks.iter().filter(|p| p.state == "newest").count();
        writeln!(
            to,
            "superblocks: {good} of {} hold the newest",
            c.superblocks.len()
        )?;
    }
    for copy in &c.log_copies {
        write!(to, "copy {} of the log: ", copy.copy)?;
        match (copy.serves_alone, copy.generation, &copy.reason) {
            (true, ..) => writeln!(to, "would serve alone")?,
            (false, Some(generation), _) => {
                writeln!(to, "alone it ends with generation {generation}")?
            }
            (false, None, why) => writeln!(
                to,
                "would not serve alone: {}",
                why.as_deref().unwrap_or("unknown")
            )?,
        }
    }
    for finding in &c.findings {
        let severity = match finding.severity {
            Severity::Note => "note",
            Severity::Damage => "damage",
            Severity::Loss => "LOSS",
        };
        match finding.sector {
            Some(sector) => writeln!(to, "{severity}: sector {sector}: {}", finding.text)?,
            None => writeln!(to, "{severity}: {}", finding.text)?,
        }
    }
    let end = match c.verdict {
        "good" => "Nothing is wrong.",
        "damaged" => "The map is whole. What one copy lacks is written from the other at the next start.",
        "lost" => "The kernel would serve this map, but something of it is lost: see remapctl repair.",
        _ if c.uuid.is_none() => "There is no spare area here, or none of its superblocks is left, and without one nothing can be saved. Is it the right device, and the right --offset?",
        _ => "The kernel would refuse this area. What can be saved, remapctl repair writes to a new one.",
    };
    writeln!(to, "{end}")
}
