// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl format`: makes a spare area.
//!
//! What it needs of zeros is written here; the format itself is made by the kernel module, which alone knows by what it will tell the
//! devices another time. All that can be refused is refused before the first write.

mod plan;

use std::{
    io::{self, IsTerminal, Write},
    process,
};

use anyhow::{bail, Context, Result};
use dm_remap_core::{
    grammar::table::{Features, TableLine},
    open::{examine, Examined, OpenError},
    units::{Sector, SectorCount},
};
use serde::Serialize;

use crate::{
    area::uuid_text,
    device::{
        block_io::{Access, Part},
        disk::BlockDevice,
        mapping::{self, New},
        source::Source,
        words::{counted, grouped, size},
    },
    exit::{self, Exit},
    help,
    interrupt::Interrupt,
    open,
    output::Output,
    progress,
};
use plan::{Amount, Plan};

/// Makes a spare area. What is on the data device stays; what is in the area is lost.
///
/// It says what it will do, and asks. Devices in use are refused, and so is a spare device that holds something.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_DOING,
    help::LIVE,
    "
  remapctl format /dev/sda /dev/sdb
      an area of two percent of sda, at the beginning of sdb
  remapctl format /dev/sda /dev/sda --spare-start 1900000000
      an area on the same disk; the device ends where it begins
  remapctl format /dev/sda /dev/sdb --size 20G --yes
      without a question, for scripts",
))]
pub struct Args {
    /// The device that holds the data
    #[arg(value_name = "MAIN")]
    main: String,
    /// The device that gets the spare area; MAIN itself is possible with --spare-start
    #[arg(value_name = "SPARE")]
    spare: String,
    /// How large the area is to be: 20G, 512M, 3%, 2097152s (sectors) [default: 2% of MAIN, at least 64M]
    #[arg(long, value_name = "SIZE")]
    size: Option<Amount>,
    /// Where it is to begin on its device, in sectors
    #[arg(long, value_name = "SECTORS")]
    spare_start: Option<u64>,
    /// The unit that is remapped, in sectors [default: by the physical blocks of both, at least 8]
    #[arg(long, value_name = "SECTORS")]
    block_sectors: Option<u64>,
    /// Where the device begins on MAIN, in sectors
    #[arg(long, value_name = "SECTORS", default_value_t = 0)]
    main_start: u64,
    /// How long the device is, in sectors [default: to the end of MAIN, or of what the area leaves of it]
    #[arg(long, value_name = "SECTORS")]
    main_size: Option<u64>,
    /// Do it although something is there, a former spare area included: it is lost
    #[arg(long)]
    overwrite: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    area_uuid: String,
    main: String,
    spare: String,
    main_start_sectors: u64,
    main_size_sectors: u64,
    spare_start_sectors: u64,
    spare_size_sectors: u64,
    block_sectors: u32,
    spare_blocks: u32,
}

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    let main = BlockDevice::at(source, &args.main)?;
    let spare = BlockDevice::at(source, &args.spare)?;
    let plan = Plan::of(args, &main, &spare)?;
    main.refuse_in_use(source)?;
    if !plan.one_disk {
        spare.refuse_in_use(source)?;
    }
    let lost = occupied(args, &plan, &spare, source)?;
    consent(args, output, &plan, &main, &spare, lost.as_deref())?;
    // Not before: a question is to end at once.
    let interrupt = Interrupt::listen()?;
    main.refuse_in_use(source)?;
    let part = Part::open(&spare, plan.start, plan.size, Access::Own)?;
    // Now nobody else has it. What has come since it was looked at is not what was given up.
    if occupied(args, &plan, &spare, source)? != lost {
        bail!("{} has changed meanwhile: nothing was written", spare.path);
    }
    zero(&plan, &spare, part, &interrupt)?;
    let made = make(&plan, &main, &spare)?;
    if !plan.one_disk {
        warn_of_rest(&spare, output);
    }
    let answer = Answer {
        area_uuid: uuid_text(&made.uuid),
        main: main.path,
        spare: spare.path,
        main_start_sectors: plan.main_start,
        main_size_sectors: plan.main_size,
        spare_start_sectors: plan.start,
        spare_size_sectors: plan.size,
        block_sectors: made.layout.block_size().sectors(),
        spare_blocks: made.layout.spare_count(),
    };
    output.answer("format", &answer, |answer| done(answer, plan.start))?;
    Ok(Exit::Fine)
}

/// What is in the area, if that may be lost.
fn occupied(
    args: &Args,
    plan: &Plan,
    spare: &BlockDevice,
    source: &dyn Source,
) -> Result<Option<String>> {
    let found = match plan.one_disk {
        true => reaching(plan, spare, source)?,
        false => spare.signature(None)?.map(|found| found.what),
    };
    let found = match found {
        Some(found) => Some(found),
        None => spare
            .signature(Some((plan.start, plan.size)))?
            .map(|found| found.what),
    };
    let found = match found {
        Some(found) => Some(found),
        None => former(plan, spare)?,
    };
    match found {
        Some(found) if !args.overwrite => {
            bail!("{} holds {found}: --overwrite gives that up", spare.path)
        }
        found => Ok(found),
    }
}

/// What of that which lies on main is in the area that is to be on main itself, as far as it says how long it is. What cannot
/// be told counts as being there.
fn reaching(plan: &Plan, disk: &BlockDevice, source: &dyn Source) -> Result<Option<String>> {
    if let Some(part) = disk.partition_in(source, plan.start, plan.size)? {
        return Ok(Some(format!(
            "the partition {part}, which the area would lie in"
        )));
    }
    let mut begins = vec![0, plan.main_start];
    begins.dedup();
    for begin in begins {
        if begin >= plan.start.saturating_add(plan.size) {
            continue;
        }
        let rest = disk.size_sectors.saturating_sub(begin);
        let Some(found) = disk.signature(Some((begin, rest)))? else {
            continue;
        };
        match found.end_sectors {
            _ if found.is_table => {}
            Some(end) if begin.saturating_add(end) <= plan.start => {}
            Some(end) => {
                let end = begin.saturating_add(end);
                return Ok(Some(format!(
                    "{}, which reaches to sector {end}, past the beginning of the area",
                    found.what
                )));
            }
            None => {
                return Ok(Some(format!(
                    "{}, of which it is not known how far it reaches",
                    found.what
                )))
            }
        }
    }
    Ok(None)
}

/// The spare area that is there: where the new one is to be, or from the beginning of the device into it.
fn former(plan: &Plan, spare: &BlockDevice) -> Result<Option<String>> {
    if plan.start > 0 && !plan.one_disk {
        let mut whole = Part::open(spare, 0, spare.size_sectors, Access::Look)?;
        if let Ok(Examined::Formatted(found)) =
            examine(&mut whole, SectorCount(spare.size_sectors), None)
        {
            let first = found.superblock;
            if first.layout.len().0 > plan.start {
                let uuid = uuid_text(&first.uuid);
                return Ok(Some(format!(
                    "the spare area {uuid}, which begins at sector 0 and reaches into it"
                )));
            }
        }
    }
    let mut part = Part::open(spare, plan.start, plan.size, Access::Look)?;
    match examine(&mut part, SectorCount(plan.size), Some(&plan.layout)) {
        Ok(Examined::Formatted(found)) => Ok(Some(format!(
            "the spare area {}",
            uuid_text(&found.superblock.uuid)
        ))),
        Ok(Examined::Blank) | Err(OpenError::Foreign(_)) => Ok(None),
        Err(OpenError::Unreadable) => bail!("{} cannot be read", spare.path),
        // Superblocks that contradict themselves, or of a newer format: a map may be there.
        Err(e) => Ok(Some(format!("what may be a spare area ({e})"))),
    }
}

/// Says what will be done, and asks unless that was given before.
fn consent(
    args: &Args,
    output: Output,
    plan: &Plan,
    main: &BlockDevice,
    spare: &BlockDevice,
    lost: Option<&str>,
) -> Result<()> {
    let model = |device: &BlockDevice| match &device.model {
        Some(model) => format!(" ({model})"),
        None => String::new(),
    };
    let lost = lost.map_or("what is there is lost".to_owned(), |lost| {
        format!("{lost} IS LOST")
    });
    output.remark(&format!(
        "A spare area is made:
  main    {}{}, {} from sector {}: its data stays
  spare   {}{}, {} from sector {}: {lost}
  blocks  of {}: about {}{}
Once it is open and something has moved, never mount or write {} itself: it lacks what has moved.",
        main.path,
        model(main),
        size(plan.main_size),
        plan.main_start,
        spare.path,
        model(spare),
        size(plan.size),
        plan.start,
        size(plan.layout.block_size().sectors().into()),
        counted(plan.layout.spare_count().into(), "spare block"),
        match plan.lacks_of {
            Some(wanted) => format!(
                "; {} would be better, but there is no more room",
                size(wanted)
            ),
            None => String::new(),
        },
        main.path
    ));
    if args.yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || output.json {
        bail!("nobody can be asked: --yes says that it is meant");
    }
    eprint!("Go on? [y/N] ");
    io::stderr().flush()?;
    let mut said = String::new();
    io::stdin().read_line(&mut said)?;
    if !matches!(said.trim(), "y" | "Y" | "yes") {
        bail!("nothing was done");
    }
    Ok(())
}

/// Zeros where metadata will lie. Superblocks go first: half of an old area is not taken for a whole one.
fn zero(plan: &Plan, spare: &BlockDevice, mut part: Part, interrupt: &Interrupt) -> Result<()> {
    let ranges = plan.to_zero();
    let all = ranges.iter().map(|(_, len)| len).sum::<u64>() * 512;
    let bar = progress::of_bytes("zeroing", all);
    for (at, len) in ranges {
        part.zero(at, len, &mut |sectors| {
            bar.inc(sectors * 512);
            interrupt.check()
        })
        .with_context(|| format!("cannot zero {}", spare.path))?;
    }
    part.sync()?;
    bar.finish_and_clear();
    Ok(())
}

/// Lets the kernel make the format, in the first resume of a device that goes at once.
fn make(
    plan: &Plan,
    main: &BlockDevice,
    spare: &BlockDevice,
) -> Result<dm_remap_core::superblock::Superblock> {
    let name = format!("remapctl-format-{}", process::id());
    let line = TableLine {
        main: &main.id,
        spare: &spare.id,
        spare_start: Sector(plan.start),
        spare_len: SectorCount(plan.size),
        features: Features {
            block_size: Some(plan.layout.block_size()),
            main_start: Sector(plan.main_start),
            ..Features::default()
        },
    };
    let new = New {
        name: &name,
        uuid: None,
        size_sectors: plan.main_size,
        line,
        read_only: false,
        hidden: true,
    };
    mapping::create(&new).context("cannot format")?;
    mapping::remove(&name).context("cannot take the device away that was made to format")?;
    Ok(open::find(spare, plan.start)?.superblock)
}

/// What others take the spare device for is not only where the area is: a RAID has its mark at the end.
fn warn_of_rest(spare: &BlockDevice, output: Output) {
    if let Ok(Some(left)) = spare.signature(None) {
        output.remark(&format!(
            "remapctl: to others {0} is still {1}, and they may take it at boot: if that is over, wipefs -a {0} ends it and leaves the area",
            spare.path, left.what
        ));
    }
}

fn done(answer: &Answer, start: u64) -> String {
    let (option, word) = match start {
        0 => (String::new(), String::new()),
        start => (
            format!(" --spare-start {start}"),
            format!(" spare-start={start}"),
        ),
    };
    let (uuid, main) = (&answer.area_uuid, &answer.main);
    format!(
        "The spare area {uuid} is there, with {} spare blocks.\nAt each boot, by a line in /etc/remaptab: NAME {main} AREA={uuid}{word}\nOpen it now with: remapctl open NAME {main} {}{option}\n",
        grouped(answer.spare_blocks.into()),
        answer.spare
    )
}
