// SPDX-License-Identifier: GPL-2.0-only

//! How long a pass takes, and what a device that grows, unused spare blocks and places that fail do to it.

#[path = "health_lab/reads.rs"]
mod reads;

use dm_remap_core::{
    health::{
        keeper::{Keeper, ScanMode, Traffic},
        scan::{order::Order, settings::Settings, Command, Next, Outcome, Scanner},
    },
    units::{Sector, SectorCount},
};

use reads::next;

const MIB: u64 = 2048;
const DAY_MS: u64 = 86_400_000;
const TERABYTE: u64 = 1_000_000_000_000 / 512;

fn scanner(main: u64, spare: u64, settings: Settings) -> Scanner {
    let made = Scanner::new(SectorCount(main), SectorCount(spare), settings);
    let mut scanner = made.expect("valid settings");
    assert!(scanner.command(Command::Start));
    scanner
}

fn fast() -> Settings {
    Settings {
        sectors_per_scan: Some(1 << 20),
        intensity: 10,
        ..Settings::DEFAULT
    }
}

/// The times at which the first `passes` passes were over; a read takes a millisecond, and each wait lasts `late` longer
/// than was asked for. Nothing of the spare is in use.
fn passes(scanner: &mut Scanner, passes: usize, late: u64) -> Vec<u64> {
    let (mut now, mut ends) = (1, Vec::new());
    while ends.len() < passes {
        match scanner.next(now, now / 1000, 0) {
            Next::Read(read) if read.spare => scanner.free_until(Sector(u64::MAX)),
            Next::Read(_) => {
                now += 1;
                scanner.done(now, Outcome::Clean);
            }
            Next::Wait(until) => now = until + late,
            Next::PassDone => ends.push(now),
            Next::Rest => panic!("at rest"),
        }
    }
    ends
}

#[test]
fn auto_is_a_pass_in_its_days_exactly() {
    for days in [1u32, 14] {
        for interval_ms in [60_000, 777_777] {
            // 1 MiB; what no scan has a whole sector of; one and a half a scan; 4 GB and a bit; 20 TB.
            for main in [MIB, 20_159, 30_240, TERABYTE / 250 + 77, 20 * TERABYTE] {
                let settings = Settings {
                    cycle_days: days,
                    interval_ms,
                    intensity: 10,
                    ..Settings::DEFAULT
                };
                if main == 20 * TERABYTE && (days, interval_ms) != (14, 60_000) {
                    continue;
                }
                let mut scanner = scanner(main, 0, settings);
                let ends = passes(&mut scanner, 2, 0);
                let cycle = u64::from(days) * DAY_MS;
                // A scan begins a pass, and what the last one reads takes its time.
                let slack = u64::from(interval_ms);
                for (end, cycles) in ends.into_iter().zip(1..) {
                    let whole = cycle * cycles;
                    assert!(
                        (whole - slack..=whole + 1).contains(&end),
                        "{main} sectors, {days} days, {interval_ms} ms: {end}, not {whole}"
                    );
                }
            }
        }
    }
}

#[test]
fn scans_begin_at_their_times_however_late_it_is_asked() {
    let settings = Settings {
        cycle_days: 1,
        interval_ms: 1000,
        intensity: 10,
        ..Settings::DEFAULT
    };
    for late in [300, 2500] {
        let mut scanner = scanner(100 * MIB, 0, settings);
        let ends = passes(&mut scanner, 1, late);
        assert!(ends.iter().all(|&end| end <= DAY_MS + late), "{ends:?}");
    }
}

#[test]
fn what_was_not_wanted_is_not_made_up_for() {
    let settings = Settings {
        sectors_per_scan: Some(256),
        ..Settings::DEFAULT
    };
    let mut scanner = scanner(100 * MIB, 0, settings);
    let now = &mut 1;
    next(&mut scanner, now);
    scanner.done(*now, Outcome::Clean);
    assert!(scanner.command(Command::Pause));
    assert_eq!(scanner.next(*now, 0, 0), Next::Rest);
    assert!(scanner.command(Command::Resume));
    *now += DAY_MS;
    next(&mut scanner, now);
    scanner.done(*now, Outcome::Clean);
    let after = *now;
    next(&mut scanner, now);
    assert!(*now >= after + 60_000, "one scan, not a day of them");
}

#[test]
fn a_spare_that_is_not_used_takes_nothing_of_the_days() {
    let settings = Settings {
        intensity: 10,
        ..Settings::DEFAULT
    };
    let mut scanner = scanner(100 * MIB, 300 * MIB, settings);
    scanner.set_in_use(SectorCount(0));
    let end = passes(&mut scanner, 1, 0).first().copied().expect("a pass");
    let whole = 14 * DAY_MS;
    assert!((whole - 60_000..=whole + 2).contains(&end), "{end}");
}

#[test]
fn free_spare_blocks_are_stepped_over_at_once() {
    // A million blocks of 4 KiB, of which three are in use.
    let (main, spare) = (MIB, 8_000_000);
    let used = [8 * 5, 8 * 64, 8 * 700_000u64];
    let mut scanner = scanner(main, spare, fast());
    let (mut steps, mut read, mut now) = (0, Vec::new(), 1);
    loop {
        match scanner.next(now, 0, 0) {
            Next::Read(r) if !r.spare => scanner.done(now, Outcome::Clean),
            Next::Read(r) => {
                steps += 1;
                let used = used.iter().find(|&&u| u + 8 > r.start.0);
                match used.copied().unwrap_or(spare) {
                    until if until > r.start.0 => scanner.free_until(Sector(until)),
                    _ => {
                        read.push(r.start.0);
                        scanner.ended(now, Outcome::Clean, SectorCount(8), false);
                    }
                }
            }
            Next::Wait(until) => now = until,
            Next::PassDone => break,
            Next::Rest => panic!("at rest"),
        }
        assert!(steps < 10, "{steps} steps");
    }
    assert_eq!(read, used, "each once");
    assert_eq!(scanner.counters().0, main + 3 * 8);
}

#[test]
fn what_ends_early_goes_on_where_it_ended() {
    let mut scanner = scanner(64 * MIB, 0, fast());
    let now = &mut 1;
    let first = next(&mut scanner, now);
    scanner.ended(*now, Outcome::Clean, SectorCount(100), false);
    assert_eq!(scanner.counters(), (100, 0));
    let second = next(&mut scanner, now);
    assert_eq!(second.start, Sector(first.start.0 + 100));
    // Something was found before the rest was broken off: that is read all the same, and so is what is near.
    scanner.ended(*now, Outcome::Hit, SectorCount(50), false);
    let starts = [next(&mut scanner, now).start, {
        scanner.done(*now, Outcome::Clean);
        next(&mut scanner, now).start
    }];
    assert!(starts.contains(&Sector(150)), "{starts:?}");
    assert_eq!(scanner.counters().1, 1);
}

#[test]
fn while_the_way_is_gone_nothing_is_passed_over() {
    let mut scanner = scanner(64 * MIB, 0, fast());
    let now = &mut 1;
    let first = next(&mut scanner, now);
    for _ in 0..1000 {
        assert!(!scanner.ended(*now, Outcome::Skipped, SectorCount(0), false));
        assert_eq!(next(&mut scanner, now), first);
    }
}

#[test]
fn a_place_that_fails_alone_is_left_out_after_three_times() {
    let settings = Settings {
        order: Order::Sequential,
        ..fast()
    };
    let mut scanner = scanner(64 * MIB, 0, settings);
    let now = &mut 1;
    let first = next(&mut scanner, now);
    // A part of it can be read: what follows is tried anew.
    assert!(!scanner.ended(*now, Outcome::Clean, SectorCount(8), true));
    let rest = next(&mut scanner, now);
    assert_eq!(rest.start, Sector(8));
    assert!(!scanner.ended(*now, Outcome::Skipped, SectorCount(0), true));
    assert_eq!(next(&mut scanner, now), rest);
    assert!(scanner.ended(*now, Outcome::Skipped, SectorCount(0), true));
    let after = next(&mut scanner, now);
    assert_eq!(after.start.0, rest.start.0 + rest.len.0);
    assert!(after.start.0 > first.start.0);
    // The next place has its own three.
    assert!(!scanner.ended(*now, Outcome::Skipped, SectorCount(0), true));
    assert_eq!(next(&mut scanner, now), after);
}

#[test]
fn a_device_that_grows_keeps_hurry_budget_and_follow_up() {
    let mut k = Keeper::new(1);
    k.resize(SectorCount(1024 * MIB), SectorCount(0));
    k.set_mode(ScanMode::On);
    let settings = Settings {
        sectors_per_scan: Some(256),
        order: Order::Sequential,
        ..Settings::DEFAULT
    };
    k.set(settings).expect("valid");
    let quiet = Traffic::default();
    let now = &mut 1;
    let next = |k: &mut Keeper, now: u64| k.next(now, 1, quiet, false);
    // The scan has read what it may.
    assert!(matches!(next(&mut k, *now), Next::Read(_)));
    k.done(*now, Outcome::Clean);
    let Next::Wait(until) = next(&mut k, *now) else {
        panic!("more than a scan has");
    };
    k.resize(SectorCount(2048 * MIB), SectorCount(0));
    assert_eq!(next(&mut k, *now), Next::Wait(until), "no other scan");
    // Something is followed up, and the rest is wanted at once.
    k.scanner.note_hit(3 * 128 + 5);
    assert!(k.scanner.command(Command::Now));
    k.resize(SectorCount(4096 * MIB), SectorCount(0));
    let (mut followed, mut read) = (0, 0);
    for _ in 0..2 * 1024 {
        match next(&mut k, *now) {
            Next::Read(r) => {
                read += 1;
                followed += u32::from((3 * 128 * MIB..4 * 128 * MIB).contains(&r.start.0));
            }
            other => panic!("{other:?} after {read} reads"),
        }
        *now += 1;
        k.done(*now, Outcome::Clean);
    }
    assert_eq!(followed, 1024 / 2 * 2, "all of the span");
}
