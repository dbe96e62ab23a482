// SPDX-License-Identifier: GPL-2.0-only

//! `remapctl pages`: manual pages and completions, for those who make packages. They are made from what the arguments
//! are parsed with, so they say what `--help` says.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::{generate, Shell};
use clap_mangen::{
    roff::{bold, roman, Roff},
    Man,
};
use serde::Serialize;

use crate::{device::words::day, exit::Exit, help, output::Output};

/// Administrators' commands.
const SECTION: &str = "8";

/// Writes manual pages and completions of shells.
#[derive(clap::Args)]
#[command(after_long_help = help::sections(
    crate::exit::OF_DOING,
    "
  DIR/man/, DIR/completions/
      what is written",
    "
  remapctl pages target",
))]
pub struct Args {
    /// The folder that gets the folders man and completions
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    files: Vec<PathBuf>,
}

pub fn run(args: &Args, definition: &Command, output: Output) -> Result<Exit> {
    let mut shown = shown(definition);
    let mut files = Vec::new();
    let folder = made(args.folder.join("completions"))?;
    for (shell, file) in [
        (Shell::Bash, "remapctl.bash"),
        (Shell::Zsh, "_remapctl"),
        (Shell::Fish, "remapctl.fish"),
    ] {
        let mut text = Vec::new();
        generate(shell, &mut shown.clone(), "remapctl", &mut text);
        write(folder.join(file), &text, &mut files)?;
    }
    shown.build();
    let man = made(args.folder.join("man"))?;
    pages(&shown, &man, &date(), &mut files)?;
    output.answer("pages", &Answer { files }, |answer| {
        let line = |file: &PathBuf| format!("{}\n", file.display());
        answer.files.iter().map(line).collect()
    })?;
    Ok(Exit::Fine)
}

/// The definition without what is hidden, which completions would show.
fn shown(definition: &Command) -> Command {
    let mut shown = Command::new("remapctl")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .args(definition.get_arguments().filter(|a| !a.is_hide_set()))
        .subcommands(definition.get_subcommands().filter(|c| !c.is_hide_set()));
    if let Some(about) = definition.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(text) = definition.get_after_long_help() {
        shown = shown.after_long_help(text.clone());
    }
    shown
}

fn made(folder: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn write(file: PathBuf, text: &[u8], files: &mut Vec<PathBuf>) -> Result<()> {
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    files.push(file);
    Ok(())
}

/// The day that pages are of: that of the source, if whoever makes a package says when it was, so that they are the same each time.
fn date() -> String {
    let source = env::var("SOURCE_DATE_EPOCH").ok();
    let source = source.and_then(|seconds| seconds.parse().ok());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH);
    day(source.unwrap_or_else(|| now().map_or(0, |now| now.as_secs())))
}

/// Writes the page of a command and those of its commands.
fn pages(command: &Command, folder: &Path, date: &str, files: &mut Vec<PathBuf>) -> Result<()> {
    let man = Man::new(command.clone())
        .section(SECTION)
        .date(date)
        .source(concat!("dm-remap ", env!("CARGO_PKG_VERSION")))
        .manual("dm-remap");
    let text = page(&man, command)?;
    write(folder.join(man.get_filename()), text.as_bytes(), files)?;
    let below = command.get_subcommands();
    below
        .into_iter()
        .try_for_each(|c| pages(c, folder, date, files))
}

fn page(man: &Man, command: &Command) -> Result<String> {
    let mut bytes = Vec::new();
    man.render_title(&mut bytes)?;
    man.render_name_section(&mut bytes)?;
    man.render_synopsis_section(&mut bytes)?;
    man.render_description_section(&mut bytes)?;
    man.render_options_section(&mut bytes)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut bytes)?;
    }
    let after = command.get_after_long_help().or(command.get_after_help());
    let mut rest = below_options(&after.map(ToString::to_string).unwrap_or_default());
    rest.control("SH", ["SEE ALSO"]);
    let others = match command.get_bin_name() {
        Some("remapctl") | None => "remaptab(5), ",
        Some("remapctl open" | "remapctl tab") => "remapctl(8), remaptab(5), ",
        Some(_) => "remapctl(8), ",
    };
    rest.text([roman(format!("{others}dmsetup(8)"))]);
    rest.to_writer(&mut bytes)?;
    // Each part begins with the same definitions, which one page needs once.
    let preamble = Roff::new().render();
    let parts = String::from_utf8(bytes)?.replace(&preamble, "");
    // One break is enough.
    let parts = parts.replace("\n.br\n\n.br\n", "\n.br\n");
    Ok(preamble + &parts)
}

/// The sections that `--help` has below the options.
fn below_options(text: &str) -> Roff {
    let mut roff = Roff::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(heading) = line.strip_suffix(':').filter(|h| !h.starts_with(' ')) {
            let heading = match heading {
                // As manuals have it.
                "Exit codes" => "EXIT STATUS".to_owned(),
                other => other.to_uppercase(),
            };
            roff.control("SH", [heading.as_str()]);
        } else if line.starts_with("   ") {
            roff.text([roman(line.trim_start())]);
        } else {
            let line = line.trim_start();
            let (term, said) = line.split_once("  ").unwrap_or((line, ""));
            roff.control("TP", []);
            roff.text([bold(term)]);
            if !said.is_empty() {
                roff.text([roman(said.trim_start())]);
            }
        }
    }
    roff
}
