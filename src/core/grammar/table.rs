// SPDX-License-Identifier: GPL-2.0-only

//! The table line: `<main_dev> <spare_dev> <spare_start> <spare_len> [<#features> <feature>...]`.

use core::ffi::CStr;
use core::fmt;

use super::{number, NotANumber, Out};
use crate::fault::{ErrorPolicy, PendingWrites};
use crate::health::keeper::ScanMode;
use crate::units::{BlockSize, Sector, SectorCount};

/// The arguments of a target, after its type. Displaying it gives the arguments again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableLine<'a> {
    /// The main device, as device-mapper looks it up.
    pub main: &'a str,
    /// The spare device, likewise.
    pub spare: &'a str,
    /// Where the spare area starts on the spare device.
    pub spare_start: Sector,
    /// How long the spare area is: at least one sector, and its end is a sector.
    pub spare_len: SectorCount,
    /// The features.
    pub features: Features,
}

/// The features of a table line, at their defaults where it does not name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// `block_sectors N`: the block size, if the spare area is yet to be formatted.
    pub block_size: Option<BlockSize>,
    /// `main_start N`: where the target's first sector is on main.
    pub main_start: Sector,
    /// `error_policy medium|confirm|any`.
    pub error_policy: ErrorPolicy,
    /// `pending_writes remap|main`.
    pub pending_writes: PendingWrites,
    /// Not `no_auto_remap`: a failing write moves its block by itself.
    pub auto_remap: bool,
    /// `scan off|idle|on`.
    pub scan: ScanMode,
}

impl Default for Features {
    fn default() -> Self {
        Features {
            block_size: None,
            main_start: Sector(0),
            error_policy: ErrorPolicy::default(),
            pending_writes: PendingWrites::default(),
            auto_remap: true,
            scan: ScanMode::default(),
        }
    }
}

/// What is wrong with a table line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableError(&'static CStr);

impl TableError {
    /// One line: what is wrong, or what would be right. C's strings are what device-mapper takes.
    #[inline(never)]
    pub const fn text(self) -> &'static CStr {
        self.0
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// The texts for a number that is none: not digits, too large.
struct Texts(&'static CStr, &'static CStr);

fn sectors(word: &str, texts: Texts) -> Result<u64, TableError> {
    number(word).map_err(|e| match e {
        NotANumber::Digits => TableError(texts.0),
        NotANumber::TooLarge => TableError(texts.1),
    })
}

impl<'a> TableLine<'a> {
    /// Reads the arguments of a target, after its type.
    pub fn parse(words: impl IntoIterator<Item = &'a str>) -> Result<Self, TableError> {
        let words: &mut dyn Iterator<Item = &'a str> = &mut words.into_iter();
        let mut next = |missing| words.next().ok_or(TableError(missing));
        let main =
            next(c"the main device is missing: <main_dev> <spare_dev> <spare_start> <spare_len>")?;
        if main.is_empty() {
            return Err(TableError(c"the name of the main device is empty"));
        }
        let spare = next(c"the spare device is missing after <main_dev>")?;
        if spare.is_empty() {
            return Err(TableError(c"the name of the spare device is empty"));
        }
        let spare_start = sectors(
            next(c"spare_start is missing after <spare_dev>")?,
            Texts(
                c"spare_start is not a number of sectors",
                c"spare_start is too large a number",
            ),
        )?;
        let spare_len = sectors(
            next(c"spare_len is missing after <spare_start>")?,
            Texts(
                c"spare_len is not a number of sectors",
                c"spare_len is too large a number",
            ),
        )?;
        if spare_len == 0 {
            return Err(TableError(c"spare_len is zero: there is no spare area"));
        }
        if spare_start.checked_add(spare_len).is_none() {
            return Err(TableError(
                c"spare_start and spare_len together are too large a number",
            ));
        }
        let features = match words.next() {
            None => Features::default(),
            Some(count) => {
                let count = sectors(
                    count,
                    Texts(
                        c"the number of feature arguments is not a number",
                        c"the number of feature arguments is too large a number",
                    ),
                )?;
                let mut group = Group {
                    words: &mut *words,
                    left: count,
                };
                let features = Features::parse(&mut group)?;
                if words.next().is_some() {
                    return Err(TableError(
                        c"there are more feature arguments than their number says",
                    ));
                }
                features
            }
        };
        Ok(TableLine {
            main,
            spare,
            spare_start: Sector(spare_start),
            spare_len: SectorCount(spare_len),
            features,
        })
    }
}

/// A counted group of words, as device-mapper's targets have them.
struct Group<'w, 'a> {
    words: &'w mut dyn Iterator<Item = &'a str>,
    left: u64,
}

impl<'a> Group<'_, 'a> {
    /// The next word of the group; `None` at its end.
    #[inline(never)]
    fn next(&mut self) -> Result<Option<&'a str>, TableError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        match self.words.next() {
            Some(word) => Ok(Some(word)),
            None => Err(TableError(
                c"there are fewer feature arguments than their number says",
            )),
        }
    }

    /// The argument of a feature.
    fn argument(&mut self, missing: &'static CStr) -> Result<&'a str, TableError> {
        self.next()?.ok_or(TableError(missing))
    }
}

/// Takes note that a feature was named; an error if it was before.
fn once(seen: &mut bool, repeated: &'static CStr) -> Result<(), TableError> {
    if core::mem::replace(seen, true) {
        return Err(TableError(repeated));
    }
    Ok(())
}

impl Features {
    fn parse(group: &mut Group<'_, '_>) -> Result<Features, TableError> {
        let mut features = Features::default();
        let (mut block_sectors, mut main_start, mut policy) = (false, false, false);
        let (mut pending, mut no_auto_remap, mut scan) = (false, false, false);
        while let Some(name) = group.next()? {
            match name {
                "block_sectors" => {
                    once(&mut block_sectors, c"block_sectors is given twice")?;
                    let word = group.argument(c"block_sectors is without its number of sectors")?;
                    features.block_size = Some(block_size(word)?);
                }
                "main_start" => {
                    once(&mut main_start, c"main_start is given twice")?;
                    let word = group.argument(c"main_start is without its sector")?;
                    features.main_start = Sector(sectors(
                        word,
                        Texts(
                            c"main_start is not a number of sectors",
                            c"main_start is too large a number",
                        ),
                    )?);
                }
                "error_policy" => {
                    once(&mut policy, c"error_policy is given twice")?;
                    let word = group.argument(c"error_policy is without medium, confirm or any")?;
                    features.error_policy = error_policy(word)?;
                }
                "pending_writes" => {
                    once(&mut pending, c"pending_writes is given twice")?;
                    let word = group.argument(c"pending_writes is without remap or main")?;
                    features.pending_writes = pending_of(word)
                        .ok_or(TableError(c"pending_writes is neither remap nor main"))?;
                }
                "no_auto_remap" => {
                    once(&mut no_auto_remap, c"no_auto_remap is given twice")?;
                    features.auto_remap = false;
                }
                "scan" => {
                    once(&mut scan, c"scan is given twice")?;
                    let word = group.argument(c"scan is without off, idle or on")?;
                    features.scan = match word {
                        "off" => ScanMode::Off,
                        "idle" => ScanMode::Idle,
                        "on" => ScanMode::On,
                        _ => return Err(TableError(c"scan is none of off, idle and on")),
                    };
                }
                _ => {
                    return Err(TableError(
                        c"unknown feature: try block_sectors, main_start, error_policy, pending_writes, no_auto_remap, scan",
                    ))
                }
            }
        }
        Ok(features)
    }
}

fn block_size(word: &str) -> Result<BlockSize, TableError> {
    let value = sectors(
        word,
        Texts(
            c"block_sectors is not a number of sectors",
            c"block_sectors is too large a number",
        ),
    )?;
    if value == 0 {
        return Err(TableError(c"block_sectors is zero"));
    }
    if !value.is_power_of_two() {
        return Err(TableError(c"block_sectors is not a power of two"));
    }
    BlockSize::new(value).ok_or(TableError(c"block_sectors is more than 2048 (1 MiB)"))
}

fn error_policy(word: &str) -> Result<ErrorPolicy, TableError> {
    policy_of(word).ok_or(TableError(
        c"error_policy is none of medium, confirm and any",
    ))
}

/// The policy of this name.
pub(super) fn policy_of(word: &str) -> Option<ErrorPolicy> {
    match word {
        "medium" => Some(ErrorPolicy::Medium),
        "confirm" => Some(ErrorPolicy::Confirm),
        "any" => Some(ErrorPolicy::Any),
        _ => None,
    }
}

/// Where a write to pending sectors goes, by its name.
pub(super) fn pending_of(word: &str) -> Option<PendingWrites> {
    match word {
        "remap" => Some(PendingWrites::Remap),
        "main" => Some(PendingWrites::Main),
        _ => None,
    }
}

impl fmt::Display for TableLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Out::new(f);
        out.text(self.main);
        out.text(" ");
        out.text(self.spare);
        out.number(" ", self.spare_start.0);
        out.number(" ", self.spare_len.0);
        let features = &self.features;
        let policy = match features.error_policy {
            ErrorPolicy::Medium => " error_policy medium",
            ErrorPolicy::Confirm => "",
            ErrorPolicy::Any => " error_policy any",
        };
        let pending = match features.pending_writes {
            PendingWrites::Remap => " pending_writes remap",
            PendingWrites::Main => " pending_writes main",
        };
        let default = features.pending_writes == PendingWrites::default();
        let pending = if default { "" } else { pending };
        let main_start = features.main_start != Sector(0);
        let scan = match features.scan {
            ScanMode::Off => "",
            ScanMode::Idle => " scan idle",
            ScanMode::On => " scan on",
        };
        let words = [
            (features.block_size.is_some(), 2u64),
            (main_start, 2),
            (!policy.is_empty(), 2),
            (!pending.is_empty(), 2),
            (!features.auto_remap, 1),
            (!scan.is_empty(), 2),
        ];
        let count = words.iter().fold(0u64, |n, &(given, words)| {
            n.saturating_add(if given { words } else { 0 })
        });
        if count == 0 {
            return out.result;
        }
        out.number(" ", count);
        if let Some(size) = features.block_size {
            out.number(" block_sectors ", size.sectors().into());
        }
        if main_start {
            out.number(" main_start ", features.main_start.0);
        }
        out.text(policy);
        out.text(pending);
        if !features.auto_remap {
            out.text(" no_auto_remap");
        }
        out.text(scan);
        out.result
    }
}
