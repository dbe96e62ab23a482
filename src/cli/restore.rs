// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl restore`: a spare area from a dump.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::{anyhow, bail, ensure, Context, Result};
use serde::Serialize;

use crate::{
    area::{
        build::{self, Numbers, Taken},
        copy,
        document::Dump,
        file::{Access, AreaFile},
        target::Target,
        uuid_of, uuid_text,
    },
    exit::{Exit, OF_DOING},
    help,
    interrupt::Interrupt,
    output::Output,
    progress,
};

/// Writes the map of a dump to a spare area.
///
/// A dump has the map, and not what the spare blocks hold. So say where that is: --data-in-place, if the spare blocks lie
/// in this area already, or need not be there; or --data-from, to copy them from another area of the same shape.
///
/// The area has to be blank: zeros wherever metadata goes. A file that does not exist is made.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    OF_DOING,
    help::AREA,
    "
  remapctl restore -i map.json -o /dev/sdc --data-from /dev/sdb
      move an area to another device, with what its spare blocks hold",
))]
pub(crate) struct Args {
    /// The dump, as `remapctl dump --json` wrote it; - for standard input
    #[arg(short, long, value_name = "FILE")]
    input: PathBuf,
    /// The spare device, or an image file
    #[arg(short, long, value_name = "AREA")]
    output: PathBuf,
    /// The area's first sector there: <spare_start> of the table line
    #[arg(long, value_name = "SECTORS", default_value_t = 0)]
    offset: u64,
    /// Write over the area with this UUID that lies there
    #[arg(long, value_name = "UUID")]
    replace: Option<String>,
    /// Leave the spare blocks as they are
    #[arg(long, conflicts_with = "data_from")]
    data_in_place: bool,
    /// Copy the spare blocks from this area
    #[arg(long, value_name = "AREA")]
    data_from: Option<PathBuf>,
    /// The first sector of that area
    #[arg(
        long,
        value_name = "SECTORS",
        default_value_t = 0,
        requires = "data_from"
    )]
    data_offset: u64,
    /// Say nothing
    #[arg(short, long)]
    quiet: bool,
}

/// What was done.
#[derive(Serialize)]
struct Restored {
    uuid: String,
    remapped_blocks: u64,
    pending_sectors: u64,
    lost_sectors: u64,
    spare_failed_blocks: u32,
    copied_bytes: u64,
}

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit> {
    let replace = args.replace.as_deref();
    let replace = replace.map(|text| uuid_of(text).with_context(|| format!("{text} is no UUID")));
    let replace = replace.transpose()?;
    let interrupt = Interrupt::listen()?;
    let name = args.input.display();
    let dump = read(&args.input).with_context(|| format!("cannot read {name} as a dump"))?;
    let (sb, map) = dump
        .understood()
        .with_context(|| format!("{name} contradicts itself"))?;
    let counts = map.counters();
    ensure!(
        counts.remapped == 0 || args.data_in_place || args.data_from.is_some(),
        "the dump has {} remapped blocks, and not what they hold: say --data-in-place or --data-from AREA",
        counts.remapped
    );
    let from = args.data_from.as_ref();
    let mut from = from
        .map(|path| {
            AreaFile::open(
                path,
                args.data_offset,
                Some(sb.layout.len().0),
                Access::Read,
            )
        })
        .transpose()?;
    let target = Target::open(&args.output, args.offset, &sb.layout, replace);
    let target = target.map_err(|e| match e.downcast_ref::<Taken>() {
        Some(_) => anyhow!("{e:#} (--replace with that UUID writes over it)"),
        None => e,
    })?;
    if let Some(from) = &from {
        target.refuse_overlap(from)?;
    }
    let copied_bytes = from.as_ref().map_or(0, |_| copy::bytes_of(&map));
    let bar = progress::of_bytes("writing", build::bytes_of(&map) + copied_bytes);
    let mut step = |bytes: u64| {
        bar.inc(bytes);
        interrupt.check()
    };
    let mut copied = 0;
    let done = target.fill(|area, wiping| {
        if wiping {
            build::wipe(area, &sb.layout, &mut step)?;
        }
        if let Some(from) = &mut from {
            let copy = copy::data(from, area, &sb, &map, &mut step)?;
            if let Some((block, sector)) = copy.unreadable.first() {
                bail!("sector {sector} of block {block} cannot be read where the spare blocks are copied from");
            }
            copied = copy.bytes;
        }
        build::make(area, &sb, &map, Numbers::default(), &mut step)
    });
    bar.finish_and_clear();
    done?;
    let restored = Restored {
        uuid: uuid_text(&sb.uuid),
        remapped_blocks: counts.remapped,
        pending_sectors: counts.pending_sectors,
        lost_sectors: counts.lost_sectors,
        spare_failed_blocks: counts.spare_failed,
        copied_bytes: copied,
    };
    if !args.quiet {
        output.answer("restore", &restored, |r| in_words(r, args))?;
    }
    Ok(Exit::Fine)
}

fn in_words(r: &Restored, args: &Args) -> String {
    let (path, uuid) = (args.output.display(), &r.uuid);
    let data = match (r.remapped_blocks, &args.data_from) {
        (0, _) => String::new(),
        (_, Some(from)) => {
            let bytes = r.copied_bytes;
            format!(
                "What they hold was copied from {}: {bytes} bytes.\n",
                from.display()
            )
        }
        (_, None) => {
            "What they hold was not written: what lies there is what will be read.\n".to_owned()
        }
    };
    format!(
        "{path} is area {uuid} now: {} remapped blocks, {} sectors pending, {} lost, {} spare blocks failed.\n{data}",
        r.remapped_blocks, r.pending_sectors, r.lost_sectors, r.spare_failed_blocks
    )
}

fn read(path: &Path) -> Result<Dump> {
    // Piece by piece: what is no dump need not be read to its end, which it may not have.
    let from: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(path)?),
    };
    Ok(serde_json::from_reader(BufReader::new(from))?)
}
