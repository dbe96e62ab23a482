// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl map`: the device as a picture in the terminal.

pub mod picture;

use std::env;

use anyhow::Result;
use clap::{value_parser, ValueEnum};
use console::Term;
use dm_remap_core::health::map::WARNING;
use serde::Serialize;

use crate::{
    device::{
        self,
        cells::{self, Cell},
        source::Source,
    },
    exit::{self, Exit},
    help,
    output::Output,
};
use picture::{Look, Style};

/// Shows how well the parts of devices are, and what lies in them, as a picture.
///
/// It is as wide and at most as high as the terminal. Where there is none, or one whose locale has no UTF-8, it is made of
/// ASCII characters.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    exit::OF_LOOKING,
    help::LIVE,
    "
  remapctl map safe
      a picture that fits the terminal
  remapctl --json map safe --parts 256
      the same in 256 parts, for programs",
))]
pub struct Args {
    /// The devices, by name or by node; all if none is named
    #[arg(value_name = "DEVICE")]
    devices: Vec<String>,
    /// Parts of a device, if not as many as there is room for
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=1024))]
    parts: Option<u64>,
    /// When to use colours; auto: in a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
    /// ASCII characters alone
    #[arg(long)]
    ascii: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    devices: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    name: String,
    score: u64,
    size_sectors: u64,
    parts: Vec<Cell>,
}

/// What is used where there is no terminal: columns and lines.
const PLAIN: (u16, u16) = (80, 24);

pub fn run(args: &Args, source: &dyn Source, output: Output) -> Result<Exit> {
    let style = style(args);
    let mut shown = Vec::new();
    let devices = device::look(source, &args.devices)?;
    // All of them fit, if that leaves each a line.
    let lines = style.lines.checked_div(devices.len()).unwrap_or(0);
    let style = Style { lines, ..style };
    for device in devices {
        let wanted = args
            .parts
            .unwrap_or(if output.json { 1024 } else { style.room() });
        let parts = cells::parts(&device, wanted);
        shown.push(Shown {
            score: device.health.score,
            size_sectors: device.table.size_sectors,
            parts: cells::read(source, &device, parts)?,
            name: device.name,
        });
    }
    let answer = Answer { devices: shown };
    output.picture("map", &answer, |answer| {
        if answer.devices.is_empty() {
            return device::NONE.to_owned();
        }
        let pictures: Vec<String> = answer
            .devices
            .iter()
            .map(|d| {
                let title = picture::title(&d.name, d.size_sectors, d.score, &d.parts);
                title + &picture::draw(&d.parts, &style)
            })
            .collect();
        pictures.join("\n") + &picture::legend(&style)
    })?;
    let mut parts = answer.devices.iter().flat_map(|d| &d.parts);
    Ok(Exit::well(!parts.any(|part| {
        part.lost || part.pending || part.score < WARNING
    })))
}

/// Whether the locale has Unicode, as far as the environment names one.
pub fn unicode() -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(env::var_os)
        .find(|value| !value.is_empty());
    named.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// What the terminal can do, as far as there is one.
fn style(args: &Args) -> Style {
    let term = Term::stdout();
    let terminal = term.is_term();
    let (lines, columns) = term.size_checked().unwrap_or((PLAIN.1, PLAIN.0));
    let color = match args.color {
        Color::Auto => terminal && console::colors_enabled(),
        Color::Always => true,
        Color::Never => false,
    };
    Style {
        look: match (
            args.ascii || args.color != Color::Always && !(terminal && unicode()),
            color,
        ) {
            (true, _) => Look::Ascii,
            (false, true) => Look::Color,
            (false, false) => Look::Shades,
        },
        columns: columns.into(),
        lines: lines.into(),
    }
}
