// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl record`: writes down how devices are, and what their disks say of themselves, for `report` and for whoever wants to see what became of them.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::{
    device::{
        self,
        model::Device,
        source::Source,
        words::{counted, span},
    },
    exit::{self, Exit},
    help,
    history::{History, Sample},
    output::Output,
    smart::{self, Both, Shown},
};

/// Writes down how devices are now, beside what was written down before. To be called by a timer.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_DOING,
    "
  /var/lib/dm-remap/AREA.jsonl
      what was written down of the device whose spare area has the UUID AREA, one line each time
  /sys/block/dm-N/remap/
      what the kernel module says of a device",
    "
  remapctl record
      write down how all devices are
  remapctl record safe --history /srv/remap
      one device, in another folder",
))]
pub struct Args {
    /// The devices, by name or by node; all if none is named
    #[arg(value_name = "DEVICE")]
    devices: Vec<String>,
    /// The folder of what was written down: /var/lib/dm-remap if none is named
    #[arg(long, value_name = "DIR")]
    history: Option<PathBuf>,
    /// Do not ask the disks for what they say of themselves (SMART)
    #[arg(long)]
    no_smart: bool,
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    devices: Vec<Written>,
}

#[derive(Serialize)]
struct Written {
    area_uuid: String,
    /// Where it was written.
    file: PathBuf,
    /// So many times are there now, of them this one.
    samples: u64,
    first_unix_seconds: u64,
    sample: Sample,
    /// What the disks said, if they were asked.
    smart: Option<Both>,
    /// The bad sectors that main counts, if the predictor was told.
    told_sectors: Option<u64>,
}

/// Writes down how a device is.
fn write(
    history: &History,
    source: &dyn Source,
    device: &Device,
    smart: Option<Both>,
) -> Result<Written> {
    let now = source.now();
    let sample = Sample {
        smart: smart.as_ref().and_then(Both::sample),
        ..Sample::of(device, now)
    };
    let area_uuid = device.area_uuid.clone();
    let file = history.append(&area_uuid, &sample)?;
    let all = history.read(&area_uuid)?;
    Ok(Written {
        area_uuid,
        file,
        samples: all.len() as u64,
        first_unix_seconds: all.first().map_or(now, |first| first.at_unix_seconds),
        sample,
        told_sectors: smart.as_ref().and_then(|smart| tell(source, device, smart)),
        smart,
    })
}

/// Tells the predictor what main says of itself. A module that does not know the message, or a device that is suspended,
/// goes without.
fn tell(source: &dyn Source, device: &Device, smart: &Both) -> Option<u64> {
    let sectors = smart::for_predictor(&smart.main)?;
    let message = format!("health smart {sectors}");
    source.message(&device.name, &message).ok()?;
    Some(sectors)
}

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    let folder = args.history.clone();
    let history = History::at(&folder.unwrap_or_else(|| source.history()));
    let (devices, unseen) = device::look_at_each(source, &args.devices)?;
    let smart = match args.no_smart {
        true => vec![None; devices.len()],
        false => smart::ask(source, &devices).into_iter().map(Some).collect(),
    };
    let now = source.now();
    // One device that cannot be written down costs no other its line.
    let mut errors: Vec<anyhow::Error> = unseen.into_iter().map(|(_, e)| e).collect();
    let mut written = Vec::new();
    for (device, smart) in devices.iter().zip(smart) {
        match write(&history, source, device, smart) {
            Ok(one) => written.push(one),
            Err(e) => errors.push(e),
        }
    }
    for e in &errors {
        output.complain(&format!("{e:#}"));
    }
    let well = errors.is_empty();
    output.answer("record", &Answer { devices: written }, |answer| {
        if answer.devices.is_empty() && well {
            return device::NONE.to_owned();
        }
        answer.devices.iter().map(|w| one(w, now)).collect()
    })?;
    Ok(Exit::well(well))
}

fn one(written: &Written, now: u64) -> String {
    let since = now.saturating_sub(written.first_unix_seconds);
    let history = match written.samples {
        0 | 1 => "the first time".to_owned(),
        n => format!("{} in {}", counted(n, "time"), span(since)),
    };
    let mut text = format!("{} is written down: {history}.\n", written.sample.name);
    let smart = written.smart.clone();
    for line in smart.map_or(Vec::new(), |both| Shown::asked(both, now).lines(now)) {
        text += &format!("  smart of {line}\n");
    }
    text
}
