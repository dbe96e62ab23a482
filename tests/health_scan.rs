// SPDX-License-Identifier: GPL-2.0-only

//! The scan schedule: each sector once a pass, within the limits, where it matters first.

use std::collections::BTreeMap;

use dm_remap_core::{
    health::scan::{
        order::Order,
        settings::{Invalid, Settings},
        Command, Next, Outcome, Read, Scanner, State, POSITION_BYTES,
    },
    units::SectorCount,
};
use proptest::prelude::*;

const MIB: u64 = 2048;

/// A scanner, a clock, and what was read.
struct Lab {
    scanner: Scanner,
    now: u64,
    traffic: u64,
    reads: Vec<(u64, Read)>,
    passes: u32,
}

impl Lab {
    fn new(main: u64, spare: u64, settings: Settings) -> Lab {
        let scanner = Scanner::new(SectorCount(main), SectorCount(spare), settings);
        let mut scanner = scanner.expect("valid settings");
        assert!(scanner.command(Command::Start));
        Lab {
            scanner,
            now: 1,
            traffic: 0,
            reads: Vec::new(),
            passes: 0,
        }
    }

    /// One step; a read takes 5 ms. `false` if there is nothing to do before something is commanded.
    fn step(&mut self, outcome: impl Fn(&Read) -> Outcome) -> bool {
        match self.scanner.next(self.now, self.now / 1000, self.traffic) {
            Next::Read(read) => {
                assert!(read.len.0 > 0);
                assert_eq!(self.scanner.state(), State::Running);
                assert_eq!(
                    self.scanner.next(self.now, 0, self.traffic),
                    Next::Rest,
                    "one at a time"
                );
                self.reads.push((self.now, read));
                self.now += 5;
                self.scanner.done(self.now, outcome(&read));
            }
            Next::Wait(until) => {
                assert!(until > self.now, "a wait is for later");
                assert_eq!(self.scanner.state(), State::Waiting);
                self.now = until;
            }
            Next::PassDone => self.passes += 1,
            Next::Rest => return false,
        }
        true
    }

    fn pass(&mut self) {
        let before = self.passes;
        while self.passes == before {
            assert!(self.step(|_| Outcome::Clean));
        }
    }

    /// What was read is all of main and all of the spare, each sector once.
    fn read_once(&self, main: u64, spare: u64) -> bool {
        let mut ranges: Vec<_> = self
            .reads
            .iter()
            .map(|(_, r)| (r.spare, r.start.0, r.len.0))
            .collect();
        ranges.sort_unstable();
        let mut ends = [0, 0];
        ranges.iter().all(|&(spare, start, len)| {
            let end = &mut ends[usize::from(spare)];
            let fits = *end == start;
            *end += len;
            fits
        }) && ends == [main, spare]
    }
}

fn clean(_: &Read) -> Outcome {
    Outcome::Clean
}

fn fast() -> Settings {
    Settings {
        sectors_per_scan: Some(1 << 20),
        intensity: 10,
        ..Settings::DEFAULT
    }
}

proptest! {
    #[test]
    fn a_pass_reads_each_sector_once(
        main in 1u64..300 * MIB, spare in 0u64..5 * MIB, sequential: bool, intensity in 1u32..=10,
    ) {
        let order = if sequential { Order::Sequential } else { Order::Staggered };
        let mut lab = Lab::new(main, spare, Settings { order, intensity, ..fast() });
        while lab.passes == 0 {
            lab.step(clean);
        }
        prop_assert!(lab.read_once(main, spare));
        prop_assert_eq!(lab.scanner.passes(), (1, lab.now / 1000));
        prop_assert_eq!(lab.scanner.counters().0, main + spare);
    }

    #[test]
    fn a_restart_goes_on_where_it_was(steps in 0usize..2000, hits: bool) {
        let outcome = move |read: &Read| match hits && read.start.0 / MIB % 50 == 3 {
            true => Outcome::Hit,
            false => Outcome::Clean,
        };
        let mut whole = Lab::new(200 * MIB + 77, MIB, fast());
        for _ in 0..steps {
            whole.step(outcome);
        }
        let mut bytes = [0; POSITION_BYTES];
        whole.scanner.encode(&mut bytes);
        let mut again = Lab::new(200 * MIB + 77, MIB, fast());
        again.scanner.restore(&bytes);
        let mut copy = [0; POSITION_BYTES];
        again.scanner.encode(&mut copy);
        prop_assert_eq!(bytes, copy);
        prop_assert_eq!(again.scanner.position(), whole.scanner.position());
        prop_assert_eq!(again.scanner.counters(), whole.scanner.counters());
        // Another size, or order, begins anew and keeps the counters.
        let mut other = Lab::new(100 * MIB, MIB, fast());
        other.scanner.restore(&bytes);
        prop_assert_eq!(other.scanner.position().0, 0);
        prop_assert_eq!(other.scanner.counters(), whole.scanner.counters());
    }

    #[test]
    fn any_position_is_one_to_go_on_from(bytes in prop::collection::vec(any::<u8>(), POSITION_BYTES)) {
        let mut bytes: [u8; POSITION_BYTES] = bytes.try_into().expect("so many");
        bytes[0] = 0;
        bytes[8..16].copy_from_slice(&(10 * MIB).to_le_bytes());
        let mut lab = Lab::new(10 * MIB, MIB, fast());
        lab.scanner.restore(&bytes);
        lab.scanner.position();
        lab.pass();
        lab.reads.clear();
        lab.pass();
        prop_assert!(lab.read_once(10 * MIB, MIB));
    }
}

#[test]
fn a_cycle_takes_its_days_and_half_of_them_when_errors_are_expected() {
    for (days, expected) in [(14, false), (2, false), (14, true)] {
        let settings = Settings {
            cycle_days: days,
            intensity: 10,
            ..Settings::DEFAULT
        };
        // 40 GiB.
        let mut lab = Lab::new(40 * 1024 * MIB, 0, settings);
        lab.scanner.set_expected(expected);
        while lab.passes == 0 {
            lab.step(clean);
            lab.reads.clear();
        }
        let took = lab.now as f64 / 86_400_000.0;
        let want = if expected { 7.0 } else { f64::from(days) };
        assert!((took - want).abs() < want * 0.03, "{took} {want}");
    }
}

#[test]
fn a_hit_is_followed_up_until_its_neighbours_are_clean() {
    let spans = 20;
    let mut lab = Lab::new(spans * 128 * MIB, 0, fast());
    // A burst over the end of one span and all of the next.
    let bad = 9 * 128 + 100..11 * 128;
    let hit = |read: &Read| match bad.contains(&(read.start.0 / MIB)) {
        true => Outcome::Hit,
        false => Outcome::Clean,
    };
    while !bad.contains(&(lab.reads.last().map_or(0, |(_, r)| r.start.0) / MIB)) {
        lab.step(hit);
    }
    let begun = lab.reads.len();
    let mut found: Vec<bool> = bad.clone().map(|_| false).collect();
    while !found.iter().all(|f| *f) {
        lab.step(hit);
        let segment = lab.reads.last().expect("read").1.start.0 / MIB;
        if bad.contains(&segment) {
            found[(segment - bad.start) as usize] = true;
        }
    }
    let reads = lab.reads.len() - begun;
    // Both spans, taking turns with the pass.
    assert!(reads <= 2 * 3 * 128 + 8, "{reads}");
    // The pass went on, and half of what was read is its own.
    let near = |r: &Read| (8 * 128..12 * 128).contains(&(r.start.0 / MIB));
    let own = lab
        .reads
        .iter()
        .skip(begun)
        .filter(|(_, r)| !near(r))
        .count();
    assert!(own * 5 >= reads * 2, "{own} of {reads}");
    // Then the neighbours on both sides, and no more: they are clean.
    let follow = lab.reads.len();
    while lab.passes == 0 {
        lab.step(clean);
    }
    let mut again = BTreeMap::new();
    for (_, read) in lab.reads.iter().skip(follow) {
        *again.entry(read.start.0 / MIB / 128).or_insert(0u32) += 1;
    }
    for (span, count) in again {
        let most = if (8..=11).contains(&span) { 256 } else { 128 };
        assert!(count <= most, "{span}: {count}");
    }
    assert!(lab.scanner.counters().1 >= 156);
}

#[test]
fn follow_up_goes_each_way_until_a_span_is_clean() {
    let order = Order::Sequential;
    let mut lab = Lab::new(100 * 128 * MIB, 0, Settings { order, ..fast() });
    lab.scanner.note_hit(50 * 128 + 7);
    // Something in the next two spans as well, nothing in the one before.
    let bad = [51 * 128 + 127, 52 * 128];
    for _ in 0..12 * 128 {
        lab.step(|read| match bad.contains(&(read.start.0 / MIB)) {
            true => Outcome::Hit,
            false => Outcome::Clean,
        });
    }
    // Whatever is that far away is no part of the pass yet.
    let mut followed = BTreeMap::new();
    for (_, read) in &lab.reads {
        *followed.entry(read.start.0 / MIB / 128).or_insert(0u32) += 1;
    }
    let far: Vec<_> = followed.range(20..).map(|(span, n)| (*span, *n)).collect();
    assert_eq!(far, [(49, 128), (50, 128), (51, 128), (52, 128), (53, 128)]);
}

#[test]
fn it_waits_for_the_disk_to_be_idle_and_then_goes_on() {
    let settings = Settings {
        intensity: 5,
        speed_min: 0,
        ..fast()
    };
    let mut lab = Lab::new(1024 * MIB, 0, settings);
    // A user every 150 ms: less than the patience of 200 ms. It looks four times as often.
    for _ in 0..1000 {
        lab.traffic += 1;
        let next = lab.scanner.next(lab.now, 0, lab.traffic);
        assert!(
            matches!(next, Next::Wait(until) if until == lab.now + 50),
            "{next:?}"
        );
        lab.now += 150;
    }
    assert_eq!(lab.reads.len(), 0);
    lab.now += 50;
    let from = lab.now;
    while lab.reads.len() < 1000 {
        assert!(lab.step(clean));
    }
    assert_eq!(
        lab.now - from,
        1000 * 5,
        "not a millisecond of the idleness is wasted"
    );
}

#[test]
fn a_disk_that_never_rests_is_read_at_the_least_speed() {
    let settings = Settings {
        speed_min: 1024,
        ..fast()
    };
    let mut lab = Lab::new(1024 * MIB, 0, settings);
    lab.scanner
        .set(Settings {
            intensity: 5,
            ..settings
        })
        .expect("valid");
    let from = lab.now;
    while lab.now < from + 100_000 {
        lab.traffic += 1;
        lab.step(clean);
    }
    let kib = lab.scanner.counters().0 / 2;
    let speed = kib * 1000 / (lab.now - from);
    assert!((950..=1080).contains(&speed), "{speed}");
}

#[test]
fn the_most_speed_is_kept_on_an_idle_disk() {
    let settings = Settings {
        speed_max: 10_000,
        ..fast()
    };
    let mut lab = Lab::new(4096 * MIB, 0, settings);
    let from = lab.now;
    while lab.now < from + 50_000 {
        lab.step(clean);
    }
    let speed = lab.scanner.counters().0 / 2 * 1000 / (lab.now - from);
    assert!((9_500..=10_100).contains(&speed), "{speed}");
}

#[test]
fn commands_do_what_they_say_and_refuse_what_makes_no_sense() {
    use Command::{Now, Pause, Resume, Start, Stop};
    let new = || Scanner::new(SectorCount(10 * MIB), SectorCount(0), fast()).expect("valid");
    let mut scanner = new();
    assert_eq!(scanner.state(), State::Stopped);
    assert_eq!(scanner.next(1, 0, 0), Next::Rest);
    for command in [Stop, Pause, Resume] {
        assert!(!scanner.command(command));
    }
    assert!(scanner.command(Start) && !scanner.command(Start) && !scanner.command(Resume));
    assert!(matches!(scanner.next(1, 0, 0), Next::Read(_)));
    scanner.done(2, Outcome::Clean);
    let position = scanner.position();
    assert!(position.0 > 0);
    assert!(scanner.command(Pause));
    assert_eq!(scanner.state(), State::Paused);
    assert!(!scanner.command(Now) && !scanner.command(Start));
    assert_eq!(scanner.next(2, 0, 0), Next::Rest);
    assert!(scanner.command(Resume));
    assert_eq!(scanner.position(), position);
    scanner.set_storm(true);
    assert_eq!(scanner.state(), State::Storm);
    assert_eq!(scanner.next(2, 0, 0), Next::Rest);
    scanner.set_storm(false);
    assert!(matches!(scanner.next(2, 0, 0), Next::Read(_)));
    assert!(scanner.command(Stop));
    assert_eq!(scanner.position().0, 0, "the next start begins anew");
}

#[test]
fn now_reads_the_rest_of_the_pass_without_intervals() {
    let settings = Settings {
        sectors_per_scan: Some(8),
        ..fast()
    };
    let mut lab = Lab::new(50 * MIB, 0, settings);
    lab.step(clean);
    assert!(matches!(lab.scanner.next(lab.now, 0, 0), Next::Wait(_)));
    assert!(lab.scanner.command(Command::Now));
    let from = lab.now;
    lab.pass();
    assert!(lab.now - from < 1000, "no interval was waited for");
    while !matches!(lab.scanner.next(lab.now, 0, 0), Next::Wait(_)) {
        lab.step(clean);
    }
}

#[test]
fn settings_have_bounds_and_a_refusal_changes_nothing() {
    let mut scanner = Scanner::new(SectorCount(MIB), SectorCount(0), fast()).expect("valid");
    let bad: [fn(&mut Settings); 9] = [
        |s| s.interval_ms = 99,
        |s| s.interval_ms = 86_400_001,
        |s| s.sectors_per_scan = Some(0),
        |s| s.cycle_days = 0,
        |s| s.cycle_days = 366,
        |s| s.intensity = 0,
        |s| s.intensity = 11,
        |s| (s.speed_min, s.speed_max) = (11, 10),
        |s| (s.speed_min, s.speed_max) = (u32::MAX, 1),
    ];
    for change in bad {
        let mut settings = fast();
        change(&mut settings);
        assert_eq!(scanner.set(settings), Err(Invalid));
        assert_eq!(*scanner.settings(), fast());
    }
    assert_eq!(scanner.set(Settings::DEFAULT), Ok(()));
}

#[test]
fn spare_blocks_that_are_skipped_cost_nothing() {
    let mut lab = Lab::new(MIB, 4 * MIB, fast());
    while lab.passes == 0 {
        lab.step(|read| {
            if read.spare {
                Outcome::Skipped
            } else {
                Outcome::Clean
            }
        });
    }
    assert_eq!(lab.scanner.counters(), (MIB, 0));
}
