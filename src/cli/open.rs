// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl open`: makes the device of a spare area that was formatted.

mod settings;

pub use settings::Settings;

use anyhow::{bail, Context, Result};
use dm_remap_core::{
    grammar::table::{Features, TableLine},
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
        names,
        source::Source,
        sysfs,
        words::size,
    },
    exit::{self, Exit},
    help,
    output::Output,
    tab::{self, Spec},
};

/// Makes the device of a spare area that was formatted.
///
/// How long it is, and where it lies on main, is read from the area. From then on /dev/mapper/NAME is the device to use, and
/// main itself must not be mounted or written. With NAME alone, /etc/remaptab says the rest.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_DOING,
    "
  /dev/mapper/NAME
      the device; what it was made from must not be used beside it
  /etc/remaptab
      the devices that are opened at boot, and how: see remaptab(5)",
    "
  remapctl open safe
      open what /etc/remaptab calls so
  remapctl open safe /dev/sda /dev/sdb
      make /dev/mapper/safe
  remapctl open safe /dev/sda /dev/sdb --scan idle
      and let it read all of itself from time to time, when nobody else does",
))]
pub struct Args {
    /// What the device is to be called
    #[arg(value_name = "NAME")]
    name: String,
    /// The device that holds the data; without it, /etc/remaptab says all
    #[arg(value_name = "MAIN", requires = "spare")]
    main: Option<String>,
    /// The device that has the spare area
    #[arg(value_name = "SPARE")]
    spare: Option<String>,
    #[command(flatten)]
    settings: Settings,
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
    names::check_name(name)?;
    let listed;
    let (main, spare, settings) = match (&args.main, &args.spare) {
        (Some(main), Some(spare)) => (main.clone(), Place::at(spare), &args.settings),
        _ => {
            listed = tab::entry_of(name)?;
            let spare = Place {
                path: listed.spare.path(),
                area: match listed.spare {
                    Spec::Area(uuid) => Some(uuid),
                    _ => None,
                },
            };
            (listed.main.path(), spare, &listed.settings)
        }
    };
    let answer = open(name, &main, &spare, settings, source)?;
    output.answer("open", &answer, |answer| {
        format!(
            "{} is open: {}, {}.\nNever mount or write {main} itself while there is a map: what is read there may be old.\n",
            answer.name,
            answer.path,
            size(answer.size_sectors),
        )
    })?;
    Ok(Exit::Fine)
}

/// Where the spare area is.
struct Place {
    path: String,
    /// The area's UUID, if that is how it was named.
    area: Option<[u8; 16]>,
}

impl Place {
    fn at(path: &str) -> Self {
        Place {
            path: path.to_owned(),
            area: None,
        }
    }
}

fn open<'a>(
    name: &'a str,
    main: &str,
    spare: &Place,
    settings: &Settings,
    source: &dyn Source,
) -> Result<Answer<'a>> {
    let main = BlockDevice::at(source, main)?;
    let place = spare;
    let spare = BlockDevice::at(source, &place.path)?;
    for number in sysfs::mapped(source)? {
        if sysfs::name(source, number)?.as_deref() == Some(name) {
            bail!("there is a device {name} already");
        }
    }
    main.refuse_others(source)?;
    spare.refuse_others(source)?;
    let area = find(&spare, settings.spare_start)?.superblock;
    let uuid = uuid_text(&area.uuid);
    let known = format!("REMAP-{uuid}");
    for number in sysfs::mapped(source)? {
        let its = sysfs::maybe(&sysfs::folder(source, number).join("dm/uuid"))?;
        if its.as_deref() == Some(&known) {
            let name = sysfs::name(source, number)?.unwrap_or_default();
            bail!("the spare area {uuid} is open already, as {name}");
        }
    }
    if place.area.is_some_and(|wanted| wanted != area.uuid) {
        bail!(
            "the spare area at sector {} of {} is another one: {uuid}",
            settings.spare_start,
            spare.path
        );
    }
    let line = TableLine {
        main: &main.id,
        spare: &spare.id,
        spare_start: dm_remap_core::units::Sector(settings.spare_start),
        spare_len: area.layout.len(),
        features: Features {
            main_start: area.main_start,
            ..settings.features()
        },
    };
    mapping::create(&New {
        name,
        uuid: Some(&known),
        size_sectors: area.main_len.0,
        line,
        read_only: settings.read_only,
        hidden: false,
    })
    .with_context(|| format!("cannot open {name}"))?;
    Ok(Answer {
        name,
        path: format!("/dev/mapper/{name}"),
        area_uuid: uuid,
        size_sectors: area.main_len.0,
    })
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
