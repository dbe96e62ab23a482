// SPDX-License-Identifier: GPL-2.0-only

//! A read of the scanner that is under way when its pass ends, or that a suspend breaks off.

#[path = "health_lab/reads.rs"]
mod reads;

use dm_remap_core::{
    health::scan::{order::Order, settings::Settings, Command, Outcome, Read, Scanner, State},
    units::{Sector, SectorCount},
};

use reads::next;

const MIB: u64 = 2048;

fn settings(order: Order) -> Settings {
    Settings {
        sectors_per_scan: Some(1 << 20),
        order,
        ..Settings::DEFAULT
    }
}

/// A scanner of 64 MiB that was started.
fn scanner(order: Order) -> Scanner {
    let made = Scanner::new(SectorCount(64 * MIB), SectorCount(0), settings(order));
    let mut scanner = made.expect("valid settings");
    assert!(scanner.command(Command::Start));
    scanner
}

fn read(scanner: &mut Scanner, now: &mut u64, outcome: Outcome) -> Read {
    let read = next(scanner, now);
    *now += 5;
    scanner.done(*now, outcome);
    read
}

#[test]
fn a_read_that_a_stop_overtakes_is_none_of_the_next_pass() {
    let mut scanner = scanner(Order::Sequential);
    let now = &mut 1;
    let first = read(&mut scanner, now, Outcome::Clean);
    let second = next(&mut scanner, now);
    assert_eq!((first.start, second.start.0), (Sector(0), first.len.0));

    assert!(scanner.command(Command::Stop));
    *now += 5;
    scanner.done(*now, Outcome::Clean);
    assert_eq!(scanner.state(), State::Stopped);
    assert_eq!(scanner.position().0, 0, "nothing of the next pass was read");
    assert_eq!(scanner.counters().0, first.len.0 + second.len.0);

    assert!(scanner.command(Command::Start));
    assert_eq!(read(&mut scanner, now, Outcome::Clean), first);
}

#[test]
fn a_read_of_the_order_before_is_none_of_the_new_pass() {
    let mut scanner = scanner(Order::Sequential);
    let now = &mut 1;
    read(&mut scanner, now, Outcome::Clean);
    next(&mut scanner, now);
    let set = scanner.set(settings(Order::Staggered));
    assert_eq!(set, Ok(()));
    *now += 5;
    scanner.done(*now, Outcome::Clean);
    assert_eq!(scanner.position().0, 0);
}

#[test]
fn what_is_found_after_a_stop_is_followed_up() {
    let mut scanner = scanner(Order::Sequential);
    let now = &mut 1;
    next(&mut scanner, now);
    assert!(scanner.command(Command::Stop));
    *now += 5;
    scanner.done(*now, Outcome::Hit);
    assert_eq!(scanner.counters().1, 1);

    assert!(scanner.command(Command::Start));
    // Follow-up and pass take turns, and both begin with the first sector.
    let a = read(&mut scanner, now, Outcome::Clean);
    let b = read(&mut scanner, now, Outcome::Clean);
    assert_eq!((a.start, b.start), (Sector(0), Sector(0)));
}

#[test]
fn what_was_broken_off_is_read_again() {
    let mut scanner = scanner(Order::Sequential);
    let now = &mut 1;
    let first = read(&mut scanner, now, Outcome::Clean);
    let before = (scanner.position(), scanner.counters());
    let broken = next(&mut scanner, now);
    scanner.ended(*now, Outcome::Skipped, SectorCount(0), false);
    assert_eq!((scanner.position(), scanner.counters()), before);
    let again = read(&mut scanner, now, Outcome::Clean);
    assert_eq!(again, broken);
    assert_eq!(scanner.position().0, first.len.0 + again.len.0);
}
