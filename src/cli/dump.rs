// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl dump`: the whole map of a spare area, for people or as a document that `remapctl restore` takes.

use std::{
    fs,
    io::{self, BufWriter, ErrorKind, Write},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use anyhow::{anyhow, ensure, Context, Result};
use dm_remap_core::{
    map::Map,
    open::{OpenError, Report},
    superblock::Superblock,
    units::SpareBlock,
};

use crate::{
    area::{
        self,
        document::{self, Range},
        file::{Access, AreaFile},
        uuid_text, Where,
    },
    exit::{Exit, OF_DOING},
    help,
    output::{self, NobodyReads, Output},
};

/// Writes the whole map of a spare area; with --json, in the form that `remapctl restore` takes.
///
/// It is the map that the kernel would serve. Nothing is written to the area, which no device may have in use. What the
/// spare blocks hold is not in a dump.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    OF_DOING,
    help::AREA,
    "
  remapctl dump /dev/sdb
      the map in words
  remapctl --json dump -o map.json /dev/sdb
      the map as remapctl restore takes it",
))]
pub(crate) struct Args {
    #[command(flatten)]
    area: Where,
    /// The file to write, whole or not at all [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit> {
    let place = &args.area;
    let mut area = AreaFile::open(&place.path, place.offset, place.length, Access::Read)?;
    let len = area.len();
    let (found, opened) = area::read(&mut area, len).map_err(|why| refusal(&place.path, &why))?;
    remark(output, &opened.report, found.stale_places);
    let dump = |to: &mut dyn Write| match output.json {
        true => document::write(to, &found.superblock, &opened.map),
        false => in_words(to, &found.superblock, &opened.map),
    };
    match &args.output {
        None => {
            let mut to = BufWriter::new(io::stdout().lock());
            told(dump(&mut to).and_then(|()| to.flush()))?;
        }
        Some(path) => {
            refuse_areas(path, &place.path)?;
            output::save(path, &dump)?;
        }
    }
    Ok(Exit::Fine)
}

/// Why there is nothing to dump, and what to do.
fn refusal(path: &Path, why: &OpenError) -> anyhow::Error {
    anyhow!(
        "{} has no map that can be served: {why} (remapctl check tells more, remapctl repair saves what can be saved)",
        path.display()
    )
}

/// The map is whole, but not all that holds it.
fn remark(output: Output, report: &Report, stale_places: bool) {
    if report.degraded != 0 || report.unsettled || stale_places {
        output.remark(
            "remapctl: the map is whole; some of what holds it is not (remapctl check tells more)",
        );
    }
}

fn told(result: io::Result<()>) -> Result<()> {
    match result {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(NobodyReads.into()),
        result => result.context("cannot write the dump"),
    }
}

/// A dump never lies where an area does.
fn refuse_areas(path: &Path, area: &Path) -> Result<()> {
    let Ok(meta) = fs::metadata(path) else {
        return Ok(());
    };
    let is_area = fs::metadata(area).is_ok_and(|a| (a.dev(), a.ino()) == (meta.dev(), meta.ino()));
    ensure!(!is_area, "{} is the area itself", path.display());
    ensure!(
        !meta.file_type().is_block_device(),
        "{} is a block device: a dump goes to a file",
        path.display()
    );
    Ok(())
}

fn in_words(to: &mut dyn Write, sb: &Superblock, map: &Map) -> io::Result<()> {
    let (layout, size) = (&sb.layout, u64::from(sb.layout.block_size().sectors()));
    let counts = map.counters();
    writeln!(to, "area           {}", uuid_text(&sb.uuid))?;
    writeln!(
        to,
        "target         {} sectors, from sector {} of main on",
        sb.main_len.0, sb.main_start.0
    )?;
    writeln!(to, "area length    {} sectors", layout.len().0)?;
    writeln!(to, "block          {size} sectors")?;
    let (total, used) = (counts.spare_total, counts.remapped);
    writeln!(
        to,
        "spare blocks   {total}: {used} in use, {} failed",
        counts.spare_failed
    )?;
    writeln!(to, "pending        {} sectors", counts.pending_sectors)?;
    writeln!(to, "lost           {} sectors", counts.lost_sectors)?;
    writeln!(
        to,
        "needs check    {}",
        if sb.needs_check { "yes" } else { "no" }
    )?;
    writeln!(
        to,
        "\nAll numbers are sectors: of the target, but where the area is named."
    )?;
    for block in document::blocks(map) {
        let first = block.block * size;
        write!(to, "{first} to {}", (first + size).min(sb.main_len.0) - 1)?;
        match block.spare_block {
            Some(spare) => {
                let at = layout.spare_sector(SpareBlock(spare)).unwrap_or_default();
                write!(to, ": on spare block {spare}, sector {} of the area", at.0)?;
            }
            None => write!(to, ": on main")?,
        }
        write!(
            to,
            "{}",
            ranges("only on main", &block.only_on_main_sectors)
        )?;
        write!(to, "{}", ranges("lost", &block.lost_sectors))?;
        writeln!(to, "{}", ranges("pending", &block.pending_sectors))?;
    }
    for spare in document::failed(map) {
        let at = layout.spare_sector(SpareBlock(spare)).unwrap_or_default();
        writeln!(
            to,
            "spare block {spare}, sector {} of the area: failed",
            at.0
        )?;
    }
    Ok(())
}

fn ranges(what: &str, ranges: &[Range]) -> String {
    let text = ranges.iter().map(|&(first, count)| match count {
        1 => first.to_string(),
        _ => format!("{first} to {}", first + count - 1),
    });
    let text: Vec<String> = text.collect();
    match text.is_empty() {
        true => String::new(),
        false => format!("; {what}: {}", text.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::document::BlockDoc;

    #[test]
    fn ranges_in_words() {
        assert_eq!(ranges("lost", &[]), "");
        assert_eq!(ranges("lost", &[(3, 1), (8, 4)]), "; lost: 3, 8 to 11");
        let block = BlockDoc::default();
        assert_eq!(
            serde_json::to_string(&block).expect("JSON"),
            "{\"block\":0}"
        );
    }
}
