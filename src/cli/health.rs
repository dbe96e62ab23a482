// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl health`: how well devices are, how well they will be, and what speaks for it.

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;

use crate::{
    device::{
        self,
        findings::confidence,
        model::{Device, Health, Region},
        source::Source,
        sysfs::Files,
        words::{counted, grouped, per_mille, size, span},
    },
    exit::{self, Exit},
    help,
    output::Output,
    smart::{self, Shown},
};

/// Says how well devices are, whether they are expected to fail, and on which evidence.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_LOOKING,
    help::LIVE,
    "
  remapctl health safe
      the forecast, and what it is made from
  remapctl health safe --smart
      the same, with what the disks say of themselves now
  remapctl health safe --auto-evacuate on
      move weak blocks away while they can be read",
))]
pub struct Args {
    /// The devices, by name or by node; all if none is named
    #[arg(value_name = "DEVICE")]
    devices: Vec<String>,
    /// Whether blocks that are weak are moved away while they can be read; until the device is closed
    #[arg(long, value_name = "ON|OFF", requires = "devices")]
    auto_evacuate: Option<Switch>,
    /// From how many milliseconds on a read of the scanner may be called slow; until the device is closed
    #[arg(long, value_name = "MS", requires = "devices")]
    slow_ms: Option<u32>,
    /// Ask the disks now for what they say of themselves (SMART), instead of what was written down last
    #[arg(long)]
    smart: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    /// Whether all are well, and expected to stay so.
    well: bool,
    devices: Vec<Looked>,
}

#[derive(Serialize)]
struct Looked {
    name: String,
    well: bool,
    health: Health,
    /// Physical blocks that failed when they were tried alone, and those that worked when they were tried again.
    read_errors: u64,
    write_errors: u64,
    recovered_errors: u64,
    /// Reads of scans that found something that was not known, former sessions included.
    scan_errors: u64,
    /// The regions with the lowest scores.
    worst: Vec<Region>,
    /// What the disks say of themselves.
    smart: Option<Shown>,
}

impl Looked {
    fn at(device: Device, smart: Option<Shown>) -> Self {
        let counter = |key: &str| device.status.counters.get(key).copied().unwrap_or(0);
        Looked {
            well: device.health.level == "good" && device.health.severity < ALARM,
            read_errors: counter("read_errors"),
            write_errors: counter("write_errors"),
            recovered_errors: counter("recovered"),
            scan_errors: device.scan.errors,
            name: device.name,
            health: device.health,
            worst: device.map.worst,
            smart,
        }
    }
}

/// From this severity on the predictor's alarm is on.
pub const ALARM: u64 = 7;

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    set(args, source)?;
    let devices = device::look(source, &args.devices)?;
    let now = source.now();
    let smart: Vec<Option<Shown>> = match args.smart {
        true => {
            let asked = smart::ask(source, &devices).into_iter();
            asked.map(|both| Some(Shown::asked(both, now))).collect()
        }
        false => {
            let recorded = |device| Shown::recorded(source, device);
            devices.iter().map(recorded).collect()
        }
    };
    let both = devices.into_iter().zip(smart);
    let devices: Vec<Looked> = both.map(|(d, s)| Looked::at(d, s)).collect();
    let answer = Answer {
        well: devices.iter().all(|d| d.well),
        devices,
    };
    output.answer("health", &answer, |answer| {
        if answer.devices.is_empty() {
            return device::NONE.to_owned();
        }
        let texts: Vec<String> = answer.devices.iter().map(|d| one(d, now)).collect();
        texts.join("\n")
    })?;
    Ok(Exit::well(answer.well))
}

fn set(args: &Args, source: &dyn Source) -> Result<()> {
    let mut values = Vec::new();
    if let Some(switch) = args.auto_evacuate {
        let value = u8::from(switch == Switch::On);
        values.push(("health/auto_evacuate", value.to_string()));
    }
    if let Some(ms) = args.slow_ms {
        values.push(("health/slow_ms", ms.to_string()));
    }
    if values.is_empty() {
        return Ok(());
    }
    for id in device::chosen(source, &args.devices)? {
        let files = Files::of(source, id.number);
        for (file, value) in &values {
            let written = source.write(&files.path(file), value);
            written.with_context(|| format!("cannot change {file} of {}", id.name))?;
        }
    }
    Ok(())
}

fn one(looked: &Looked, now: u64) -> String {
    let health = &looked.health;
    let mut lines = vec![format!("{} {}", looked.name, verdict(health))];
    lines.push(format!(
        "  score       {} of 1000: {}",
        health.score, health.level
    ));
    for (what, text) in forecast(health) {
        lines.push(format!("  {what:11} {text}"));
    }
    lines.push(format!(
        "  since open  {}, {}, {} of them recovered; scans met {} in all",
        counted(looked.read_errors, "read error"),
        counted(looked.write_errors, "write error"),
        grouped(looked.recovered_errors),
        grouped(looked.scan_errors)
    ));
    for (n, line) in looked.smart.iter().flat_map(|s| s.lines(now)).enumerate() {
        let label = if n == 0 { "smart" } else { "" };
        lines.push(format!("  {label:10}  {line}"));
    }
    for (n, region) in looked.worst.iter().enumerate() {
        let label = if n == 0 { "worst" } else { "" };
        lines.push(format!(
            "  {label:10}  {} of 1000 at sector {} ({} into the device)",
            region.score,
            region.first_sector,
            size(region.first_sector)
        ));
    }
    let moves = if health.auto_evacuate { "" } else { "not " };
    lines.push(format!(
        "  weak        blocks are {moves}moved away by themselves; a read is slow from {} ms on",
        grouped(health.slow_milliseconds)
    ));
    lines.join("\n") + "\n"
}

/// What is expected, and on which evidence: a word, and what is said of it.
pub fn forecast(health: &Health) -> Vec<(&'static str, String)> {
    let mut facts = vec![(
        "forecast",
        format!(
            "{} to fail within 30 days, with {} confidence ({} %); {}",
            per_mille(health.failure_probability_per_mille),
            confidence(health.confidence_percent),
            health.confidence_percent,
            health.trend
        ),
    )];
    if let Some(left) = health.time_to_failure_seconds {
        facts.push(("failure", format!("in about {}", span(left))));
    }
    if let Some(left) = health.time_to_spare_exhaustion_seconds {
        let text = format!("used up in {} at the present rate", span(left));
        facts.push(("spare", text));
    }
    // The predictor waits to see what turns out to be a storm.
    let evidence = format!("until an hour ago: {}", health.evidence);
    facts.push(("evidence", evidence));
    facts
}

/// What to make of it.
pub fn verdict(health: &Health) -> &'static str {
    match (health.severity, health.level.as_str()) {
        (9.., _) => "is about to fail: replace it today",
        (ALARM.., _) => "is expected to fail: replace it",
        (_, "danger") => "is in danger: copy the data away",
        (_, "warning") => "wants attention: see that there is a backup",
        (4.., _) => "is in good health, but something happens: watch it",
        _ => "is in good health",
    }
}
