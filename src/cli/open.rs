// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl open`: makes the device of a spare area that was formatted.

use anyhow::{bail, Context, Result};
use clap::ValueEnum;
use dm_remap_core::{
    fault::{ErrorPolicy, PendingWrites},
    grammar::table::{Features, TableLine},
    health::keeper::ScanMode,
    open::{examine, Examined, Formatted, OpenError},
    units::SectorCount,
};
use serde::Serialize;

use crate::{
    area::uuid_text,
    device::{
        block_io::{Access, Part},
        disk::BlockDevice,
        mapping::{self, New},
        source::Source,
        sysfs,
        words::size,
    },
    exit::{self, Exit},
    help,
    output::Output,
};

/// Makes the device of a spare area that was formatted.
///
/// How long it is, and where it lies on main, is read from the area. From then on /dev/mapper/NAME is the device to use, and
/// main itself must not be mounted or written.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_DOING,
    help::LIVE,
    "
  remapctl open safe /dev/sda /dev/sdb
      make /dev/mapper/safe
  remapctl open safe /dev/sda /dev/sdb --scan idle
      and let it read all of itself from time to time, when nobody else does",
))]
pub struct Args {
    /// What the device is to be called
    #[arg(value_name = "NAME")]
    name: String,
    /// The device that holds the data
    #[arg(value_name = "MAIN")]
    main: String,
    /// The device that has the spare area
    #[arg(value_name = "SPARE")]
    spare: String,
    /// Where the spare area begins on its device, in sectors
    #[arg(long, value_name = "SECTORS", default_value_t = 0)]
    spare_start: u64,
    /// Write nothing, the map included
    #[arg(long)]
    read_only: bool,
    /// Which errors make a block move
    #[arg(long, value_enum, default_value_t = Policy::Confirm)]
    error_policy: Policy,
    /// Where a write to sectors goes that could not be read
    #[arg(long, value_enum, default_value_t = Pending::Remap)]
    pending_writes: Pending,
    /// A failing write is an error, and nothing moves by itself
    #[arg(long)]
    no_auto_remap: bool,
    /// What the scanner does by itself
    #[arg(long, value_enum, default_value_t = Scan::Off)]
    scan: Scan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Policy {
    Medium,
    Confirm,
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Pending {
    Remap,
    Main,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scan {
    Off,
    Idle,
    On,
}

/// The answer.
#[derive(Serialize)]
struct Answer<'a> {
    name: &'a str,
    path: String,
    area_uuid: String,
    size_sectors: u64,
}

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    let name = &args.name;
    mapping::check_name(name)?;
    let main = BlockDevice::at(source, &args.main)?;
    let spare = BlockDevice::at(source, &args.spare)?;
    for number in sysfs::mapped(source)? {
        if sysfs::name(source, number)?.as_deref() == Some(name) {
            bail!("there is a device {name} already");
        }
    }
    let area = find(&spare, args.spare_start)?.superblock;
    let uuid = uuid_text(&area.uuid);
    let line = TableLine {
        main: &main.id,
        spare: &spare.id,
        spare_start: dm_remap_core::units::Sector(args.spare_start),
        spare_len: area.layout.len(),
        features: Features {
            main_start: area.main_start,
            ..args.features()
        },
    };
    mapping::create(&New {
        name,
        uuid: Some(&format!("REMAP-{uuid}")),
        size_sectors: area.main_len.0,
        line,
        read_only: args.read_only,
        hidden: false,
    })
    .with_context(|| format!("cannot open {name}"))?;
    let answer = Answer {
        name,
        path: format!("/dev/mapper/{name}"),
        area_uuid: uuid,
        size_sectors: area.main_len.0,
    };
    output.answer("open", &answer, |answer| {
        format!(
            "{} is open: {}, {}.\nNever mount or write {} itself while there is a map: what is read there may be old.\n",
            answer.name,
            answer.path,
            size(answer.size_sectors),
            main.path
        )
    })?;
    Ok(Exit::Fine)
}

impl Args {
    fn features(&self) -> Features {
        Features {
            error_policy: match self.error_policy {
                Policy::Medium => ErrorPolicy::Medium,
                Policy::Confirm => ErrorPolicy::Confirm,
                Policy::Any => ErrorPolicy::Any,
            },
            pending_writes: match self.pending_writes {
                Pending::Remap => PendingWrites::Remap,
                Pending::Main => PendingWrites::Main,
            },
            auto_remap: !self.no_auto_remap,
            scan: match self.scan {
                Scan::Off => ScanMode::Off,
                Scan::Idle => ScanMode::Idle,
                Scan::On => ScanMode::On,
            },
            ..Features::default()
        }
    }
}

/// The spare area that begins at this sector.
pub fn find(spare: &BlockDevice, start: u64) -> Result<Formatted> {
    let place = format!("sector {start} of {}", spare.path);
    let len = spare.size_sectors.saturating_sub(start);
    if len == 0 {
        bail!("{place} is past its end");
    }
    let mut part = Part::open(spare, start, len, Access::Look)?;
    match examine(&mut part, SectorCount(len), None) {
        Ok(Examined::Formatted(found)) => Ok(found),
        Ok(Examined::Blank) | Err(OpenError::Foreign(_)) => {
            bail!("there is no spare area at {place} (remapctl format makes one)")
        }
        Err(e) => bail!("the spare area at {place} cannot be opened: {e}"),
    }
}
