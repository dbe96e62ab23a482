// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl repair`: what can be saved of a damaged spare area, in a new one.

use std::{fmt::Write, path::PathBuf};

use anyhow::{anyhow, Context, Result};
use dm_remap_core::{
    layout::{MetaBlock, META_BYTES},
    map::Map,
    open::Area,
    record::{ChunkState, Record, CHUNK_SECTORS},
    superblock::Superblock,
    units::Block,
};
use serde::Serialize;

use crate::{
    area::{
        build, copy,
        document::Range,
        file::{Access, AreaFile},
        knowledge::{Doubtful, Uncertain},
        salvage::{salvage, Lost, Salvage},
        survey::{image_sector, Slot, Step},
        target::Target,
        uuid_text,
    },
    exit::Exit,
    help,
    interrupt::Interrupt,
    output::Output,
    progress,
};

/// How many of a kind are told of in words; JSON has them all.
const TOLD: usize = 20;

/// Writes what can be saved of a damaged spare area to a new one, and says exactly what was saved and what not.
///
/// The damaged area is only read. The new one has the same UUID, the same shape and what the spare blocks hold, and takes
/// the place of the old one, which must not be used beside it. It has to be blank; a file that does not exist is made.
///
/// Nothing is taken from a block whose checksum is wrong. Of entries that may have changed in what is lost, all sectors
/// are lost in the new area, so that reading them is an error and not old data; --uncertain keep serves them as they
/// were last known. The old area stays, so both can be tried.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    "Exit codes:
  0    an area was written, and nothing is lost or uncertain
  1    something is lost or uncertain, or nothing could be written; it is said which
  2    the command line is wrong
  130  interrupted; nothing was left half done",
    help::AREA,
    "
  remapctl repair -i /dev/sdb -o /dev/sdc
      the damaged area is read, the new one is written",
))]
pub(crate) struct Args {
    /// The damaged area: a device or an image file
    #[arg(short, long, value_name = "AREA")]
    input: PathBuf,
    /// The new area: a device or an image file
    #[arg(short, long, value_name = "AREA")]
    output: PathBuf,
    /// The damaged area's first sector: <spare_start> of the table line
    #[arg(long, value_name = "SECTORS", default_value_t = 0)]
    offset: u64,
    /// Its length: <spare_len> of the table line [default: to the end]
    #[arg(long, value_name = "SECTORS")]
    length: Option<u64>,
    /// The new area's first sector
    #[arg(long, value_name = "SECTORS", default_value_t = 0)]
    output_offset: u64,
    /// What becomes of entries that may have changed in what is lost
    #[arg(long, value_enum, default_value_t = Uncertain::Lost)]
    uncertain: Uncertain,
    /// Say nothing: the exit code tells
    #[arg(short, long)]
    quiet: bool,
}

/// What was saved, and what not.
#[derive(Serialize)]
struct Repaired {
    input: String,
    output: String,
    uuid: String,
    /// Nothing is lost or uncertain.
    complete: bool,
    /// The kernel would have served the old area.
    was_served: bool,
    reason: Option<String>,
    generation: u64,
    remapped_blocks: u64,
    pending_sectors: u64,
    lost_sectors: u64,
    spare_failed_blocks: u32,
    copied_bytes: u64,
    health_images: u32,
    uncertain_blocks: Vec<Doubtful>,
    lost: Vec<Lost>,
    /// Sectors of the target that were on spare blocks and cannot be read there: lost in the new area.
    unreadable_sectors: Vec<Range>,
    notes: Vec<String>,
}

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit> {
    let mut from = AreaFile::open(&args.input, args.offset, args.length, Access::Read)?;
    let interrupt = Interrupt::listen()?;
    let bar = progress::of_bytes("reading", 0);
    let mut step = |bytes: u64| {
        bar.inc_length(bytes);
        bar.inc(bytes);
        interrupt.check()
    };
    let saved = salvage(&mut from, args.uncertain, &mut step);
    bar.finish_and_clear();
    let mut saved = saved.with_context(|| format!("{}", args.input.display()))?;
    let sb = saved.superblock.clone();
    let target = Target::open(&args.output, args.output_offset, &sb.layout, None)?;
    target.refuse_overlap(&from)?;
    let bytes = copy::bytes_of(&saved.map) + build::bytes_of(&saved.map);
    let bar = progress::of_bytes("writing", bytes);
    let mut step = |bytes: u64| {
        bar.inc(bytes);
        interrupt.check()
    };
    let mut copied = copy::Copied::default();
    let mut images = 0;
    let done = target.fill(|to, _| {
        copied = copy::data(&mut from, to, &sb, &saved.map, &mut step)?;
        for &(block, sector) in &copied.unreadable {
            lose(&mut saved.map, block, sector)?;
        }
        images = copy_health(&mut from, to, &sb, &saved.slots, &mut step)?;
        build::make(to, &sb, &saved.map, saved.numbers, &mut step)
    });
    bar.finish_and_clear();
    done?;
    let repaired = repaired(args, saved, copied, images);
    if !args.quiet {
        output.answer("repair", &repaired, in_words)?;
    }
    Ok(Exit::well(repaired.complete))
}

/// A sector that was on the spare is lost.
fn lose(map: &mut Map, block: u64, sector: u64) -> Result<()> {
    let size = u64::from(map.block_size().sectors());
    let at = sector - block * size;
    let chunk = u16::try_from(at / u64::from(CHUNK_SECTORS))?;
    let bit = 1 << (at % u64::from(CHUNK_SECTORS));
    let was = map.chunk(Block(block), chunk);
    let state = ChunkState::new(was.unspared() | bit, was.lost() | bit, was.pending() & !bit);
    let record = Record::Sectors {
        block: Block(block),
        chunk,
        state: state.context("a state that cannot be")?,
    };
    map.apply(&record)
        .map_err(|why| anyhow!("sector {sector} cannot be marked as lost: {why:?}"))
}

/// Copies the images of health that are whole.
fn copy_health(
    from: &mut AreaFile,
    to: &mut AreaFile,
    sb: &Superblock,
    slots: &[Slot],
    step: Step<'_>,
) -> Result<u32> {
    let mut images = 0;
    for slot in slots {
        let Slot::Whole { sequence, blocks } = *slot else {
            continue;
        };
        for index in 0..blocks {
            let mut block: MetaBlock = [0; META_BYTES];
            let at = image_sector(&sb.layout, sequence, index).context("a slot that cannot be")?;
            // Part of an image is no image.
            if from.read(at, &mut block).is_err() {
                break;
            }
            to.write(at, &block, false)
                .map_err(|_| anyhow!("{}", to.why()))?;
            images += u32::from(index + 1 == blocks);
            step(META_BYTES as u64)?;
        }
    }
    Ok(images)
}

fn repaired(args: &Args, saved: Salvage, copied: copy::Copied, images: u32) -> Repaired {
    let counts = saved.map.counters();
    let mut unreadable: Vec<Range> = Vec::new();
    for (_, sector) in copied.unreadable {
        match unreadable.last_mut() {
            Some((first, count)) if *first + *count == sector => *count += 1,
            _ => unreadable.push((sector, 1)),
        }
    }
    Repaired {
        input: args.input.display().to_string(),
        output: args.output.display().to_string(),
        uuid: uuid_text(&saved.superblock.uuid),
        complete: saved.lost.is_empty() && saved.doubtful.is_empty() && unreadable.is_empty(),
        was_served: saved.refused.is_none(),
        reason: saved.refused.map(|why| why.to_string()),
        generation: saved.generation,
        remapped_blocks: counts.remapped,
        pending_sectors: counts.pending_sectors,
        lost_sectors: counts.lost_sectors,
        spare_failed_blocks: counts.spare_failed,
        copied_bytes: copied.bytes,
        health_images: images,
        uncertain_blocks: saved.doubtful,
        lost: saved.lost,
        unreadable_sectors: unreadable,
        notes: saved.notes,
    }
}

fn in_words(r: &Repaired) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = say(&mut text, r);
    text
}

fn say(to: &mut String, r: &Repaired) -> std::fmt::Result {
    if let Some(why) = &r.reason {
        writeln!(to, "{}: {why}", r.input)?;
    }
    writeln!(
        to,
        "saved to {}: area {}, the map as of generation {}",
        r.output, r.uuid, r.generation
    )?;
    writeln!(
        to,
        "{} blocks remapped, {} sectors pending, {} lost, {} spare blocks failed; {} bytes of data copied",
        r.remapped_blocks, r.pending_sectors, r.lost_sectors, r.spare_failed_blocks, r.copied_bytes
    )?;
    for note in &r.notes {
        writeln!(to, "note: {note}")?;
    }
    for lost in &r.lost {
        writeln!(to, "LOSS: {}", loss(lost))?;
    }
    for block in r.uncertain_blocks.iter().take(TOLD) {
        writeln!(
            to,
            "uncertain: sectors {} to {}: {}; now {}",
            block.first_sector,
            block.first_sector + block.sectors - 1,
            block.reason,
            block.treatment
        )?;
    }
    rest(to, r.uncertain_blocks.len(), "uncertain blocks")?;
    for (first, count) in r.unreadable_sectors.iter().take(TOLD) {
        let last = first + count - 1;
        writeln!(
            to,
            "LOSS: sectors {first} to {last}: their spare block cannot be read; now lost"
        )?;
    }
    rest(to, r.unreadable_sectors.len(), "ranges that cannot be read")?;
    match r.complete {
        true => writeln!(to, "All was saved."),
        false => writeln!(to, "Not all was saved: what is lost or uncertain is above."),
    }?;
    writeln!(
        to,
        "The old area has the same UUID: do not use it beside the new one."
    )
}

fn rest(to: &mut String, all: usize, what: &str) -> std::fmt::Result {
    match all.checked_sub(TOLD) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(to, "and {more} more {what}: --json has them all"),
    }
}

fn loss(lost: &Lost) -> String {
    let number = |n: Option<u64>| n.map_or("?".to_owned(), |n| n.to_string());
    let blocks = match lost.last_index {
        Some(last) if last != lost.first_index => {
            format!("blocks {} to {last}", lost.first_index)
        }
        Some(_) => format!("block {}", lost.first_index),
        None => format!("blocks from {} on", lost.first_index),
    };
    let head = format!("log, half {}, {blocks}, in both copies", lost.half);
    match lost.what {
        "twin" => format!(
            "log, half {}, {blocks}: what the other one of the two blocks of generation {} says of blocks {} to {} of the target",
            lost.half,
            number(lost.first_generation),
            number(lost.first_block),
            number(lost.last_block)
        ),
        "checkpoint" => format!(
            "{head}: the entries of blocks {} to {} of the target that they had",
            number(lost.first_block),
            number(lost.last_block)
        ),
        _ => format!(
            "{head}: changes of generations {} to {}, of blocks that nobody can name",
            number(lost.first_generation),
            number(lost.last_generation)
        ),
    }
}
