// SPDX-License-Identifier: GPL-2.0-only

//! Power cuts between every two actions of what messages ask for, and what comes while a block goes back.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::{Action, JobKind, Side},
    fault::Op,
};
use lab::{
    disk::{Until, MEDIUM},
    film::{bad_read, every_cut, Film},
    rules::*,
    Lab, Shape,
};

#[test]
fn cuts_while_blocks_go_back() {
    let story = |film: &mut Film| {
        film.write(0, 96, true);
        film.play();
        film.message(JobKind::Relocate, 0, 64);
        film.play();
        // Some on the spare are newer than main, some of them only in its cache.
        film.write(0, 40, true);
        film.write(40, 8, false);
        film.play();
        film.begins();
        film.message(JobKind::Retest, 0, 24);
        film.write(20, 8, false);
        film.play();
        film.write(4, 3, true);
        film.flush();
        film.play();
        // One whose main is bad stays, one moves for a write that fails, the others go.
        film.lab.main.plan(Op::Write, 33, 1, Until::Forever, MEDIUM);
        film.message(JobKind::Retest, 24, 40);
        film.write(32, 8, true);
        film.play();
        film.flush();
        film.message(JobKind::Relocate, 8, 16);
        film.play();
        film.write(8, 12, true);
        film.message(JobKind::Retest, 8, 16);
        film.play();
    };
    let cuts = every_cut(&story, &|_, _| false);
    assert!(cuts > 60, "only {cuts} actions");
}

#[test]
fn cuts_while_blocks_are_marked_and_evacuated() {
    let story = |film: &mut Film| {
        film.write(0, 128, true);
        film.play();
        film.lab.main.plan(Op::Read, 22, 1, Until::Forever, MEDIUM);
        film.message(JobKind::Mark, 8, 40);
        film.play();
        film.message(JobKind::Evacuate, 8, 32);
        film.write(40, 4, true);
        film.play();
        film.message(JobKind::Unmark, 16, 24);
        film.message(JobKind::Retest, 0, 128);
        film.play();
    };
    let cuts = every_cut(&story, &bad_read);
    assert!(cuts > 40, "only {cuts} actions");
}

#[test]
fn cuts_while_a_retest_cannot_be_recorded() {
    let story = |film: &mut Film| {
        film.write(0, 32, true);
        film.message(JobKind::Relocate, 0, 32);
        film.play();
        film.write(0, 32, true);
        film.play();
        film.lab.fail_log = true;
        film.begins();
        film.message(JobKind::Retest, 0, 16);
        film.play();
        film.write(0, 16, true);
        film.write(16, 16, true);
        film.play();
    };
    let cuts = every_cut(&story, &|_, _| false);
    assert!(cuts > 10, "only {cuts} actions");
}

/// A lab whose block 2 is on the spare, with other data than main has.
fn moved() -> Lab {
    let mut lab = Lab::new(fine());
    assert_eq!(lab.write_now(16, 8), Ok(()));
    lab.relocate(16, 8);
    lab.settle();
    assert_eq!(lab.write_now(16, 8), Ok(()));
    lab
}

/// I/O comes and goes before each of the actions of a retest in turn.
fn at_each_action(io: impl Fn(&mut Lab)) {
    for n in 0.. {
        let mut lab = moved();
        lab.message(JobKind::Retest, 16, 8);
        let mut seen = 0;
        while seen < n {
            if lab.step() == Action::Idle && lab.queue.is_empty() {
                break;
            }
            seen += 1;
        }
        io(&mut lab);
        lab.settle();
        assert!(!lab.remapped(2), "it went back after {n} actions");
        lab.verify(nothing_fails);
        lab.flush();
        lab.cut(None).verify(nothing_fails);
        if seen < n {
            assert!(n > 8, "only {n} actions");
            return;
        }
    }
}

#[test]
fn two_writers_and_a_reader_at_every_action_of_a_retest() {
    at_each_action(|lab| {
        let tickets = [
            lab.write(14, 4, false),
            lab.write(18, 3, true),
            lab.read(15, 10),
        ];
        // One of the writers is on its way all the time.
        if lab.in_flight() > 1 {
            lab.land(1);
        }
        lab.settle();
        assert!(tickets.iter().all(|&t| lab.result(t).is_ok()));
    });
}

#[test]
fn a_retest_waits_for_writes_on_their_way() {
    let mut lab = moved();
    let write = lab.write(18, 2, false);
    assert_eq!(lab.in_flight(), 1);
    lab.message(JobKind::Retest, 16, 8);
    while lab.step() != Action::Idle {}
    lab.settle();
    assert_eq!(lab.result(write), Ok(()));
    assert!(!lab.remapped(2));
    lab.verify(nothing_fails);
}

#[test]
fn what_comes_to_a_block_that_goes_back_is_carried_out_on_main() {
    let mut lab = moved();
    lab.message(JobKind::Retest, 16, 8);
    while !matches!(lab.step(), Action::Publish { wait: true }) {}
    let write = lab.write(18, 2, true);
    let read = lab.read(16, 8);
    assert_eq!(lab.queue.len(), 2, "held");
    lab.settle();
    assert_eq!((lab.result(write), lab.result(read)), (Ok(()), Ok(())));
    lab.verify(nothing_fails);
    assert_eq!(lab.main.peek(18), lab::twin::cell(18, 3));
}

#[test]
fn a_spare_block_is_free_only_after_its_last_reader() {
    let mut lab = Lab::new(Shape {
        spare_len: 2600,
        len: 4096,
        ..fine()
    });
    lab.relocate(16, 8);
    lab.settle();
    assert_eq!(lab.write_now(16, 8), Ok(()));
    let old = lab.spare_of(2);
    // The read is at the spare disk while the block goes back, and as many others move as there is room for.
    let read = lab.read(16, 8);
    lab.message(JobKind::Retest, 16, 8);
    let total = u64::from(lab.engine.map().counters().spare_total);
    for block in 10..10 + total {
        lab.relocate(block * 8, 8);
    }
    while !(lab.step() == Action::Idle && lab.queue.is_empty()) {}
    assert_eq!(lab.engine.map().counters().remapped, total);
    assert!((10..10 + total).any(|block| lab.spare_of(block) == old));
    assert_eq!(lab.result(read), Ok(()), "it was waited for");
    lab.verify(nothing_fails);
}

#[test]
fn a_write_that_fails_on_the_spare_ends_the_retest_of_its_block() {
    let mut lab = moved();
    let old = lab.spare_of(2);
    lab.spare.plan(Op::Write, old, 8, Until::Forever, MEDIUM);
    let asked = lab.message(JobKind::Retest, 16, 8);
    let write = lab.write(17, 2, false);
    lab.settle();
    assert_eq!(lab.result(write), Ok(()));
    assert_eq!(lab.tickets[asked].stayed, 1);
    assert!(lab.remapped(2) && lab.spare_of(2) != old);
    lab.verify(nothing_fails);
    let main = |a: &&Action| matches!(a, Action::Write { side, .. } if *side == Side::Main);
    assert_eq!(lab.actions.iter().filter(main).count(), 0);
}
