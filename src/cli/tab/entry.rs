// SPDX-License-Identifier: GPL-2.0-only

//! The table of devices that are opened at boot: its lines, and what is wrong with them.

use std::{
    env, fmt,
    fs::OpenOptions,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use rustix::fs::OFlags;

use crate::{device::names, open::Settings};

use super::spec::Spec;

/// Where the table is.
pub const TABLE: &str = "/etc/remaptab";

/// No table is larger, in bytes: a thousand devices take a tenth of it.
const MOST: u64 = 1 << 20;

/// Where it is, unless the environment says otherwise.
pub fn place() -> PathBuf {
    env::var_os("REMAPTAB").map_or_else(|| TABLE.into(), PathBuf::from)
}

/// A line that names a device.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number, from 1 on.
    pub line: usize,
    pub name: String,
    pub main: Spec,
    pub spare: Spec,
    /// How it is opened.
    pub settings: Settings,
    /// The boot goes on without it.
    pub nofail: bool,
    /// It is not opened by itself.
    pub noauto: bool,
    /// It is opened in the initramfs.
    pub initramfs: bool,
    /// How long systemd waits for the disks, as it writes times.
    pub device_timeout: Option<String>,
}

/// A line that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub line: usize,
    pub text: String,
}

/// All that the table says.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub entries: Vec<Entry>,
    pub wrong: Vec<Wrong>,
}

impl Table {
    /// The table at `path`; an empty one if there is none.
    pub fn read(path: &Path) -> io::Result<Self> {
        match bytes(path) {
            Ok(bytes) => Ok(Self::parse(&String::from_utf8_lossy(&bytes))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(e),
        }
    }

    /// What its text says. A line that is wrong hides no other.
    pub fn parse(text: &str) -> Self {
        let mut table = Table::default();
        for (at, text) in text.lines().enumerate() {
            let words: Vec<&str> = text.split_whitespace().collect();
            if words.first().is_none_or(|word| word.starts_with('#')) {
                continue;
            }
            let line = at + 1;
            match table.entry(line, &words) {
                Ok(entry) => table.entries.push(entry),
                Err(text) => table.wrong.push(Wrong { line, text }),
            }
        }
        table
    }

    /// The entry of this name.
    pub fn named(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    fn entry(&self, line: usize, words: &[&str]) -> Result<Entry, String> {
        // What follows may say a word again, to a terminal or in a unit.
        if let Some(word) = words.iter().find(|word| word.contains(char::is_control)) {
            let word = word.escape_debug();
            return Err(format!("'{word}' has a control character in it"));
        }
        let (name, main, spare, options) = match words {
            [name, main, spare] => (name, main, spare, "-"),
            [name, main, spare, options] => (name, main, spare, *options),
            [_, _, _, _, more, ..] => {
                return Err(format!(
                    "'{more}' is one word too many: options are joined by commas, without spaces"
                ))
            }
            [_, _] => return Err("SPARE is missing: NAME MAIN SPARE [OPTIONS]".to_owned()),
            _ => return Err("MAIN and SPARE are missing: NAME MAIN SPARE [OPTIONS]".to_owned()),
        };
        names::check_name(name).map_err(|e| e.to_string())?;
        if let Some(other) = self.named(name) {
            return Err(format!("line {} has the name {name} already", other.line));
        }
        let mut entry = Entry {
            line,
            name: (*name).to_owned(),
            main: Spec::main(main)?,
            spare: Spec::spare(spare)?,
            settings: Settings::default(),
            nofail: false,
            noauto: false,
            initramfs: false,
            device_timeout: None,
        };
        if !matches!(options, "-" | "none" | "defaults") {
            options.split(',').try_for_each(|o| entry.option(o))?;
        }
        Ok(entry)
    }
}

/// What is in a file, and in nothing that could hold up a boot: a pipe that nobody writes to, a file without end.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        0..=MOST => Ok(bytes),
        _ => Err(io::Error::other("it is larger than 1 MiB")),
    }
}

/// A value that is one of a few words.
fn one_of<T: ValueEnum>(option: &str, value: &str) -> Result<T, String> {
    T::from_str(value, false).map_err(|_| {
        let values: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|v| v.to_possible_value())
            .map(|v| v.get_name().to_owned())
            .collect();
        format!(
            "option {option}: '{value}' is none of {}",
            values.join(", ")
        )
    })
}

/// Whether systemd takes it for a time: numbers with units, or with none for seconds.
fn is_time(value: &str) -> bool {
    let units = ["", "us", "ms", "s", "sec", "m", "min", "h", "hr", "d", "w"];
    let mut rest = value;
    if rest == "infinity" {
        return true;
    }
    let digit = |c: char| c.is_ascii_digit();
    while !rest.is_empty() {
        let after = rest.trim_start_matches(digit);
        let unit_ends = after.find(digit).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_ends);
        if after.len() == rest.len() || !units.contains(&unit) {
            return false;
        }
        rest = next;
    }
    !value.is_empty()
}

impl Entry {
    fn option(&mut self, option: &str) -> Result<(), String> {
        let (key, value) = match option.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (option, None),
        };
        let flag = match key {
            "read-only" => Some(&mut self.settings.read_only),
            "no-auto-remap" => Some(&mut self.settings.no_auto_remap),
            "nofail" => Some(&mut self.nofail),
            "noauto" => Some(&mut self.noauto),
            "initramfs" => Some(&mut self.initramfs),
            _ => None,
        };
        match (flag, key, value) {
            (Some(flag), _, None) => *flag = true,
            (Some(_), _, Some(_)) => return Err(format!("option {key} takes no value")),
            (None, "spare-start", Some(value)) => {
                let digits = value.bytes().all(|c| c.is_ascii_digit());
                let sectors = value.parse().ok().filter(|_| digits);
                self.settings.spare_start = sectors
                    .ok_or_else(|| format!("option {key}: '{value}' is no number of sectors"))?;
            }
            (None, "error-policy", Some(value)) => self.settings.error_policy = one_of(key, value)?,
            (None, "pending-writes", Some(value)) => {
                self.settings.pending_writes = one_of(key, value)?;
            }
            (None, "scan", Some(value)) => self.settings.scan = one_of(key, value)?,
            (None, "x-systemd.device-timeout", Some(value)) => {
                if !is_time(value) {
                    return Err(format!(
                        "option {key}: '{value}' is no time, such as 30s or 2min"
                    ));
                }
                self.device_timeout = Some(value.to_owned());
            }
            (
                None,
                "spare-start"
                | "error-policy"
                | "pending-writes"
                | "scan"
                | "x-systemd.device-timeout",
                None,
            ) => return Err(format!("option {key} lacks its value: {key}=...")),
            // Those of other programs.
            (None, key, _) if key.starts_with("x-") && !key.starts_with("x-systemd.") => {}
            (None, "", _) => return Err("an option is empty: there is a comma too many".to_owned()),
            _ => return Err(format!("option '{option}' is none that there is")),
        }
        Ok(())
    }

    /// The options that are not at their defaults, as the table has them.
    fn options(&self) -> String {
        let mut options = Vec::new();
        let s = &self.settings;
        let default = Settings::default();
        if s.spare_start != 0 {
            options.push(format!("spare-start={}", s.spare_start));
        }
        let mut word =
            |key: &str, is_default: bool, value: Option<clap::builder::PossibleValue>| {
                if let Some(value) = value.filter(|_| !is_default) {
                    options.push(format!("{key}={}", value.get_name()));
                }
            };
        let policy = s.error_policy;
        word(
            "error-policy",
            policy == default.error_policy,
            policy.to_possible_value(),
        );
        let writes = s.pending_writes;
        word(
            "pending-writes",
            writes == default.pending_writes,
            writes.to_possible_value(),
        );
        word("scan", s.scan == default.scan, s.scan.to_possible_value());
        for (set, flag) in [
            (s.read_only, "read-only"),
            (s.no_auto_remap, "no-auto-remap"),
            (self.nofail, "nofail"),
            (self.noauto, "noauto"),
            (self.initramfs, "initramfs"),
        ] {
            if set {
                options.push(flag.to_owned());
            }
        }
        let timeout = self.device_timeout.iter();
        options.extend(timeout.map(|time| format!("x-systemd.device-timeout={time}")));
        match options.is_empty() {
            true => "-".to_owned(),
            false => options.join(","),
        }
    }
}

/// As the table has it.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = self.options();
        write!(f, "{} {} {} {options}", self.name, self.main, self.spare)
    }
}
