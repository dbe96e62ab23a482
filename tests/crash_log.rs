// SPDX-License-Identifier: GPL-2.0-only

//! Power cuts: at every round of writes, with every fate of its places, and over long random lives.
//!
//! After each of them the map is the one of the last acknowledged commit, or that of the one commit that
//! was on its way, and once it was read as one of the two it stays that.

mod core_format_lab;

use core_format_lab::{
    drive::{cut, Driver, End, Fate, Power},
    formatted, open, plan,
    twin::Dice,
    Disk, Twin, LEN,
};
use dm_remap_core::{
    layout::{CopyId, Half, Places},
    open::OpenError,
};

const BLOCKS: u64 = 300;

/// What may be found after a cut.
#[derive(Clone)]
struct Life {
    disk: Disk,
    /// The last acknowledged state.
    acked: Twin,
    /// The one that was on its way, if any.
    flying: Option<Twin>,
    /// The highest generation that was acknowledged.
    generation: u64,
}

impl Life {
    fn new() -> Life {
        Life {
            disk: formatted(LEN),
            acked: Twin::default(),
            flying: None,
            generation: 1,
        }
    }

    /// Opens the area, and settles what was in doubt.
    fn open(&mut self) -> Result<Driver, OpenError> {
        let opened = open(&mut self.disk)?;
        let now = Twin::of(&opened.map);
        if now != self.acked {
            let flying = self.flying.take();
            assert_eq!(Some(&now), flying.as_ref(), "neither before nor after");
            self.acked = now;
        }
        self.flying = None;
        assert!(
            opened.report.generation >= self.generation,
            "an older state"
        );
        self.generation = opened.report.generation;
        Ok(Driver::new(opened.map, opened.writer))
    }

    /// One commit, with whatever has to come before it.
    fn step(&mut self, driver: &mut Driver, power: &mut Power, dice: &mut Dice) -> Result<(), End> {
        let spares = plan(LEN).spare_count();
        let batch = self.acked.change(dice, BLOCKS, spares);
        let mut next = self.acked.clone();
        batch.iter().for_each(|record| next.apply(record));
        self.flying = Some(next);
        driver.commit(&mut self.disk, power, &batch)?;
        self.acked = self.flying.take().expect("just put there");
        assert!(driver.writer.generation() > self.generation);
        self.generation = driver.writer.generation();
        Ok(())
    }
}

/// A moment in a life: the power fails in the round that comes next.
struct Moment {
    life: Life,
    places: Places,
    block: Vec<u8>,
}

impl Moment {
    fn cut(&self, fates: &[Fate]) -> Life {
        let mut life = self.life.clone();
        cut(&mut life.disk, fates, self.places, &self.block);
        life
    }
}

/// Every moment of a life of three sessions with a checkpoint in each.
fn moments() -> Vec<Moment> {
    let (mut life, mut dice, mut moments) = (Life::new(), Dice(7), Vec::new());
    // The rounds of one step, each with the disk as those before it have left it.
    let mut note = |before: Life, flying: Option<Twin>, power: &mut Power| {
        let mut life = before;
        life.flying = flying;
        for (places, block) in power.log.drain(..) {
            moments.push(Moment {
                life: life.clone(),
                places,
                block: block.clone(),
            });
            cut(&mut life.disk, &[Fate::Whole], places, &block);
        }
    };
    for session in 0..3 {
        let mut driver = life.open().unwrap_or_else(|e| panic!("{e}"));
        let power = &mut Power::default();
        for i in 0..12 {
            if i == 5 {
                let before = life.clone();
                assert_eq!(driver.checkpoint(&mut life.disk, power), Ok(()));
                note(before, None, power);
            }
            let before = life.clone();
            assert_eq!(life.step(&mut driver, power, &mut dice), Ok(()));
            note(before, Some(life.acked.clone()), power);
        }
        if session != 1 {
            let before = life.clone();
            assert_eq!(driver.close(&mut life.disk, power), Ok(true));
            note(before, None, power);
        }
    }
    moments
}

/// Opens it twice, goes on, and opens it again.
fn survives(mut life: Life, seed: u64) {
    let mut dice = Dice(seed);
    let driver = life.open().unwrap_or_else(|e| panic!("{e}"));
    drop(driver);
    let mut driver = life.open().unwrap_or_else(|e| panic!("{e}"));
    for _ in 0..2 {
        let end = life.step(&mut driver, &mut Power::default(), &mut dice);
        assert_eq!(end, Ok(()));
    }
    let settled = life.acked.clone();
    drop(life.open().unwrap_or_else(|e| panic!("{e}")));
    assert_eq!(life.acked, settled);
}

#[test]
fn a_cut_at_every_round_leaves_before_or_after() {
    let fates = [
        Fate::Nothing,
        Fate::Torn(0b0000_0001),
        Fate::Torn(0b1111_1110),
        Fate::Whole,
    ];
    let mut cuts = 0;
    for moment in moments() {
        for (a, b) in fates
            .iter()
            .flat_map(|a| fates.iter().map(move |b| (*a, *b)))
        {
            survives(moment.cut(&[a, b]), cuts);
            cuts += 1;
        }
    }
    assert!(cuts > 600, "{cuts}");
}

/// A cut may destroy all that is in flight, whatever was there before: no round holds all superblocks.
#[test]
fn a_cut_that_destroys_what_is_in_flight_leaves_before_or_after() {
    let fates = [
        [Fate::Destroyed, Fate::Destroyed],
        [Fate::Destroyed, Fate::Nothing],
        [Fate::Nothing, Fate::Destroyed],
        [Fate::Destroyed, Fate::Whole],
        [Fate::Whole, Fate::Destroyed],
    ];
    for (n, moment) in (0u64..).zip(moments()) {
        for fates in &fates {
            survives(moment.cut(fates), n);
        }
    }
}

/// What was destroyed is written anew at the next start: the power may fail in any write of that, and
/// destroy once more.
#[test]
fn a_second_cut_that_destroys_finds_a_superblock_too() {
    let places = plan(LEN).places();
    let mut cuts = 0;
    for moment in moments()
        .into_iter()
        .filter(|m| m.places.as_slice().len() == 1)
    {
        for place in places.as_slice() {
            let mut life = moment.life.clone();
            life.disk.destroy(*place, 4096);
            for n in 1.. {
                let mut again = life.clone();
                again.disk.fuse = Some(again.disk.writes + n);
                let writes = again.disk.writes;
                let seen = again.open();
                if again.disk.writes - writes < n {
                    break;
                }
                drop(seen);
                again.disk.fuse = None;
                survives(again, n);
                cuts += 1;
            }
        }
    }
    assert!(cuts > 20, "{cuts}");
}

/// The metadata blocks of one copy.
fn blocks_of(copy: CopyId) -> Vec<u64> {
    let layout = plan(LEN);
    let mut all = Vec::new();
    for half in Half::BOTH {
        for index in 0..layout.half_blocks() {
            let (at, _) = layout.log_sector(copy, half, index).expect("inside");
            all.push(at.0);
        }
    }
    all
}

/// A copy that cannot be read for a while: nothing may be decided by its absence.
#[test]
fn a_cut_and_then_a_copy_that_cannot_be_read() {
    let fates = [
        [Fate::Nothing, Fate::Whole],
        [Fate::Whole, Fate::Nothing],
        [Fate::Whole, Fate::Whole],
        [Fate::Torn(0xf9), Fate::Whole],
        [Fate::Whole, Fate::Torn(0xfd)],
        [Fate::Torn(0x01), Fate::Torn(0xf8)],
    ];
    let (mut opened, mut refused) = (0, 0);
    for (rounds, moment) in moments().into_iter().enumerate().step_by(2) {
        for (i, fates) in fates.iter().enumerate() {
            for copy in CopyId::BOTH {
                let mut life = moment.cut(fates);
                let before = life.disk.medium.clone();
                life.disk.bad_read.extend(blocks_of(copy));
                let seen = life.open();
                life.disk.bad_read.clear();
                match seen {
                    // The unreadable copy was written anew, or nothing that it holds can count.
                    Ok(mut driver) => {
                        opened += 1;
                        let settled = life.acked.clone();
                        if (rounds / 2 + i) % 2 == 0 {
                            let mut dice = Dice(rounds as u64);
                            let end = life.step(&mut driver, &mut Power::default(), &mut dice);
                            assert_eq!(end, Ok(()));
                        } else {
                            drop(life.open().unwrap_or_else(|e| panic!("{e}")));
                            assert_eq!(life.acked, settled, "it became another");
                        }
                    }
                    // The other copy was torn where the log ends: nobody knows, nothing was touched.
                    Err(OpenError::LogUnreadable { .. }) => {
                        refused += 1;
                        assert!(life.disk.medium == before);
                    }
                    Err(other) => panic!("{other}"),
                }
                survives(life, rounds as u64);
            }
        }
    }
    assert!(opened > 100 && refused > 10, "{opened} {refused}");
}

/// Long lives: cuts, copies whose writes fail for a time, sectors that cannot be read for a moment.
fn long_life(seed: u64) -> [u64; 4] {
    let mut dice = Dice(seed);
    let mut life = Life::new();
    let [mut cuts, mut doubts, mut refusals, mut degraded] = [0; 4];
    let all = [blocks_of(CopyId::A), blocks_of(CopyId::B)];
    let places: Vec<u64> = plan(LEN).places().as_slice().iter().map(|s| s.0).collect();
    for _ in 0..40 {
        // One copy at a time has trouble.
        let sick = &all[dice.below(2) as usize];
        if dice.chance(4) {
            let from = dice.below(sick.len() as u64) as usize;
            life.disk.bad_read.extend(&sick[from..]);
        }
        if dice.chance(4) {
            life.disk.bad_write.extend(sick);
        }
        if dice.chance(8) {
            let place = places[dice.below(places.len() as u64) as usize];
            life.disk.bad_write.insert(place);
        }
        let driver = life.open();
        life.disk.bad_read.clear();
        let mut driver = match driver {
            Ok(driver) => driver,
            Err(OpenError::LogUnreadable { .. } | OpenError::Unwritable) => {
                refusals += 1;
                life.disk.bad_write.clear();
                life.open().unwrap_or_else(|e| panic!("seed {seed}: {e}"))
            }
            Err(why) => panic!("seed {seed}: {why}"),
        };
        if dice.chance(3) {
            life.disk.bad_write.clear();
        }
        let fate = |dice: &mut Dice| match dice.below(3) {
            0 => Fate::Nothing,
            1 => Fate::Torn(dice.roll() as u8),
            _ => Fate::Whole,
        };
        let mut power = Power {
            rounds: Some(dice.below(90)),
            fates: vec![fate(&mut dice), fate(&mut dice)],
            ..Power::default()
        };
        for _ in 0..dice.below(100) {
            if dice.chance(60) {
                life.disk.bad_write.extend(&all[dice.below(2) as usize]);
            }
            match life.step(&mut driver, &mut power, &mut dice) {
                Ok(()) => degraded += u64::from(driver.writer.degraded() != 0),
                Err(End::Cut) => {
                    cuts += 1;
                    break;
                }
                Err(End::Doubt) => {
                    doubts += 1;
                    break;
                }
            }
        }
        if dice.chance(2) {
            life.disk.bad_write.clear();
        }
        if dice.chance(3) && !driver.writer.in_doubt() {
            let _ = driver.close(&mut life.disk, &mut Power::default());
        }
    }
    [cuts, doubts, refusals, degraded]
}

#[test]
fn long_lives_never_go_back() {
    let mut sums = [0; 4];
    for seed in 0..24 {
        for (sum, n) in sums.iter_mut().zip(long_life(seed)) {
            *sum += n;
        }
    }
    // Each kind of trouble did happen.
    let [cuts, doubts, refusals, degraded] = sums;
    assert!(cuts > 100 && doubts > 30, "{sums:?}");
    assert!(refusals > 3 && degraded > 300, "{sums:?}");
}
