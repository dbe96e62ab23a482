// SPDX-License-Identifier: GPL-2.0-only

//! A command line that is wrong: one line that says what, what would be right if that is known, and whose help tells more.

use std::{env, process::ExitCode};

use clap::{
    error::{ContextKind, ContextValue, ErrorKind},
    Arg, Command,
};

use crate::{exit::Exit, output::Output};

/// Says what was wrong with the command line. Help and version are what was asked for.
pub fn said(error: &clap::Error, definition: &Command) -> ExitCode {
    let words: Vec<String> = env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let json = words.iter().any(|word| word == "--json");
    let help = asked(definition, &words);
    let line = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Who does not read it to its end has seen enough.
            let _ = error.print();
            return Exit::Fine.into();
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "no command given".to_owned()
        }
        _ => {
            // What is missing stands in lines of its own, and so do possible values; up to an empty one.
            let text = error.to_string();
            let lines = text.lines().take_while(|line| !line.is_empty());
            let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
            let line = words.join(" ");
            line.trim_start_matches("error: ").to_owned() + &meant(error, &help)
        }
    };
    Output { json }.complain(&format!("{line} ({help} --help tells more)"));
    Exit::Usage.into()
}

/// What was meant, as far as it resembles what was said.
fn meant(error: &clap::Error, command: &str) -> String {
    let kinds = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ];
    let similar = kinds.into_iter().find_map(|kind| error.get(kind));
    let similar = match similar {
        Some(ContextValue::String(one)) => vec![one.as_str()],
        Some(ContextValue::Strings(some)) => some.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let said = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(said)) => said.as_str(),
        _ => "",
    };
    // What was not said to its end is more than a resemblance.
    let mut whole = similar.clone();
    whole.retain(|word| !said.is_empty() && word.starts_with(said));
    let similar = if whole.is_empty() { similar } else { whole };
    match similar.as_slice() {
        // As all others take devices.
        [] if command == "remapctl scan" && !said.is_empty() => {
            format!("; perhaps '{command} show {said}' is meant")
        }
        [] => String::new(),
        some => format!("; perhaps '{}' is meant", some.join("' or '")),
    }
}

/// The command, and the command of that, whose arguments `words` are.
fn asked(definition: &Command, words: &[String]) -> String {
    let mut name = definition.get_name().to_owned();
    let mut command = definition;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "help" {
            break;
        }
        if let Some(found) = command.find_subcommand(word) {
            name = format!("{name} {}", found.get_name());
            command = found;
        } else if let Some(option) = option_of_all(definition, word) {
            if option.get_action().takes_values() {
                words.next();
            }
        } else {
            break;
        }
    }
    name
}

/// The option of all commands that a word is.
fn option_of_all<'a>(definition: &'a Command, word: &str) -> Option<&'a Arg> {
    let long = word.strip_prefix("--")?;
    let mut options = definition.get_arguments();
    options.find(|option| option.get_long() == Some(long))
}
