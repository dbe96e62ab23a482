// SPDX-License-Identifier: GPL-2.0-only

//! Writes to pending sectors: they move their block, or go to main first.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::{Action, JobKind, Side},
    fault::{Op, PendingWrites},
    units::Block,
};
use lab::{
    disk::{Until, IOERR, MEDIUM, TRANSPORT},
    film::{every_cut, Film},
    rules::*,
    Lab, Shape,
};

fn main_first(shape: Shape) -> Shape {
    Shape {
        pending_writes: PendingWrites::Main,
        ..shape
    }
}

/// Sectors `at` and on of main cannot be read until they are written, and are pending.
fn pending(shape: Shape, at: u64, len: u64) -> Lab {
    let mut lab = Lab::new(shape);
    for at in at..at + len {
        lab.main.plan(Op::Read, at, 1, Until::Written, MEDIUM);
    }
    assert_eq!(lab.read_now(at, len as u32), Err(MEDIUM));
    assert!(lab.engine.map().counters().pending_sectors >= len);
    lab.actions.clear();
    lab.main.trace.clear();
    lab
}

fn main_writes(lab: &Lab) -> usize {
    lab.main.trace.iter().filter(|t| t.0 == Op::Write).count()
}

fn counters(lab: &Lab) -> (u64, u64) {
    let counters = lab.engine.map().counters();
    (counters.remapped, counters.pending_sectors)
}

#[test]
fn a_write_to_pending_sectors_moves_their_block() {
    let mut lab = pending(fine(), 18, 2);
    assert_eq!(lab.write_now(8, 16), Ok(()));
    assert!(lab.remapped(2));
    assert_eq!(counters(&lab), (1, 0));
    let touched = |t: &&(Op, u64, u32)| t.0 == Op::Write && t.1 < 20 && t.1 + u64::from(t.2) > 18;
    assert_eq!(lab.main.trace.iter().filter(touched).count(), 0);
    lab.verify(nothing_fails);
    lab.flush();
    lab.cut(None).verify(nothing_fails);
}

#[test]
fn a_write_beside_pending_sectors_moves_nothing() {
    let mut lab = pending(fine(), 18, 2);
    assert_eq!(lab.write_now(20, 8), Ok(()));
    assert_eq!(counters(&lab), (0, 2));
    assert_eq!(main_writes(&lab), 1, "and goes its way, whole");
}

#[test]
fn what_stays_pending_of_a_block_that_moves_is_only_on_main() {
    let mut lab = pending(fine(), 18, 2);
    assert_eq!(lab.write_now(18, 1), Ok(()));
    let state = lab.engine.map().chunk(Block(2), 0);
    assert_eq!((state.unspared(), state.pending()), (1 << 3, 1 << 3));
    lab.verify(|_, at| at == 19);
}

#[test]
fn main_first_is_written_through_under_a_hold_and_read_back() {
    let mut lab = pending(main_first(Shape::default()), 16, 8);
    assert_eq!(lab.write_now(16, 8), Ok(()));
    assert_eq!(counters(&lab), (0, 8), "it stays pending");
    let kind = |a: &Action| match a {
        Action::Publish { wait } => Some(if *wait { "hold" } else { "publish" }),
        Action::Write { fua: true, .. } => Some("fua"),
        Action::Flush { side: Side::Main } => Some("flush"),
        Action::Read { .. } => Some("read"),
        Action::Compare { .. } => Some("compare"),
        Action::Gather { .. } | Action::Complete { .. } | Action::Idle => None,
        _ => Some("something else"),
    };
    let steps: Vec<_> = lab.actions.iter().filter_map(kind).collect();
    let want = ["hold", "fua", "flush", "read", "compare", "publish"];
    assert_eq!(steps, want);
    // It is durable, and a later read says that it is well.
    let mut lab = lab.cut(None);
    lab.verify(nothing_fails);
    lab.message(JobKind::Retest, 16, 8);
    lab.settle();
    assert_eq!(counters(&lab), (0, 0));
}

#[test]
fn a_block_that_is_held_for_its_write_is_let_go() {
    for failure in [None, Some(TRANSPORT), Some(MEDIUM)] {
        let mut lab = pending(main_first(Shape::default()), 16, 8);
        if let Some(failure) = failure {
            lab.main.plan(Op::Write, 16, 8, Until::Forever, failure);
        }
        let write = lab.write(16, 8, false);
        lab.settle();
        let passed_up = failure.filter(|f| *f == TRANSPORT);
        assert_eq!(lab.result(write), passed_up.map_or(Ok(()), Err));
        assert_eq!(lab.remapped(2), failure == Some(MEDIUM));
        let writes = lab.main.trace.len();
        let read = lab.read(16, 8);
        assert_eq!(lab.queue.len(), 0, "nothing is held: {failure:?}");
        lab.settle();
        assert_eq!(lab.result(read).is_err(), passed_up.is_some());
        assert!(lab.main.trace.len() > writes || failure == Some(MEDIUM));
    }
}

#[test]
fn what_main_does_not_take_moves() {
    // It fails as real drives report it, reads back as an error, or as something else.
    let spoil: [fn(&mut Lab); 4] = [
        |lab| lab.main.plan(Op::Write, 16, 8, Until::Forever, MEDIUM),
        |lab| lab.main.plan(Op::Write, 16, 8, Until::Forever, IOERR),
        |lab| lab.main.plan(Op::Read, 16, 8, Until::Forever, IOERR),
        |lab| lab.main.forgets = true,
    ];
    for (i, spoil) in spoil.into_iter().enumerate() {
        let mut lab = pending(main_first(Shape::default()), 16, 8);
        spoil(&mut lab);
        assert_eq!(lab.write_now(16, 8), Ok(()), "way {i}");
        lab.main.forgets = false;
        assert!(lab.remapped(2), "way {i}");
        assert_eq!(counters(&lab).1, 0);
        lab.verify(nothing_fails);
        lab.flush();
        lab.cut(None).verify(nothing_fails);
    }
}

#[test]
fn a_write_of_before_the_mark_is_waited_for() {
    let mut lab = Lab::new(main_first(Shape::default()));
    lab.main.plan(Op::Read, 16, 8, Until::Written, MEDIUM);
    // This one is on its way to main when the sectors become pending.
    let early = lab.write(16, 8, false);
    let read = lab.read(16, 8);
    lab.land(1);
    while lab.step() != Action::Idle || !lab.queue.is_empty() {}
    assert_eq!(lab.result(read), Err(MEDIUM));
    assert_eq!(lab.in_flight(), 1);
    let late = lab.write(16, 8, false);
    while lab.tickets[late].open > 0 {
        lab.step();
    }
    lab.settle();
    assert_eq!((lab.result(early), lab.result(late)), (Ok(()), Ok(())));
    assert!(!lab.remapped(2), "what was read back is what was written");
    assert_eq!(lab.main.peek(16), lab::twin::cell(16, 2));
}

#[test]
fn without_a_spare_block_a_pending_write_goes_to_main() {
    let mut lab = pending(Shape::default(), 16, 8);
    let total = u64::from(lab.engine.map().counters().spare_total);
    let mut shape = lab.shape;
    shape.len = (total + 8) * 8;
    lab = Lab::new(shape);
    let ticket = lab.relocate(64, (total * 8) as u32);
    lab.settle();
    assert_eq!(lab.result(ticket), Ok(()));
    assert_eq!(lab.engine.map().counters().spare_free, 0);
    lab.main.plan(Op::Read, 16, 8, Until::Written, MEDIUM);
    assert_eq!(lab.read_now(16, 8), Err(MEDIUM));
    assert_eq!(lab.write_now(16, 8), Ok(()));
    assert!(!lab.remapped(2));
    lab.verify(nothing_fails);
}

#[test]
fn where_nothing_may_move_a_pending_write_goes_where_it_did() {
    for shape in [Shape::default(), main_first(Shape::default())] {
        let mut lab = pending(
            Shape {
                auto_remap: false,
                ..shape
            },
            16,
            8,
        );
        assert_eq!(lab.write_now(16, 8), Ok(()));
        assert_eq!((counters(&lab), main_writes(&lab)), ((0, 8), 1));
        lab.verify(nothing_fails);
    }
    // Nor when the map cannot change.
    let mut lab = pending(Shape::default(), 16, 8);
    bad_write(&mut lab, 0, 8);
    lab.fail_log = true;
    assert_eq!(lab.write_now(0, 8), Err(IOERR));
    lab.fail_log = false;
    assert_eq!(lab.write_now(16, 8), Ok(()));
    assert_eq!(counters(&lab), (0, 8));
}

#[test]
fn a_pending_spare_block_moves_on_a_write() {
    for shape in [Shape::default(), main_first(Shape::default())] {
        let mut lab = Lab::new(shape);
        bad_write(&mut lab, 16, 8);
        assert_eq!(lab.write_now(16, 8), Ok(()));
        let old = lab.spare_of(2);
        lab.spare.plan(Op::Read, old, 1, Until::Forever, MEDIUM);
        assert_eq!(lab.read_now(16, 8), Err(MEDIUM));
        assert_eq!((counters(&lab), lab.spare_of(2)), ((1, 8), old));
        assert_eq!(lab.write_now(16, 8), Ok(()));
        assert_ne!(lab.spare_of(2), old);
        assert_eq!(counters(&lab), (1, 0));
        assert_eq!(lab.engine.map().counters().spare_failed, 1);
        lab.verify(nothing_fails);
        lab.flush();
        lab.cut(None).verify(nothing_fails);
    }
}

fn cuts(main: bool) {
    let story = |film: &mut Film| {
        if main {
            let shape = main_first(film.lab.shape);
            film.lab.reload(shape);
        }
        film.write(0, 64, false);
        film.play();
        film.flush();
        film.lab.main.plan(Op::Read, 18, 1, Until::Written, MEDIUM);
        film.lab.main.plan(Op::Read, 34, 1, Until::Written, MEDIUM);
        film.read(16, 24);
        film.play();
        film.begins();
        film.write(16, 8, true);
        film.play();
        film.lab.main.plan(Op::Write, 34, 1, Until::Forever, MEDIUM);
        film.write(33, 2, true);
        film.write(38, 1, false);
        film.play();
    };
    let cuts = every_cut(&story, &|lab, at| lab.main.planned(Op::Read, at, 1));
    assert!(cuts > 15, "only {cuts} actions");
}

#[test]
fn cuts_while_pending_sectors_are_written() {
    cuts(false);
}

#[test]
fn cuts_while_pending_sectors_are_written_on_main() {
    cuts(true);
}
