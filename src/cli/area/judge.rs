// SPDX-License-Identifier: GPL-2.0-only

//! What is wrong with an area, where, and what it means. Whether its map can be served is what the kernel's own code
//! says of it; the rest is what a survey of every block has found.

use std::collections::BTreeMap;

use anyhow::Result;
use dm_remap_core::{
    layout::{CopyId, Half},
    open::{load, OpenError, Opened},
    superblock::Superblock,
    units::SectorCount,
};
use serde::Serialize;

use super::{
    as_recorded,
    chain::{is_newer, is_void, Chain},
    file::AreaFile,
    newest,
    survey::{self, image_sector, Place, PlaceState, Slot, Step, Survey, Wrong},
    twins, uuid_text, Alone,
};

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// What a power cut leaves, or lies where nothing is in use.
    Note,
    /// Something is bad, and there is another one of it.
    Damage,
    /// The map cannot be served, or something of it is gone.
    Loss,
}

/// Something that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    /// Where, as a sector of the area.
    pub(crate) sector: Option<u64>,
    pub(crate) text: String,
}

/// What one copy of the log is worth without the other.
#[derive(Debug, Serialize)]
pub(crate) struct CopyDoc {
    pub(crate) copy: &'static str,
    /// It holds all that the area has.
    pub(crate) serves_alone: bool,
    /// The last generation that it gives alone.
    pub(crate) generation: Option<u64>,
    /// Why it gives nothing.
    pub(crate) reason: Option<String>,
    /// It was given up, from this generation on.
    pub(crate) degraded_since: Option<u64>,
}

/// A place of a superblock.
#[derive(Debug, Serialize)]
pub(crate) struct PlaceDoc {
    pub(crate) sector: u64,
    pub(crate) state: &'static str,
    pub(crate) sequence: Option<u64>,
}

/// All that is to be said of an area.
pub(crate) struct Judgement {
    pub(crate) places: Vec<PlaceDoc>,
    pub(crate) copies: Vec<CopyDoc>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) superblock: Option<Superblock>,
    /// The map as the kernel would serve it, or why it would not.
    pub(crate) served: Result<Opened, OpenError>,
}

pub(crate) const fn name(copy: CopyId) -> &'static str {
    match copy {
        CopyId::A => "A",
        CopyId::B => "B",
    }
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, severity: Severity, sector: Option<u64>, text: String) {
        self.0.push(Finding {
            severity,
            sector,
            text,
        });
    }
}

/// Examines an area. `begin` is told how many bytes will be read, `step` each time how many were.
pub(crate) fn judge(
    area: &mut AreaFile,
    begin: &mut dyn FnMut(u64),
    step: Step<'_>,
) -> Result<Judgement> {
    let len = area.len();
    let mut findings = Findings::default();
    let places = survey::places(area, len)?;
    let found = match newest(area, len) {
        Ok(found) => found,
        Err(why) => {
            let docs = judge_places(&places, None, &mut findings);
            findings.add(Severity::Loss, None, why.to_string());
            return Ok(Judgement {
                places: docs,
                copies: Vec::new(),
                slots: Vec::new(),
                findings: findings.0,
                superblock: None,
                served: Err(why),
            });
        }
    };
    let sb = &found.superblock;
    let docs = judge_places(&places, Some(sb), &mut findings);
    begin(survey::bytes_of(&sb.layout));
    let survey = survey::look(area, sb, step)?;
    let expect = as_recorded(sb, SectorCount(len), false);
    let served = load(area, &found, &expect);
    if sb.layout.len().0 > len {
        let text = format!(
            "the area has {} sectors, and {len} are there",
            sb.layout.len().0
        );
        findings.add(Severity::Loss, None, text);
    }
    let chain = match &served {
        Ok(opened) => {
            let generation = opened.report.generation;
            let chain = live(&survey, generation);
            if let Some(chain) = &chain {
                judge_chain(sb, &survey, chain, &mut findings);
            }
            chain
        }
        Err(why) => {
            if !matches!(why, OpenError::SpareShrunk { .. }) {
                findings.add(Severity::Loss, None, why.to_string());
            }
            None
        }
    };
    judge_rest(sb, &survey, chain.as_ref(), &mut findings);
    judge_health(sb, &survey.slots, &mut findings);
    let mut copies = Vec::new();
    for copy in CopyId::BOTH {
        let since = Some(copy.of(sb.degraded)).filter(|&since| since != 0);
        if let Some(since) = since {
            let text = format!(
                "copy {} of the log was given up at generation {since}: the other one is alone",
                name(copy)
            );
            findings.add(Severity::Damage, None, text);
        }
        let layout = sb.layout.clone();
        let mut alone = Alone {
            area: &mut *area,
            layout: &layout,
            copy,
        };
        let alone = load(&mut alone, &found, &expect).map(|o| o.report.generation);
        let all = served.as_ref().ok().map(|o| o.report.generation);
        copies.push(CopyDoc {
            copy: name(copy),
            serves_alone: all.is_some() && alone.as_ref().ok().copied() == all,
            generation: alone.as_ref().ok().copied(),
            reason: alone.err().map(|why| why.to_string()),
            degraded_since: since,
        });
    }
    if sb.needs_check {
        let text =
            "it is marked as in need of a check: the message clear_needs_check takes that away"
                .to_owned();
        findings.add(Severity::Note, None, text);
    }
    Ok(Judgement {
        places: docs,
        copies,
        slots: survey.slots,
        findings: findings.0,
        superblock: Some(found.superblock),
        served,
    })
}

/// The chain that ends with this generation.
pub(crate) fn live(survey: &Survey, generation: u64) -> Option<Chain> {
    let last = |s: &&survey::Seen| s.header.generation == generation;
    let last = survey.blocks.values().flatten().find(last)?.header;
    let counts = |s: &survey::Seen| s.header.generation <= generation;
    Chain::find(survey, last.half, last.base, &counts)
}

/// What the places of superblocks hold.
fn judge_places(
    places: &[Place],
    newest: Option<&Superblock>,
    findings: &mut Findings,
) -> Vec<PlaceDoc> {
    let own = newest.map_or(places.len(), |sb| sb.layout.places().as_slice().len());
    let mut docs = Vec::new();
    for (number, place) in places.iter().enumerate().take(own) {
        let at = Some(place.at.0);
        let mut damage = |text: String| {
            findings.add(Severity::Damage, at, format!("superblock {number}: {text}"));
        };
        let (state, sequence) = match (&place.state, newest) {
            (PlaceState::Unreadable, _) => {
                damage("cannot be read".to_owned());
                ("unreadable", None)
            }
            (PlaceState::Blank, _) => {
                damage("zeros".to_owned());
                ("blank", None)
            }
            (PlaceState::Garbage, _) => {
                damage("no superblock, or its checksum is wrong".to_owned());
                ("garbage", None)
            }
            (PlaceState::Strange(why) | PlaceState::Unsupported(why), _) => {
                damage(why.clone());
                ("strange", None)
            }
            (PlaceState::Holds(sb), None) => {
                damage(format!("of area {}", uuid_text(&sb.uuid)));
                ("held", Some(sb.seq))
            }
            (PlaceState::Holds(sb), Some(newest)) if sb.seq == newest.seq => {
                ("newest", Some(sb.seq))
            }
            (PlaceState::Holds(sb), Some(newest)) => {
                let text = format!("number {}, and {} is the newest", sb.seq, newest.seq);
                // The one before it is what a power cut between two places leaves.
                if sb.seq.saturating_add(1) == newest.seq {
                    let text = format!("superblock {number}: {text}: a write that was cut off");
                    findings.add(Severity::Note, at, text);
                } else {
                    damage(text);
                }
                ("older", Some(sb.seq))
            }
        };
        docs.push(PlaceDoc {
            sector: place.at.0,
            state,
            sequence,
        });
    }
    docs
}

/// Where a block of the log lies.
fn sector(sb: &Superblock, copy: CopyId, half: u8, index: u32) -> Option<u64> {
    let half = Half::BOTH.into_iter().find(|h| h.number() == half)?;
    sb.layout.log_sector(copy, half, index).map(|(at, _)| at.0)
}

/// The chain of the map as both copies have it.
fn judge_chain(sb: &Superblock, survey: &Survey, chain: &Chain, findings: &mut Findings) {
    let mut runs = Runs::default();
    for &index in chain.blocks.keys() {
        let twin = twins::twin(sb, survey, chain, index).map(|twin| twin.copy);
        for copy in chain.lacking(survey, index) {
            if twin == Some(copy) {
                continue;
            }
            let since = copy.of(sb.degraded);
            let generation = chain.blocks.get(&index).map(|s| s.header.generation);
            // What was never written to a copy that was given up is told once.
            if since != 0 && generation.is_some_and(|g| g >= since) {
                continue;
            }
            let wrong = survey.wrong(copy, chain.half, index);
            let cut_off = index == chain.tail && !sb.clean && wrong != Some(Wrong::Unreadable);
            let severity = if cut_off {
                Severity::Note
            } else {
                Severity::Damage
            };
            runs.add((severity, copy.number(), chain.half, what(wrong)), index);
        }
    }
    runs.tell(sb, findings, |key| match key.0 {
        Severity::Note => "; the other copy has it: a write that was cut off".to_owned(),
        _ => "; the other copy has it".to_owned(),
    });
    if let Some((index, twin)) = twins::first(sb, survey, chain) {
        let at = sector(sb, twin.copy, chain.half, index);
        findings.add(Severity::Loss, at, twins::in_words(index, &twin));
    }
    let last = chain.last().map_or(0, |h| h.generation);
    let behind = survey
        .blocks
        .range((chain.half, chain.tail + 1)..=(chain.half, u32::MAX));
    let stray = behind.flat_map(|(at, seen)| seen.iter().map(move |s| (at.1, s)));
    let mut stray = stray.filter(|(_, s)| {
        s.header.base == chain.base && s.header.generation > last && !is_void(sb, s)
    });
    if let Some((index, seen)) = stray.next() {
        let at = sector(sb, seen.copy, chain.half, index);
        let text = format!(
            "the log of half {} ends with block {} (generation {last}), and block {index} of the same chain (generation {}) lies behind it: what is between them is lost",
            chain.half, chain.tail, seen.header.generation
        );
        findings.add(Severity::Loss, at, text);
    }
}

const fn what(wrong: Option<Wrong>) -> &'static str {
    match wrong {
        None => "zeros, or an older block",
        Some(Wrong::Unreadable) => "cannot be read",
        Some(Wrong::Garbage) => "checksum is wrong",
        Some(Wrong::Foreign) => "of another area",
    }
}

/// What is wrong outside of the chain; without a chain, all of it.
fn judge_rest(sb: &Superblock, survey: &Survey, chain: Option<&Chain>, findings: &mut Findings) {
    let mut runs = Runs::default();
    for (&(copy, half, index), &wrong) in &survey.wrong {
        if chain.is_some_and(|c| c.half == half && index <= c.tail) || wrong == Wrong::Foreign {
            continue;
        }
        let severity = match (wrong, chain) {
            (Wrong::Garbage, Some(_)) => Severity::Note,
            _ => Severity::Damage,
        };
        runs.add((severity, copy, half, what(Some(wrong))), index);
    }
    runs.tell(sb, findings, |_| match chain {
        Some(_) => "; nothing that is in use lies there".to_owned(),
        None => String::new(),
    });
    let newer = survey.blocks.iter().find_map(|(at, seen)| {
        let newer = seen.iter().find(|s| is_newer(sb, &s.header));
        newer.map(|seen| (at, seen))
    });
    if let (Some((&(half, index), seen)), Some(_)) = (newer, chain) {
        let at = sector(sb, seen.copy, half, index);
        let text = format!(
            "half {half}, block {index}: it names superblock {} and session {}, newer than what was found",
            seen.header.superblock, seen.header.epoch
        );
        findings.add(Severity::Loss, at, text);
    }
}

fn judge_health(sb: &Superblock, slots: &[Slot], findings: &mut Findings) {
    let whole = slots.iter().any(|s| matches!(s, Slot::Whole { .. }));
    let blank = slots.contains(&Slot::Blank);
    for (parity, slot) in (0u64..).zip(slots) {
        if *slot != Slot::Broken {
            continue;
        }
        let at = image_sector(&sb.layout, parity, 0).map(|at| at.0);
        let text = format!("image of health in slot {parity}: not whole");
        match whole || blank {
            true => findings.add(Severity::Note, at, text + ": a write that was cut off"),
            false => findings.add(
                Severity::Damage,
                at,
                text + ", and there is no other: forecasts begin anew",
            ),
        }
    }
}

type Key = (Severity, u8, u8, &'static str);

/// Blocks with the same fault that follow one another are told of together.
#[derive(Default)]
struct Runs(BTreeMap<Key, Vec<(u32, u32)>>);

impl Runs {
    fn add(&mut self, key: Key, index: u32) {
        let runs = self.0.entry(key).or_default();
        match runs.last_mut() {
            Some((_, to)) if *to + 1 == index => *to = index,
            _ => runs.push((index, index)),
        }
    }

    fn tell(&self, sb: &Superblock, findings: &mut Findings, end: impl Fn(&Key) -> String) {
        for (key, runs) in &self.0 {
            let &(severity, copy, half, what) = key;
            let copy = if copy == 0 { CopyId::A } else { CopyId::B };
            for &(from, to) in runs {
                let blocks = match from == to {
                    true => format!("block {from}"),
                    false => format!("blocks {from} to {to}"),
                };
                let text = format!(
                    "copy {} of the log, half {half}, {blocks}: {what}{}",
                    name(copy),
                    end(key)
                );
                findings.add(severity, sector(sb, copy, half, from), text);
            }
        }
    }
}
