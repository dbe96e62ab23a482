// SPDX-License-Identifier: GPL-2.0-only

//! The contract's rules for a failing I/O, one named test each.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::{Action, JobKind, Notice, Side},
    fault::{ErrorPolicy, Op},
    units::Block,
};
use lab::{
    disk::{Until, IOERR, MEDIUM, TARGET, TRANSPORT},
    rules::*,
    Lab, Shape,
};

#[test]
fn a_failed_write_is_a_success_on_the_spare() {
    for p in [ErrorPolicy::Medium, ErrorPolicy::Confirm, ErrorPolicy::Any] {
        let mut lab = Lab::new(policy(p));
        bad_write(&mut lab, 16, 8);
        assert_eq!(lab.write_now(16, 8), Ok(()));
        assert!(lab.remapped(2));
        assert_eq!(lab.engine.map().counters().remapped, 1);
        lab.verify(nothing_fails);
        // The very next I/O goes to the spare.
        let before = lab.main.trace.len();
        assert_eq!(lab.write_now(16, 8), Ok(()));
        assert_eq!(lab.read_now(16, 8), Ok(()));
        assert_eq!(lab.main.trace.len(), before);
        // And so it does after a power cut.
        lab.flush();
        let mut lab = lab.cut(None);
        assert!(lab.remapped(2));
        lab.verify(nothing_fails);
    }
}

#[test]
fn a_write_error_as_real_drives_report_it_is_confirmed_elsewhere() {
    for failure in [IOERR, TARGET] {
        let mut lab = Lab::new(policy(ErrorPolicy::Confirm));
        lab.main.plan(Op::Write, 16, 8, Until::Forever, failure);
        assert_eq!(lab.write_now(16, 8), Ok(()));
        assert!(lab.remapped(2));
        let writes = |a: &&Action| {
            matches!(
                a,
                Action::Write {
                    side: Side::Main,
                    ..
                }
            )
        };
        assert_eq!(lab.actions.iter().filter(writes).count(), 3, "after it too");
        assert_eq!(reads(&lab.actions, Side::Main), 1, "one probe, no salvage");
        lab.verify(nothing_fails);
    }
}

#[test]
fn without_a_success_elsewhere_the_error_is_passed_up() {
    let mut lab = Lab::new(policy(ErrorPolicy::Confirm));
    lab.main.plan(Op::Write, 16, 8, Until::Forever, IOERR);
    lab.main.plan(Op::Read, 0, 512, Until::Forever, IOERR);
    assert_eq!(lab.write_now(16, 8), Err(IOERR));
    assert_eq!(lab.engine.map().counters().remapped, 0);
    assert_eq!(reads(&lab.actions, Side::Main), 3, "probes are bounded");
}

#[test]
fn a_device_that_comes_back_before_the_probe_has_confirmed_nothing() {
    let mut lab = Lab::new(policy(ErrorPolicy::Confirm));
    // The fast path and two lone tries fail; then the link is back, and the probe succeeds.
    lab.main.plan(Op::Write, 16, 8, Until::Times(3), IOERR);
    assert_eq!(lab.write_now(16, 8), Ok(()));
    assert_eq!(reads(&lab.actions, Side::Main), 1, "the probe");
    assert!(!lab.remapped(2));
    lab.verify(nothing_fails);
}

#[test]
fn a_block_that_is_slow_to_fail_is_confirmed_too() {
    let mut lab = Lab::new(policy(ErrorPolicy::Confirm));
    lab.main.plan(Op::Write, 16, 8, Until::Forever, IOERR);
    // Two tries and the probe take longer than a request may go on.
    lab.cost = 31_000;
    assert_eq!(lab.write_now(16, 8), Ok(()));
    assert!(lab.remapped(2));
    lab.verify(nothing_fails);
}

#[test]
fn a_second_try_that_succeeds_moves_nothing() {
    let mut lab = Lab::new(policy(ErrorPolicy::Confirm));
    lab.main.plan(Op::Write, 16, 8, Until::Times(2), IOERR);
    assert_eq!(lab.write_now(16, 8), Ok(()));
    assert!(!lab.remapped(2));
    lab.verify(nothing_fails);
}

#[test]
fn policy_medium_takes_no_other_error() {
    for failure in [IOERR, TARGET, TRANSPORT] {
        let mut lab = Lab::new(policy(ErrorPolicy::Medium));
        lab.main.plan(Op::Write, 16, 8, Until::Forever, failure);
        assert_eq!(lab.write_now(16, 8), Err(failure));
        assert_eq!(lab.engine.map().counters().remapped, 0);
    }
}

#[test]
fn policy_any_takes_all_but_the_excluded_ones() {
    let mut lab = Lab::new(policy(ErrorPolicy::Any));
    lab.main.plan(Op::Write, 16, 8, Until::Forever, IOERR);
    lab.main.plan(Op::Write, 32, 8, Until::Forever, TRANSPORT);
    assert_eq!(lab.write_now(16, 8), Ok(()));
    assert_eq!(reads(&lab.actions, Side::Main), 0, "nothing to confirm");
    assert_eq!(lab.write_now(32, 8), Err(TRANSPORT));
    assert_eq!(lab.engine.map().counters().remapped, 1);
}

#[test]
fn a_transport_error_stops_the_request_and_marks_nothing() {
    let mut lab = Lab::new(policy(ErrorPolicy::Any));
    lab.main.dead = Some(TRANSPORT);
    let generation = lab.engine.status().generation;
    assert_eq!(lab.read_now(0, 256), Err(TRANSPORT));
    assert_eq!(lab.write_now(0, 256), Err(TRANSPORT));
    assert_eq!(lab.main.trace.len(), 4, "one piece of each was tried");
    assert_eq!(lab.engine.status().generation, generation);
}

#[test]
fn without_auto_remap_the_error_is_passed_up() {
    let mut lab = Lab::new(Shape {
        auto_remap: false,
        ..Shape::default()
    });
    bad_write(&mut lab, 16, 8);
    assert_eq!(lab.write_now(8, 24), Err(MEDIUM));
    assert_eq!(lab.engine.map().counters().remapped, 0);
    // The neighbours were written all the same.
    for at in [8, 24] {
        let found = lab.main.peek(at);
        assert_eq!(found, lab::twin::cell(at, 1));
    }
}

#[test]
fn a_merged_read_over_one_bad_sector_marks_its_physical_block_only() {
    // Of a block, of a part of one, and of one sector.
    for (block, physical, first) in [(8, 8, 1000), (64, 8, 1000), (8, 1, 1003)] {
        let mut lab = Lab::new(Shape {
            block,
            main_physical: physical,
            len: 4096,
            spare_len: 8192,
            ..Shape::default()
        });
        bad_read(&mut lab, 1003, 1);
        assert_eq!(lab.read_now(0, 2048), Err(MEDIUM));
        let counters = lab.engine.map().counters();
        let marked = u64::from(physical);
        assert_eq!((counters.pending_sectors, counters.remapped), (marked, 0));
        let state = lab.engine.map().chunk(Block(1003 / block), 0);
        assert_eq!(state.pending(), ((1 << physical) - 1) << (first % block));
        assert!(lab.notices.contains(&Notice::FirstPending));
        // It is known once, and after a power cut.
        let generation = lab.engine.status().generation;
        assert_eq!(lab.read_now(1000, 8), Err(MEDIUM));
        assert_eq!(lab.engine.status().generation, generation);
        let lab = lab.cut(None);
        assert_eq!(lab.engine.map().counters().pending_sectors, marked);
    }
}

#[test]
fn a_failed_read_is_never_pointed_at_the_spare() {
    let mut lab = Lab::new(Shape::default());
    lab.main.plan(Op::Read, 16, 8, Until::Times(4), MEDIUM);
    assert_eq!(lab.read_now(16, 8), Err(MEDIUM));
    assert!(!lab.remapped(2));
    // What recovers gives its data.
    assert_eq!(lab.read_now(16, 8), Ok(()));
}

#[test]
fn a_read_that_a_retry_gives_is_delivered() {
    let mut lab = Lab::new(Shape::default());
    lab.main.plan(Op::Read, 16, 8, Until::Times(3), MEDIUM);
    assert_eq!(lab.read_now(0, 64), Ok(()));
    assert_eq!(lab.engine.map().counters().pending_sectors, 0);
    assert!(lab.remapped(2), "tests/engine_weak.rs has more of this");
}

#[test]
fn policy_says_which_reads_are_marked() {
    for (p, pending) in [(ErrorPolicy::Confirm, 0), (ErrorPolicy::Any, 8)] {
        let mut lab = Lab::new(policy(p));
        lab.main.plan(Op::Read, 16, 8, Until::Forever, IOERR);
        assert_eq!(lab.read_now(16, 8), Err(IOERR));
        assert_eq!(lab.engine.map().counters().pending_sectors, pending);
    }
}

#[test]
fn innocent_neighbours_of_a_failed_write_stay_on_main() {
    let mut lab = Lab::new(Shape::default());
    bad_write(&mut lab, 40, 8);
    assert_eq!(lab.write_now(0, 128), Ok(()));
    assert_eq!(lab.engine.map().counters().remapped, 1);
    assert!(lab.remapped(5));
    lab.verify(nothing_fails);
}

#[test]
fn the_rest_of_a_partly_written_block_is_salvaged() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 18, 1);
    assert_eq!(lab.write_now(17, 3), Ok(()));
    assert!(lab.remapped(2));
    assert_eq!(reads(&lab.actions, Side::Main), 5);
    lab.verify(nothing_fails);
}

#[test]
fn what_cannot_be_salvaged_is_only_on_main() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 18, 1);
    lab.main.plan(Op::Read, 20, 1, Until::Times(6), MEDIUM);
    assert_eq!(lab.write_now(18, 1), Ok(()));
    let state = lab.engine.map().chunk(Block(2), 0);
    assert_eq!((state.unspared(), state.lost()), (0b10000, 0));
    // Main's answer is the answer: an error, and data once it recovers. It is not pending: it is known.
    assert_eq!(lab.read_now(20, 1), Err(MEDIUM));
    assert_eq!(lab.engine.map().counters().pending_sectors, 0);
    assert_eq!(lab.read_now(16, 8), Ok(()));
    // A write makes it on spare, durably.
    assert_eq!(lab.write_now(20, 1), Ok(()));
    assert!(lab.engine.map().chunk(Block(2), 0).is_plain());
    let writes = lab.main.trace.len();
    assert_eq!(lab.read_now(16, 8), Ok(()));
    assert_eq!(lab.main.trace.len(), writes);
    lab.flush();
    lab.cut(None).verify(nothing_fails);
}

#[test]
fn a_physical_block_is_salvaged_or_not_as_one() {
    let mut lab = Lab::new(Shape {
        block: 32,
        ..Shape::default()
    });
    bad_write(&mut lab, 33, 1);
    bad_read(&mut lab, 50, 1);
    assert_eq!(lab.write_now(32, 2), Ok(()));
    let state = lab.engine.map().chunk(Block(1), 0);
    assert_eq!(state.unspared(), 0xff << 16);
    lab.verify(|_, at| (48..56).contains(&at));
}

#[test]
fn what_was_not_tried_in_time_is_an_error_and_marked_nothing() {
    let mut lab = Lab::new(Shape::default());
    bad_read(&mut lab, 0, 512);
    lab.cost = 11_000;
    assert_eq!(lab.read_now(0, 64), Err(MEDIUM));
    // Six tries of eleven seconds: two physical blocks, each three times.
    assert_eq!(reads(&lab.actions, Side::Main), 6);
    assert_eq!(lab.engine.map().counters().pending_sectors, 16);
}

#[test]
fn a_move_that_takes_too_long_leaves_the_block_where_it_is() {
    let mut lab = Lab::new(Shape {
        block: 128,
        spare_len: 16384,
        ..Shape::default()
    });
    bad_write(&mut lab, 0, 1);
    lab.cost = 11_000;
    assert_eq!(lab.write_now(0, 1), Err(MEDIUM));
    assert!(!lab.remapped(0));
    assert_eq!(
        lab.engine.map().counters().spare_free,
        lab.engine.map().counters().spare_total
    );
    lab.cost = 0;
    assert_eq!(lab.write_now(0, 1), Ok(()));
    lab.verify(nothing_fails);
}

#[test]
fn each_block_of_an_evacuation_has_its_own_time_and_one_that_takes_longer_stays() {
    let mut lab = Lab::new(Shape::default());
    lab.cost = 11_000;
    let ticket = lab.message(JobKind::Evacuate, 0, 64);
    lab.settle();
    assert_eq!(lab.tickets[ticket].stayed, 0);
    assert!((0..8).all(|block| lab.remapped(block)));
    assert!(lab.now > 2 * 60_000, "all of them took {} ms", lab.now);
    let mut lab = Lab::new(Shape {
        block: 128,
        spare_len: 16384,
        ..Shape::default()
    });
    lab.cost = 11_000;
    let ticket = lab.message(JobKind::Evacuate, 0, 128);
    lab.settle();
    assert_eq!(lab.tickets[ticket].stayed, 1);
    assert!(!lab.remapped(0));
}

#[test]
fn a_request_whose_data_is_not_found_fails_and_nothing_is_written() {
    let mut lab = Lab::new(Shape::default());
    bad_write(&mut lab, 16, 8);
    let ticket = lab.write(16, 8, false);
    lab.land_all();
    while !matches!(lab.step(), Action::Publish { wait: true }) {}
    lab.lose_data = true;
    lab.settle();
    assert_eq!(lab.result(ticket), Err(IOERR));
    assert!(!lab.remapped(2));
    let writes = lab.main.trace.len();
    assert_eq!(lab.write_now(16, 8), Err(IOERR));
    assert_eq!(lab.main.trace.len(), writes + 1, "the fast path's alone");
    lab.lose_data = false;
    assert_eq!(lab.write_now(16, 8), Ok(()));
    lab.verify(nothing_fails);
}

#[test]
fn on_a_slow_disk_nobody_waits_for_all_the_others() {
    let mut lab = Lab::new(Shape::default());
    bad_write(&mut lab, 0, 512);
    lab.cost = 2_000;
    let tickets: Vec<usize> = (0..32).map(|i| lab.write(i * 8, 8, false)).collect();
    lab.land_all();
    while lab.tickets[tickets[0]].open > 0 {
        lab.step();
    }
    assert_eq!(lab.result(tickets[0]), Ok(()));
    assert!(lab.now < 20_000, "it took {} ms", lab.now);
    lab.settle();
    assert!(tickets.iter().all(|&t| lab.result(t).is_ok()));
}

#[test]
fn a_thousand_failing_requests_are_each_handled_once() {
    let mut lab = Lab::new(Shape {
        len: 8192,
        spare_len: 16384,
        ..Shape::default()
    });
    bad_write(&mut lab, 0, 8192);
    let tickets: Vec<usize> = (0..1000).map(|i| lab.write(i * 8, 8, false)).collect();
    lab.settle();
    for ticket in tickets {
        assert_eq!(lab.result(ticket), Ok(()));
    }
    assert_eq!(lab.engine.map().counters().remapped, 1000);
    let commits = lab.engine.status().generation;
    assert!(
        commits < 100,
        "changes that arrive together share a commit: {commits}"
    );
    lab.verify(nothing_fails);
    lab.flush();
    lab.cut(None).verify(nothing_fails);
}
