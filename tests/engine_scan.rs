// SPDX-License-Identifier: GPL-2.0-only

//! Jobs of the scanner, and what each lone try tells of the devices.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::{Action, Count, Found, JobKind, Side},
    fault::Op,
    health::What,
    units::{Block, Sector},
};
use lab::{
    disk::{Until, MEDIUM},
    rules::*,
    Lab, Shape,
};

fn scan(lab: &mut Lab, start: u64, len: u32) {
    lab.actions.clear();
    lab.found.clear();
    lab.message(JobKind::Scan, start, len);
    lab.settle();
}

fn found(side: Side, at: u64, what: What, sectors: u32) -> Found {
    Found {
        side,
        at: Sector(at),
        what,
        sectors,
    }
}

fn pending(lab: &Lab, block: u64) -> u64 {
    lab.engine.map().chunk(Block(block), 0).pending()
}

#[test]
fn each_physical_block_is_read_alone_for_nobody() {
    let mut lab = Lab::new(fine());
    scan(&mut lab, 16, 8);
    let reads = lab.actions.iter().filter(|a| {
        matches!(a, Action::Read { side: Side::Main, at, len: 1, .. } if (16..24).contains(&at.0))
    });
    assert_eq!(reads.count(), 8);
    let copied = |a: &Action| matches!(a, Action::Scatter { .. } | Action::Gather { .. });
    assert!(!lab.actions.iter().any(copied));
    assert!(lab.found.is_empty());
}

#[test]
fn what_cannot_be_read_is_pending_and_told_as_new_once() {
    let mut lab = Lab::new(fine());
    bad_read(&mut lab, 18, 2);
    scan(&mut lab, 16, 8);
    assert_eq!(pending(&lab, 2), 0b1100);
    let new = [
        found(Side::Main, 18, What::Error, 1),
        found(Side::Main, 19, What::Error, 1),
    ];
    assert_eq!(lab.found, new);
    let users = lab.engine.stats().of(Count::READ_ERRORS);
    assert_eq!(users, 0, "no user met them");
    scan(&mut lab, 16, 8);
    let known = new.map(|f| Found { sectors: 0, ..f });
    assert_eq!(lab.found, known);
}

#[test]
fn what_is_read_at_once_is_pending_no_more() {
    let mut lab = Lab::new(fine());
    lab.message(JobKind::Mark, 16, 4);
    lab.settle();
    bad_read(&mut lab, 17, 1);
    scan(&mut lab, 16, 8);
    assert_eq!(pending(&lab, 2), 0b10);
    assert_eq!(lab.found, [found(Side::Main, 17, What::Error, 0)]);
    lab.flush();
    let lab = lab.cut(None);
    assert_eq!(pending(&lab, 2), 0b10, "durably");
}

#[test]
fn what_needs_a_retry_moves_and_is_told() {
    let mut lab = Lab::new(Shape::default());
    lab.main.plan(Op::Read, 18, 1, Until::Times(1), MEDIUM);
    scan(&mut lab, 16, 8);
    assert!(lab.remapped(2));
    assert_eq!(lab.found, [found(Side::Main, 16, What::Recovered, 0)]);
    lab.verify(nothing_fails);
}

#[test]
fn a_spare_block_that_cannot_be_read_is_the_spares() {
    let mut lab = Lab::new(Shape::default());
    assert_eq!(lab.write_now(16, 8), Ok(()));
    lab.message(JobKind::Relocate, 16, 8);
    lab.settle();
    let spare = lab.engine.map().lookup(Block(2)).expect("it has moved");
    assert_eq!(lab.engine.map().owner(spare), Some(Block(2)));
    assert!(lab.engine.map().is_spare_used(spare));
    let at = lab
        .engine
        .layout()
        .spare_sector(spare)
        .expect("it is there");
    lab.spare.plan(Op::Read, at.0, 8, Until::Forever, MEDIUM);
    scan(&mut lab, 16, 8);
    assert_eq!(lab.found, [found(Side::Spare, 16, What::Error, 8)]);
    assert_eq!(pending(&lab, 2), 0xff);
}

#[test]
fn a_users_errors_are_told_too() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 33, 1);
    assert_eq!(lab.write_now(32, 8), Ok(()));
    assert_eq!(lab.found, [found(Side::Main, 33, What::Error, 1)]);
}
