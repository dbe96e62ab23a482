// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl status`: how devices are, what is wrong, and what to do about it.

use std::{collections::BTreeSet, fmt::Write};

use anyhow::Result;
use serde::Serialize;

use crate::{
    device::{
        self,
        findings::{self, Finding, Gravity},
        model::Device,
        source::Source,
        words::{counted, extent, grouped, per_mille, percent, span},
        Unknown,
    },
    exit::{self, Exit},
    help,
    output::Output,
    smart::Shown,
    tab::{self, Table},
};

/// Says how remap devices are: what is wrong, and what to do about it.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_LOOKING,
    help::LIVE,
    "
  remapctl status
      all devices, with what to do about what is wrong
  remapctl --json status safe
      the same of one, for programs",
))]
pub struct Args {
    /// The devices, by name or by node; all if none is named
    #[arg(value_name = "DEVICE")]
    devices: Vec<String>,
    /// One line a device
    #[arg(long, short)]
    brief: bool,
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    /// Whether nothing wants attention.
    well: bool,
    devices: Vec<Looked>,
    /// What is to be opened at boot and is not there; looked for if no device was named.
    not_open: Vec<String>,
    unknown: Vec<Unknown>,
}

/// A device, and what was found.
#[derive(Debug, Serialize)]
pub struct Looked {
    /// Whether nothing wants attention.
    pub well: bool,
    pub findings: Vec<Finding>,
    /// What was written down last of what the disks say of themselves.
    pub smart: Option<Shown>,
    #[serde(flatten)]
    pub device: Device,
}

impl Looked {
    /// Judges a device.
    pub fn at(source: &dyn Source, device: Device) -> Self {
        let smart = Shown::recorded(source, &device);
        let findings = findings::of(source, &device);
        Looked {
            well: findings::well(&findings),
            findings,
            smart,
            device,
        }
    }

    /// How grave the gravest is that was found.
    pub fn gravest(&self) -> Gravity {
        let gravities = self.findings.iter().map(|f| f.gravity);
        gravities.max().unwrap_or(Gravity::Note)
    }

    /// In two words.
    pub fn verdict(&self) -> &'static str {
        match self.gravest() {
            Gravity::Danger => "in danger",
            Gravity::Warning => "needs attention",
            Gravity::Note => "is well",
        }
    }
}

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    let (devices, unseen) = device::look_at_each(source, &args.devices)?;
    let unknown = device::told(unseen);
    let devices: Vec<Looked> = devices
        .into_iter()
        .map(|device| Looked::at(source, device))
        .collect();
    let not_open = match args.devices.as_slice() {
        [] => not_open(source, &devices, &unknown),
        _ => Vec::new(),
    };
    let answer = Answer {
        well: devices.iter().all(|d| d.well) && not_open.is_empty() && unknown.is_empty(),
        devices,
        not_open,
        unknown,
    };
    output.answer("status", &answer, |answer| {
        if answer.devices.is_empty() && answer.not_open.is_empty() && answer.unknown.is_empty() {
            device::NONE.to_owned()
        } else if args.brief {
            brief(answer)
        } else {
            at_length(answer, source)
        }
    })?;
    for missed in &answer.unknown {
        output.complain(&missed.error);
    }
    Ok(Exit::well(answer.well))
}

/// The devices that the table has opened at boot, and whose file systems wait for them, as far as they are not there.
fn not_open(source: &dyn Source, devices: &[Looked], unknown: &[Unknown]) -> Vec<String> {
    // A table that cannot be read is nothing that is known of devices.
    let table = Table::read(&source.remaptab()).unwrap_or_default();
    let wanted = table.entries.into_iter().filter(|e| !e.noauto && !e.nofail);
    // What cannot be looked at is there.
    let known = devices.iter().map(|d| &d.device.name);
    let there: BTreeSet<&String> = known.chain(unknown.iter().map(|u| &u.name)).collect();
    wanted
        .map(|e| e.name)
        .filter(|name| !there.contains(name))
        .collect()
}

fn brief(answer: &Answer) -> String {
    let names = answer.devices.iter().map(|d| &d.device.name);
    let widest = names.chain(&answer.not_open).map(|n| n.chars().count());
    let width = widest.max().unwrap_or(0);
    let mut text = String::new();
    for name in &answer.not_open {
        let _ = writeln!(text, "{name:width$}  {:15}  not_open", "is not open");
    }
    for looked in &answer.devices {
        let (name, verdict) = (&looked.device.name, looked.verdict());
        let _ = write!(text, "{name:width$}  {verdict:15}");
        let codes: Vec<&str> = serious(looked).map(|f| f.code).collect();
        let line = if codes.is_empty() {
            let status = &looked.device.status;
            let score = looked.device.health.score;
            format!(
                "  health {score}, {} moved",
                counted(status.remapped_blocks, "block")
            )
        } else {
            format!("  {}", codes.join(" "))
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// What of it wants attention.
pub fn serious(looked: &Looked) -> impl Iterator<Item = &Finding> {
    let serious = |f: &&Finding| f.gravity != Gravity::Note;
    looked.findings.iter().filter(serious)
}

fn at_length(answer: &Answer, source: &dyn Source) -> String {
    let (devices, now) = (&answer.devices, source.now());
    let table = source.remaptab();
    let missing = answer.not_open.iter().map(|name| {
        format!(
            "{name} is not open\n  warning {} has it opened at boot\n          what to do: remapctl open {name} (systemctl status remap@{}.service says why it was not)\n",
            table.display(),
            tab::names::escaped(name)
        )
    });
    let looked = devices.iter().map(|looked| one(looked, now));
    let mut text: String = missing.chain(looked).collect::<Vec<_>>().join("\n");
    if devices.len() > 1 {
        let well = devices.iter().filter(|d| d.well).count();
        let rest = devices.len() - well;
        let _ = writeln!(
            text,
            "\nOf {} devices {well} {}, and {rest} {}.",
            devices.len(),
            if well == 1 { "is well" } else { "are well" },
            if rest == 1 {
                "wants attention"
            } else {
                "want attention"
            }
        );
    }
    text
}

fn one(looked: &Looked, now: u64) -> String {
    let mut lines = vec![format!("{} {}", looked.device.name, looked.verdict())];
    for (what, text) in facts(&looked.device, now) {
        lines.push(format!("  {what:7} {text}"));
    }
    for line in looked.smart.iter().flat_map(|smart| smart.lines(now)) {
        lines.push(format!("  smart   {line}"));
    }
    for finding in &looked.findings {
        let mark = finding.gravity.mark();
        lines.push(format!("  {mark:7} {}", finding.text));
        if !finding.advice.is_empty() {
            lines.push(format!("          what to do: {}", finding.advice));
        }
    }
    lines.join("\n") + "\n"
}

/// What a device is made of, how it is, and what its scanner does: a word, and what is said of it.
pub fn facts(device: &Device, now: u64) -> [(&'static str, String); 4] {
    let Device { status, health, .. } = device;
    let (main, spare) = disks(device);
    let spare = format!(
        "{spare}; {} of {} in use",
        grouped(status.remapped_blocks),
        counted(status.spare_blocks, "spare block"),
    );
    let health = format!(
        "{} of 1000 ({}, {}); {} to fail within 30 days, with {} confidence",
        health.score,
        health.level,
        health.trend,
        per_mille(health.failure_probability_per_mille),
        findings::confidence(health.confidence_percent)
    );
    [
        ("main", main),
        ("spare", spare),
        ("health", health),
        ("scan", scan(device, now)),
    ]
}

/// What main is, and what the spare area is.
pub fn disks(device: &Device) -> (String, String) {
    let table = &device.table;
    let (main, spare) = (table.main.name(), table.spare.name());
    (
        extent(main, table.size_sectors, table.main_start_sectors),
        extent(spare, table.spare_size_sectors, table.spare_start_sectors),
    )
}

/// What the scanner does, and when it was through.
pub fn scan(device: &Device, now: u64) -> String {
    let scan = &device.scan;
    let done = percent(scan.done_sectors, scan.pass_sectors);
    let state = match scan.state.as_str() {
        "storm" => "waiting for the end of a storm",
        state => state,
    };
    let last = match scan.last_pass_unix_seconds {
        Some(last) => format!(
            "{} ended, the last one {} ago",
            counted(scan.passes, "pass"),
            span(now.saturating_sub(last))
        ),
        None => "no pass has ended yet".to_owned(),
    };
    format!("{state}, {done} of this pass; {last}")
}
