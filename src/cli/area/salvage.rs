// SPDX-License-Identifier: GPL-2.0-only

//! What can be saved of a damaged area, and what not. If the kernel would serve the map, it is that map. Otherwise the
//! log is gone through here: nothing is taken from a block whose checksum is wrong, nothing from a block that the
//! superblock calls void unless a block that counts names it, and what is not sure is said.

mod walk;

use std::collections::BTreeMap;

use anyhow::{bail, ensure, Context, Result};
use dm_remap_core::{
    layout::{Region, Use},
    map::Map,
    open::{load, Formatted, OpenError},
    superblock::Superblock,
};
use serde::Serialize;

use super::{
    as_recorded,
    build::Numbers,
    chain::{is_newer, is_void, Chain},
    file::AreaFile,
    judge::live,
    knowledge::{Doubtful, Uncertain},
    survey::{self, Place, PlaceState, Slot, Step, Survey},
    twins, uuid_text,
};
use walk::Walk;

/// Something that cannot be saved.
#[derive(Debug, Serialize)]
pub(crate) struct Lost {
    /// `checkpoint`: entries of these blocks of the target; `commits`: changes, of blocks that nobody can name; `end`: the
    /// same, after the last one that is there; `twin`: what the other one of two blocks says of these blocks of the target.
    pub(crate) what: &'static str,
    pub(crate) half: u8,
    /// The blocks of the log, where that is known.
    pub(crate) first_index: u32,
    pub(crate) last_index: Option<u32>,
    /// The generations, where that is known.
    pub(crate) first_generation: Option<u64>,
    pub(crate) last_generation: Option<u64>,
    /// The blocks of the target, where that is known.
    pub(crate) first_block: Option<u64>,
    pub(crate) last_block: Option<u64>,
}

/// What can be saved.
pub(crate) struct Salvage {
    pub(crate) superblock: Superblock,
    pub(crate) map: Map,
    /// Why the kernel would not serve the map, if it would not.
    pub(crate) refused: Option<OpenError>,
    /// The last generation that the map has.
    pub(crate) generation: u64,
    pub(crate) doubtful: Vec<Doubtful>,
    pub(crate) lost: Vec<Lost>,
    pub(crate) notes: Vec<String>,
    pub(crate) numbers: Numbers,
    pub(crate) slots: Vec<Slot>,
}

/// Finds the superblock to go by: the newest one. Of two areas' superblocks, those count whose log is here.
fn choose(
    area: &mut AreaFile,
    places: &[Place],
    notes: &mut Vec<String>,
    step: Step<'_>,
) -> Result<(Superblock, Survey)> {
    let mut newest = BTreeMap::<[u8; 16], &Superblock>::new();
    for place in places {
        match &place.state {
            PlaceState::Unsupported(why) => bail!("{why}"),
            PlaceState::Holds(sb) => {
                let best = newest.entry(sb.uuid).or_insert(sb);
                if sb.seq > best.seq {
                    *best = sb;
                }
            }
            _ => {}
        }
    }
    ensure!(
        !newest.is_empty(),
        "nothing can be saved: no superblock is left, and without one nobody can say what lies where"
    );
    let several = newest.len() > 1;
    let mut found = Vec::new();
    for sb in newest.into_values() {
        let survey = survey::look(area, sb, step)?;
        found.push((sb.clone(), survey));
    }
    if several {
        found.retain(|(_, survey)| !survey.blocks.is_empty());
        ensure!(
            found.len() == 1,
            "nothing can be saved: there are superblocks of several areas, and nothing tells which is in use"
        );
    }
    let (sb, survey) = found.pop().context("no superblock")?;
    if several {
        notes.push(format!(
            "there are superblocks of several areas: taken is {}, of which there is a log",
            uuid_text(&sb.uuid)
        ));
    }
    Ok((sb, survey))
}

/// Saves what can be saved.
pub(crate) fn salvage(
    area: &mut AreaFile,
    uncertain: Uncertain,
    step: Step<'_>,
) -> Result<Salvage> {
    let len = area.len();
    let places = survey::places(area, len)?;
    let mut notes = Vec::new();
    let (sb, survey) = choose(area, &places, &mut notes, step)?;
    let unread = places
        .iter()
        .any(|p| matches!(p.state, PlaceState::Unreadable));
    let newer = || {
        survey
            .blocks
            .values()
            .flatten()
            .any(|s| is_newer(&sb, &s.header))
    };
    if sb.layout.len().0 > area.len() {
        notes.push(format!(
            "the area has {} sectors, and {} are there",
            sb.layout.len().0,
            area.len()
        ));
    }
    let formatted = Formatted {
        superblock: sb.clone(),
        held: 1,
        stale_places: true,
        unread_places: unread,
    };
    let expect = as_recorded(&sb, sb.layout.len(), false);
    let opened = load(area, &formatted, &expect);
    let (generation, epoch, number) = survey.highest();
    let numbers = Numbers {
        // What is gone may have had higher ones.
        generation: generation
            .max(sb.sealed)
            .max(sb.log_floor)
            .saturating_add(1 << 24),
        epoch: epoch.max(sb.epoch).saturating_add(1 << 16),
        superblock: number.max(sb.seq).saturating_add(1 << 16),
    };
    let unknown = |r: &&Region| matches!(r.r#use, Use::Unknown { .. });
    if sb.layout.regions().iter().any(|r| unknown(&r)) {
        notes.push(
            "there are regions that only a newer dm-remap knows: what they hold is not saved"
                .to_owned(),
        );
    }
    let saved = |map, refused, generation, doubtful, lost, notes| Salvage {
        superblock: sb.clone(),
        map,
        refused,
        generation,
        doubtful,
        lost,
        notes,
        numbers,
        slots: survey.slots.clone(),
    };
    let refused = match opened {
        Ok(opened) => {
            let generation = opened.report.generation;
            let sound = |chain: Chain| {
                !has_stray(&sb, &survey, &chain) && twins::first(&sb, &survey, &chain).is_none()
            };
            let whole = live(&survey, generation).is_some_and(sound);
            if whole && !newer() {
                return Ok(saved(
                    opened.map,
                    None,
                    generation,
                    Vec::new(),
                    Vec::new(),
                    notes,
                ));
            }
            None
        }
        Err(OpenError::NoMemory) => bail!("not enough memory"),
        Err(why) => Some(why),
    };
    let mut walk = Walk {
        area,
        sb: &sb,
        survey: &survey,
        unread,
        stale: newer(),
        checkpointed: 0,
        lost: Vec::new(),
        notes,
    };
    let (known, generation) = walk.all()?;
    let (lost, notes) = (walk.lost, walk.notes);
    let (map, doubtful) = known.settle(&sb, uncertain)?;
    Ok(saved(map, refused, generation, doubtful, lost, notes))
}

/// Behind the end of the chain lies a block of it that counts.
fn has_stray(sb: &Superblock, survey: &Survey, chain: &Chain) -> bool {
    let behind = survey
        .blocks
        .range((chain.half, chain.tail + 1)..=(chain.half, u32::MAX));
    let last = chain.last().map_or(0, |h| h.generation);
    let mut behind = behind.flat_map(|(_, seen)| seen);
    behind.any(|s| s.header.base == chain.base && s.header.generation > last && !is_void(sb, s))
}
