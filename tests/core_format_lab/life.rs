// SPDX-License-Identifier: GPL-2.0-only

//! Areas with a history that is known, and with data in their spare blocks.

use std::collections::BTreeMap;

use dm_remap_core::{
    layout::{CopyId, Region, Use},
    log::units_of,
    units::SpareBlock,
};

use super::{
    drive::{Driver, Fate, Power},
    formatted, open, plan,
    twin::{Dice, Twin},
    Disk, LEN, MAIN_LEN,
};

/// Blocks of the target.
const BLOCKS: u64 = MAIN_LEN.div_ceil(8);

/// An area with a past.
pub struct Life {
    pub disk: Disk,
    /// The map after each generation that was acknowledged.
    pub states: BTreeMap<u64, Twin>,
    /// The last of them.
    pub last: u64,
    /// The last session was closed.
    pub closed: bool,
    /// The area as it was before.
    pub earlier: Vec<Disk>,
}

/// What lies in a spare block.
pub fn data(spare: u32) -> Vec<u8> {
    let seed = spare.wrapping_mul(0x9e37_79b9) | 1;
    let words = (1..=1024u32).map(|n| n.wrapping_mul(seed) ^ seed);
    words.flat_map(u32::to_le_bytes).collect()
}

/// A life of some sessions, the last of which may be open still. In some of them a copy of the log cannot be written for a
/// while, and some end with a power cut.
pub fn live(dice: &mut Dice) -> Life {
    let mut life = Life {
        disk: formatted(LEN),
        states: BTreeMap::from([(1, Twin::default())]),
        last: 1,
        closed: true,
        earlier: Vec::new(),
    };
    let layout = plan(LEN);
    for spare in 0..layout.spare_count() {
        let at = layout.spare_sector(SpareBlock(spare)).expect("inside");
        life.disk.bytes_mut(at, 4096).copy_from_slice(&data(spare));
    }
    let sessions = 1 + dice.below(3);
    for session in 1..=sessions {
        let last = session == sessions;
        let disk = &mut life.disk;
        let opened = open(disk).unwrap_or_else(|e| panic!("{e}"));
        life.last = opened.report.generation;
        let mut driver = Driver::new(opened.map, opened.writer);
        let mut twin = Twin::of(&driver.map);
        life.states.insert(life.last, twin.clone());
        let mut power = Power::default();
        if dice.chance(3) {
            let fate = |dice: &mut Dice| match dice.below(3) {
                0 => Fate::Nothing,
                1 => Fate::Whole,
                _ => Fate::Torn(dice.roll() as u8),
            };
            power.rounds = Some(dice.below(40));
            power.fates = vec![fate(dice), fate(dice)];
        }
        let fails = dice.chance(4).then(|| dice.below(20));
        for n in 0..1 + dice.below(30) {
            if fails == Some(n) {
                let copy = CopyId::BOTH[dice.below(2) as usize];
                let of_copy =
                    |r: &&Region| matches!(r.r#use, Use::Log { copy: c, .. } if c == copy);
                let regions = layout.regions().iter().filter(of_copy);
                let sectors = regions.flat_map(|r| r.start.0..r.start.0 + r.len.0);
                life.disk.bad_write.extend(sectors);
            }
            let mut next = twin.clone();
            let end = if dice.chance(10) {
                driver.checkpoint(&mut life.disk, &mut power)
            } else {
                let batch = twin.change(dice, BLOCKS, layout.spare_count());
                let units: u64 = batch.iter().map(units_of).sum();
                if batch.is_empty() || units > 251 {
                    continue;
                }
                batch.iter().for_each(|record| next.apply(record));
                driver.commit(&mut life.disk, &mut power, &batch)
            };
            if end.is_err() {
                // It may turn out either way.
                if let Some(generation) = driver.staged() {
                    life.states.entry(generation).or_insert(next);
                }
                break;
            }
            twin = next;
            // Each block of a checkpoint has a generation, and all of them the same map.
            for generation in life.last + 1..=driver.writer.generation() {
                life.states.insert(generation, twin.clone());
            }
            life.last = driver.writer.generation();
            if dice.chance(4) {
                life.earlier.push(life.disk.clone());
            }
        }
        let cut = power.rounds == Some(0);
        let open = driver.writer.session_open();
        life.disk.bad_write.clear();
        if cut || last && dice.chance(2) {
            life.closed = !open && !cut;
            continue;
        }
        life.closed = !open || driver.close(&mut life.disk, &mut power) == Ok(true);
    }
    life.earlier
        .iter_mut()
        .for_each(|disk| disk.bad_write.clear());
    life
}
