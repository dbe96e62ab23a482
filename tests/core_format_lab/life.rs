// SPDX-License-Identifier: GPL-2.0-only

//! Areas with a history that is known, and with data in their spare blocks.

use std::collections::BTreeMap;

use dm_remap_core::{log::units_of, units::SpareBlock};

use super::{
    drive::{Driver, Power},
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

/// A life of some sessions, the last of which may be open still.
pub fn live(dice: &mut Dice) -> Life {
    let mut disk = formatted(LEN);
    let layout = plan(LEN);
    for spare in 0..layout.spare_count() {
        let at = layout.spare_sector(SpareBlock(spare)).expect("inside");
        disk.bytes_mut(at, 4096).copy_from_slice(&data(spare));
    }
    let (mut states, mut earlier) = (BTreeMap::new(), Vec::new());
    let mut twin = Twin::default();
    states.insert(1, twin.clone());
    let power = &mut Power::default();
    let sessions = 1 + dice.below(3);
    let mut last = 1;
    for session in 1..=sessions {
        let opened = open(&mut disk).unwrap_or_else(|e| panic!("{e}"));
        let mut driver = Driver::new(opened.map, opened.writer);
        for _ in 0..1 + dice.below(30) {
            let batch = if dice.chance(10) {
                assert_eq!(driver.checkpoint(&mut disk, power), Ok(()));
                Vec::new()
            } else {
                twin.change(dice, BLOCKS, layout.spare_count())
            };
            let units: u64 = batch.iter().map(units_of).sum();
            if !batch.is_empty() && units <= 251 {
                assert_eq!(driver.commit(&mut disk, power, &batch), Ok(()));
                batch.iter().for_each(|record| twin.apply(record));
            }
            // Each block of a checkpoint has a generation, and all of them the same map.
            for generation in last + 1..=driver.writer.generation() {
                states.insert(generation, twin.clone());
            }
            last = driver.writer.generation();
            if dice.chance(4) {
                earlier.push(disk.clone());
            }
        }
        if session == sessions && dice.chance(2) {
            let closed = !driver.writer.session_open();
            return Life {
                disk,
                states,
                last,
                closed,
                earlier,
            };
        }
        if driver.writer.session_open() {
            assert_eq!(driver.close(&mut disk, power), Ok(true));
        }
    }
    Life {
        disk,
        states,
        last,
        closed: true,
        earlier,
    }
}
