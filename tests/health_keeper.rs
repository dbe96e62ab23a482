// SPDX-License-Identifier: GPL-2.0-only

//! The keeper: what the driver of a device asks and tells, as the kernel does it.

use dm_remap_core::{
    engine::{Found, Side, State as MapState},
    health::{
        keeper::{Keeper, ScanMode, Traffic},
        map::Level,
        scan::{self, settings::Settings, Command, Next, Outcome, State},
        Region, What,
    },
    map::Counters,
    units::{Sector, SectorCount},
};

const MAIN: u64 = 64 * 2048;
const QUIET: Traffic = Traffic {
    sectors: 0,
    busy: false,
};

fn keeper() -> Keeper {
    let mut keeper = Keeper::new(1);
    keeper.resize(SectorCount(MAIN), SectorCount(0));
    keeper
}

fn error(at: u64, sectors: u32) -> Found {
    Found {
        side: Side::Main,
        at: Sector(at),
        what: What::Error,
        sectors,
    }
}

fn spares(free: u32, total: u32) -> Counters {
    Counters {
        spare_free: free,
        spare_total: total,
        ..Counters::default()
    }
}

/// Goes on from `now` until a read is wanted, without users; gives the time and how many sectors.
fn read(keeper: &mut Keeper, mut now: u64, own: u64) -> (u64, u64, u64) {
    let traffic = Traffic {
        sectors: own,
        busy: false,
    };
    for _ in 0..100 {
        match keeper.next(now, now / 1000, traffic, false) {
            Next::Read(read) => return (now, read.start.0, read.len.0),
            Next::Wait(until) => now = until,
            Next::PassDone => {}
            Next::Rest => panic!("at rest at {now}"),
        }
    }
    panic!("no read");
}

#[test]
fn the_feature_starts_and_stops_and_a_command_outlasts_a_reload() {
    let mut k = keeper();
    assert_eq!(k.next(1, 1, QUIET, false), Next::Rest);
    assert_eq!(k.scanner.state(), State::Stopped);
    k.set_mode(ScanMode::Idle);
    assert_ne!(k.next(2, 1, QUIET, false), Next::Rest);
    assert!(k.scanner.command(Command::Stop));
    k.set_mode(ScanMode::Idle);
    assert_eq!(k.scanner.state(), State::Stopped, "the line is the same");
    k.set_mode(ScanMode::On);
    assert_ne!(k.scanner.state(), State::Stopped);
    k.set_mode(ScanMode::Off);
    assert_eq!(k.scanner.state(), State::Stopped);
}

#[test]
fn a_device_that_grows_is_scanned_as_before() {
    let mut k = keeper();
    assert!(k.scanner.command(Command::Start));
    k.resize(SectorCount(2 * MAIN), SectorCount(0));
    assert_eq!(k.scanner.state(), State::Waiting, "by command alone");
    assert!(k.scanner.command(Command::Pause));
    k.resize(SectorCount(3 * MAIN), SectorCount(0));
    assert_eq!(k.scanner.state(), State::Paused);
    assert_eq!(k.scanner.position(), (0, 3 * MAIN));
    k.set_mode(ScanMode::On);
    assert!(k.scanner.command(Command::Stop));
    k.resize(SectorCount(4 * MAIN), SectorCount(0));
    assert_eq!(k.scanner.state(), State::Stopped, "by command, too");
}

#[test]
fn only_on_reads_from_a_busy_disk() {
    for (mode, reads) in [(ScanMode::Idle, false), (ScanMode::On, true)] {
        let mut k = keeper();
        k.set_mode(mode);
        let busy = Traffic {
            sectors: 0,
            busy: true,
        };
        let any = (1..20_000).any(|now| matches!(k.next(now, 1, busy, false), Next::Read(_)));
        assert_eq!(any, reads, "{mode:?}");
        assert_eq!(k.settings().speed_min, Settings::DEFAULT.speed_min);
    }
}

#[test]
fn a_table_that_says_something_else_ends_a_pause() {
    let mut k = keeper();
    k.set_mode(ScanMode::Idle);
    assert!(k.scanner.command(Command::Pause));
    k.set_mode(ScanMode::Idle);
    assert_eq!(k.scanner.state(), State::Paused);
    k.set_mode(ScanMode::On);
    assert_ne!(k.scanner.state(), State::Paused);
}

#[test]
fn its_own_reads_are_no_traffic() {
    let mut k = keeper();
    k.set_mode(ScanMode::Idle);
    assert!(k.scanner.command(Command::Now));
    let (mut now, mut own) = (10_000, 0);
    for n in 0..50 {
        let (at, _, len) = read(&mut k, now, own);
        assert!(
            n == 0 || at == now,
            "read {n} had to wait from {now} to {at}"
        );
        own += len;
        k.count_own(len);
        now = at + 3;
        k.done(now, Outcome::Clean);
    }
}

#[test]
fn after_a_failure_of_the_way_it_waits() {
    let mut k = keeper();
    k.set_mode(ScanMode::On);
    let (now, start, _) = read(&mut k, 10_000, 0);
    k.stall(now, now / 1000, Sector(start));
    k.done(now, Outcome::Skipped);
    let Next::Wait(until) = k.next(now, now / 1000, QUIET, false) else {
        panic!("it goes on at once");
    };
    assert!(until >= now + 5000);
    assert_eq!(k.scanner.state(), State::Storm);
    assert_ne!(k.next(until, until / 1000, QUIET, false), Next::Rest);
}

#[test]
fn what_users_found_is_followed_up_once() {
    let mut k = keeper();
    k.set_mode(ScanMode::On);
    assert!(k.found(1, 1, &error(40 * 2048 + 8, 8), false, true));
    assert!(
        !k.found(1, 1, &error(40 * 2048 + 8, 0), false, true),
        "known"
    );
    let (_, start, _) = read(&mut k, 10_000, 0);
    assert_eq!(start, 0, "the span of the hit, which begins here");
    assert_eq!(k.health.map.records().len(), 1);
}

#[test]
fn what_cannot_be_marked_is_new_once() {
    let mut k = keeper();
    assert!(k.found(1, 1, &error(40 * 2048 + 8, 8), true, false));
    for n in 0..9 {
        let again = k.found(n, n * 3600, &error(40 * 2048 + 8, 8), true, false);
        assert!(!again, "nothing is new");
    }
    k.next(0, 40_000, QUIET, false);
    assert_eq!(k.health.predictor.totals().sectors, 8);
    assert!(k.found(9, 40_000, &error(90, 8), true, false), "elsewhere");
    let marked = error(40 * 2048 + 16, 8);
    assert!(k.found(9, 40_000, &marked, true, true), "it can be marked");
}

#[test]
fn what_a_retry_gives_at_each_pass_is_new_once() {
    let mut k = keeper();
    let weak = |at| Found {
        what: What::Recovered,
        ..error(at, 0)
    };
    // It stays where it is: there is no spare block for it, or nothing moves by itself.
    assert!(k.found(1, 1, &weak(40 * 2048), true, true));
    for pass in 1..4 {
        let again = k.found(pass, pass * 1_209_600, &weak(40 * 2048), true, true);
        assert!(!again, "pass {pass}");
    }
    assert!(k.found(9, 9, &weak(0), true, true), "elsewhere");
    let record = k.health.map.get(Region(40)).expect("known");
    assert_eq!(record.recovered, 4, "each is told all the same");
    // An error in a region of which that is known is new.
    assert!(k.found(9, 9, &error(40 * 2048 + 8, 8), true, true));
}

#[test]
fn errors_of_the_spare_are_not_mains() {
    let mut k = keeper();
    let found = Found {
        side: Side::Spare,
        ..error(8, 8)
    };
    assert!(k.found(1, 1, &found, true, true));
    assert!(k.health.map.records().is_empty());
    assert_eq!(k.save_at(), u64::MAX);
}

#[test]
fn a_block_that_moves_is_for_the_disk_to_know() {
    let mut k = keeper();
    k.moved(1, 1, Sector(8));
    assert!(k.save_at() < u64::MAX);
    assert_eq!(k.health.map.records().len(), 1);
}

#[test]
fn a_level_is_told_when_it_is_crossed() {
    let mut k = keeper();
    assert_eq!(k.crossed(), None);
    let mut told = Vec::new();
    for day in 0..60u64 {
        let unix = 1 + day * 86_400;
        k.next(day * 1000, unix, QUIET, false);
        let place = error(day % 60 * 2048 * 40 % MAIN, 8);
        for n in 0..3u64 {
            let mut place = place;
            place.at = Sector((day * 3 + n) * 700 * 2048);
            k.found(day, unix + n * 7200, &place, true, true);
        }
        told.extend(k.crossed());
    }
    assert_eq!(told, [Level::Warning, Level::Danger]);
}

#[test]
fn what_counts_after_an_hour_is_told_then() {
    let mut k = keeper();
    for place in 0..3 {
        k.found(1, 1, &error(place * 2048 * 400, 8), true, true);
    }
    assert_eq!((k.hour_passed(), k.crossed()), (false, None));
    k.next(1, 3500, QUIET, false);
    assert_eq!((k.hour_passed(), k.crossed()), (false, None));
    k.next(1, 86_400 + 3700, QUIET, false);
    assert!(k.hour_passed() && !k.hour_passed());
    assert_eq!(k.crossed(), Some(Level::Warning));
}

#[test]
fn weak_blocks_are_moved_within_a_rate_and_half_of_the_spare() {
    let mut k = keeper();
    k.set_mode(ScanMode::On);
    let read = scan::Read {
        spare: false,
        start: Sector(2048),
        len: SectorCount(256),
    };
    assert_eq!(
        k.evacuates(1, &read, true, MapState::Rw, &spares(100, 100)),
        0,
        "it is off"
    );
    k.auto_evacuate = true;
    assert_eq!(
        k.evacuates(1, &read, false, MapState::Rw, &spares(100, 100)),
        0,
        "not weak"
    );
    // Half of the spare is kept.
    assert_eq!(
        k.evacuates(1, &read, true, MapState::Rw, &spares(50, 100)),
        0
    );
    assert_eq!(k.evacuates(1, &read, true, MapState::Rw, &spares(1, 1)), 0);
    assert_eq!(
        k.evacuates(1, &read, true, MapState::Rw, &spares(51, 100)),
        1,
        "no more than that"
    );
    assert_eq!(
        k.evacuates(2, &read, true, MapState::Rw, &spares(100, 100)),
        0,
        "too soon"
    );
    for state in [MapState::Ro, MapState::Fail] {
        let moved = k.evacuates(2000, &read, true, state, &spares(100, 100));
        assert_eq!(moved, 0, "the map cannot change");
    }
    k.found(3, 3, &error(10, 8), true, true);
    k.found(3, 3, &error(4096, 8), true, true);
    for n in 0..8 {
        k.found(3, 3 + n, &error(2100 + n * 8, 8), true, true);
    }
    assert_eq!(
        k.evacuates(2000, &read, false, MapState::Rw, &spares(100, 100)),
        50,
        "danger"
    );
    let spare = scan::Read {
        spare: true,
        ..read
    };
    assert_eq!(
        k.evacuates(9000, &spare, true, MapState::Rw, &spares(100, 100)),
        0
    );
}

#[test]
fn a_storm_moves_nothing_away() {
    let mut k = keeper();
    k.auto_evacuate = true;
    let read = scan::Read {
        spare: false,
        start: Sector(2048),
        len: SectorCount(256),
    };
    for n in 0..3 {
        k.stall(n, 10 + n, Sector(0));
    }
    assert_eq!(
        k.evacuates(9000, &read, true, MapState::Rw, &spares(100, 100)),
        0,
        "the way is bad"
    );
    k.next(10_000, 10 + 2 * 3600, QUIET, false);
    assert_eq!(
        k.evacuates(10_000, &read, true, MapState::Rw, &spares(100, 100)),
        50,
        "it is over"
    );
}

#[test]
fn reads_of_another_size_have_another_median() {
    let mut k = keeper();
    let read = |k: &Keeper| scan::Read {
        spare: false,
        start: Sector(2048),
        len: SectorCount(k.scanner.step_sectors().into()),
    };
    let small = read(&k);
    assert!((0..100).all(|_| !k.took(1, &small, 20_000)));
    assert!(k.took(1, &small, 200_000), "ten times the median");
    let intensity = Settings {
        intensity: 10,
        ..*k.settings()
    };
    k.set(intensity).expect("valid");
    let large = read(&k);
    assert!((0..100).all(|_| !k.took(1, &large, 200_000)));
    k.set(*k.settings()).expect("valid");
    assert!(k.took(1, &large, 2_000_000), "the same size: it is kept");
}
