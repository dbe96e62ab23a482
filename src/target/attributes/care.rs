// SPDX-License-Identifier: GPL-2.0-only

//! The files of scanner and health, in the folders `scan`, `health` and `map`.

use core::fmt::{self, Write};

use kernel::prelude::*;

use dm_remap_core::{
    grammar::{
        message::{command_of, COMMANDS},
        small_number,
    },
    health::{
        keeper::Keeper,
        map::Level,
        predictor::Trend,
        scan::{order::Order, settings::Settings, State},
        Region,
    },
};

use crate::{
    kernel_ext::{clock, noio::NoReclaim, sysfs::Page, workqueue::Worker},
    target::{message, volume::Volume},
};

/// What a file is about.
#[derive(Clone, Copy)]
pub(super) enum Care {
    Action,
    State,
    Interval,
    SectorsPerScan,
    CycleDays,
    Intensity,
    Order,
    SpeedMin,
    SpeedMax,
    Position,
    Passes,
    Errors,
    LastPass,
    SectorsRead,
    Score,
    Level,
    Trend,
    Probability,
    Confidence,
    Severity,
    TimeToFailure,
    TimeToExhaustion,
    Evidence,
    AutoEvacuate,
    SlowMs,
    TrackedRegions,
    MemoryBytes,
    Worst,
}

const SCAN: &CStr = c"scan";
const HEALTH: &CStr = c"health";
const MAP: &CStr = c"map";

/// The files: folder, name, whether they can be written, and what they are about.
pub(super) const FILES: [(&CStr, &CStr, bool, Care); 28] = [
    (SCAN, c"action", true, Care::Action),
    (SCAN, c"state", false, Care::State),
    (SCAN, c"interval_ms", true, Care::Interval),
    (SCAN, c"sectors_per_scan", true, Care::SectorsPerScan),
    (SCAN, c"cycle_days", true, Care::CycleDays),
    (SCAN, c"intensity", true, Care::Intensity),
    (SCAN, c"order", true, Care::Order),
    (SCAN, c"speed_min", true, Care::SpeedMin),
    (SCAN, c"speed_max", true, Care::SpeedMax),
    (SCAN, c"position", false, Care::Position),
    (SCAN, c"passes", false, Care::Passes),
    (SCAN, c"errors", false, Care::Errors),
    (SCAN, c"last_pass", false, Care::LastPass),
    (SCAN, c"sectors_read", false, Care::SectorsRead),
    (HEALTH, c"score", false, Care::Score),
    (HEALTH, c"level", false, Care::Level),
    (HEALTH, c"trend", false, Care::Trend),
    (HEALTH, c"failure_probability", false, Care::Probability),
    (HEALTH, c"confidence", false, Care::Confidence),
    (HEALTH, c"severity", false, Care::Severity),
    (HEALTH, c"time_to_failure", false, Care::TimeToFailure),
    (
        HEALTH,
        c"time_to_spare_exhaustion",
        false,
        Care::TimeToExhaustion,
    ),
    (HEALTH, c"evidence", false, Care::Evidence),
    (HEALTH, c"auto_evacuate", true, Care::AutoEvacuate),
    (HEALTH, c"slow_ms", true, Care::SlowMs),
    (MAP, c"tracked_regions", false, Care::TrackedRegions),
    (MAP, c"memory_bytes", false, Care::MemoryBytes),
    (MAP, c"worst", false, Care::Worst),
];

/// How many regions `worst` has.
const WORST: usize = 16;

/// What a file says.
enum Said {
    Number(u64),
    Word(&'static str),
}

/// Writes what the file says, without its newline.
#[inline(never)]
pub(super) fn show(volume: &Volume, index: usize, out: &mut Page<'_>) -> fmt::Result {
    let Some(&(_, _, _, care)) = FILES.get(index) else {
        return Err(fmt::Error);
    };
    let free = volume.summary().counters.spare_free;
    // Not in the worker's way: the map may shrink.
    let _scope = NoReclaim::enter();
    let mut keeper = volume.keeper.lock();
    keeper.health.advance(clock::real_seconds());
    match said(volume, &keeper, care, free, out)? {
        Some(Said::Number(number)) => write!(out, "{number}"),
        Some(Said::Word(word)) => out.write_str(word),
        None => Ok(()),
    }
}

/// What the file says; what is more than a number or a word is written here.
fn said(
    volume: &Volume,
    keeper: &Keeper,
    care: Care,
    free: u32,
    out: &mut Page<'_>,
) -> Result<Option<Said>, fmt::Error> {
    let scanner = &keeper.scanner;
    let settings = keeper.settings();
    let health = &keeper.health;
    let verdict = || health.predictor.verdict();
    let number = match care {
        Care::Action => {
            for (n, (word, _)) in COMMANDS.iter().enumerate() {
                out.write_str(if n == 0 { "" } else { " " })?;
                out.write_str(word)?;
            }
            return Ok(None);
        }
        Care::State => {
            let state = match scanner.state() {
                // For a resume: a read that a suspend broke off is not going on.
                State::Running if volume.is_suspended() => State::Waiting,
                state => state,
            };
            return Ok(Some(Said::Word(state_word(state))));
        }
        Care::Interval => settings.interval_ms.into(),
        Care::SectorsPerScan => match settings.sectors_per_scan {
            Some(sectors) => sectors.into(),
            None => return Ok(Some(Said::Word(AUTO))),
        },
        Care::CycleDays => settings.cycle_days.into(),
        Care::Intensity => settings.intensity.into(),
        Care::Order => {
            return Ok(Some(Said::Word(match settings.order {
                Order::Staggered => STAGGERED,
                Order::Sequential => SEQUENTIAL,
            })))
        }
        Care::SpeedMin => settings.speed_min.into(),
        Care::SpeedMax => settings.speed_max.into(),
        Care::Position => {
            let (done, all) = scanner.position();
            write!(out, "{done} / {all}")?;
            return Ok(None);
        }
        Care::Passes => scanner.passes().0,
        Care::LastPass => scanner.passes().1,
        Care::SectorsRead => scanner.counters().0,
        Care::Errors => scanner.counters().1,
        Care::Score => health.score().into(),
        Care::Level => return Ok(Some(Said::Word(Level::of(health.score()).name()))),
        Care::Trend => {
            return Ok(Some(Said::Word(match verdict().trend {
                Trend::Improving => "improving",
                Trend::Stable => "stable",
                Trend::Declining => "declining",
            })))
        }
        Care::Probability => verdict().probability.into(),
        Care::Confidence => verdict().confidence.into(),
        Care::Severity => verdict().severity.number().into(),
        Care::TimeToFailure => match verdict().time_to_failure {
            Some(seconds) => seconds,
            None => return Ok(Some(Said::Word(UNKNOWN))),
        },
        Care::TimeToExhaustion => match health.predictor.time_to_spare_exhaustion(free) {
            Some(seconds) => seconds,
            None => return Ok(Some(Said::Word(UNKNOWN))),
        },
        Care::Evidence => {
            write!(out, "{}", health.predictor.evidence())?;
            return Ok(None);
        }
        Care::AutoEvacuate => keeper.auto_evacuate.into(),
        Care::SlowMs => keeper.slow_ms.into(),
        Care::TrackedRegions => health.map.records().len() as u64,
        Care::MemoryBytes => health.map.memory_bytes() as u64,
        Care::Worst => {
            worst(keeper, out)?;
            return Ok(None);
        }
    };
    Ok(Some(Said::Number(number)))
}

const AUTO: &str = "auto";
const UNKNOWN: &str = "unknown";
const STAGGERED: &str = "staggered";
const SEQUENTIAL: &str = "sequential";

/// The regions with the lowest scores: their first sectors, each with its score.
fn worst(keeper: &Keeper, out: &mut Page<'_>) -> fmt::Result {
    let mut worst = [(Region(0), 0); WORST];
    let health = &keeper.health;
    let count = health.map.worst(health.hour(), &mut worst);
    for (n, (region, score)) in worst.iter().take(count).enumerate() {
        out.write_str(if n == 0 { "" } else { " " })?;
        write!(out, "{}:{score}", region.first().0)?;
    }
    Ok(())
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Stopped => "stopped",
        State::Running => "running",
        State::Waiting => "waiting",
        State::Paused => "paused",
        State::Storm => "storm",
    }
}

/// Takes what was written to the file. What makes no sense changes nothing.
#[inline(never)]
pub(super) fn store(volume: &Worker<Volume>, index: usize, text: &[u8]) -> Result {
    let &(_, _, _, care) = FILES.get(index).ok_or(EIO)?;
    let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
    let word = text.strip_suffix('\n').unwrap_or(text);
    if let Care::Action = care {
        let command = command_of(word).ok_or(EINVAL)?;
        if volume.is_suspended() {
            return Err(EAGAIN);
        }
        return match message::scan(volume, command) {
            true => Ok(()),
            false => Err(EINVAL),
        };
    }
    {
        let mut keeper = volume.keeper.lock();
        if let Care::AutoEvacuate = care {
            keeper.auto_evacuate = match word {
                "0" => false,
                "1" => true,
                _ => return Err(EINVAL),
            };
            return Ok(());
        }
        if let Care::SlowMs = care {
            keeper.slow_ms = small_number(word).ok_or(EINVAL)?;
            return Ok(());
        }
        let settings = changed(*keeper.settings(), care, word).ok_or(EINVAL)?;
        keeper.set(settings).map_err(|_| EINVAL)?;
    }
    volume.kick();
    Ok(())
}

/// The settings with what `word` says of one of them.
fn changed(mut settings: Settings, care: Care, word: &str) -> Option<Settings> {
    let number = || small_number(word);
    match care {
        Care::SectorsPerScan if word == AUTO => settings.sectors_per_scan = None,
        Care::SectorsPerScan => settings.sectors_per_scan = Some(number()?),
        Care::Order => {
            settings.order = match word {
                STAGGERED => Order::Staggered,
                SEQUENTIAL => Order::Sequential,
                _ => return None,
            }
        }
        Care::Interval => settings.interval_ms = number()?,
        Care::CycleDays => settings.cycle_days = number()?,
        Care::Intensity => settings.intensity = number()?,
        Care::SpeedMin => settings.speed_min = number()?,
        Care::SpeedMax => settings.speed_max = number()?,
        _ => return None,
    }
    Some(settings)
}
