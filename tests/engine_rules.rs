// SPDX-License-Identifier: GPL-2.0-only

//! The contract's rules for a failing I/O, one named test each.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::{Action, Notice, Side, State},
    fault::{ErrorPolicy, Op},
};
use lab::{
    disk::{Until, IOERR, MEDIUM, TARGET, TRANSPORT},
    Lab, Shape,
};

fn policy(policy: ErrorPolicy) -> Shape {
    Shape {
        policy,
        ..Shape::default()
    }
}

/// 512-byte sectors that fail one by one.
fn fine() -> Shape {
    Shape {
        main_physical: 1,
        spare_physical: 1,
        ..Shape::default()
    }
}

fn bad_write(lab: &mut Lab, at: u64, len: u64) {
    lab.main.plan(Op::Write, at, len, Until::Forever, MEDIUM);
}

fn bad_read(lab: &mut Lab, at: u64, len: u64) {
    lab.main.plan(Op::Read, at, len, Until::Forever, MEDIUM);
}

fn nothing_fails(_: &Lab, _: u64) -> bool {
    false
}

fn reads(actions: &[Action], of: Side) -> usize {
    let is = |a: &&Action| matches!(a, Action::Read { side, .. } if *side == of);
    actions.iter().filter(is).count()
}

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
        assert_eq!(lab.actions.iter().filter(writes).count(), 2);
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
    let mut lab = Lab::new(Shape {
        len: 4096,
        ..Shape::default()
    });
    bad_read(&mut lab, 1003, 1);
    assert_eq!(lab.read_now(0, 2048), Err(MEDIUM));
    let counters = lab.engine.map().counters();
    assert_eq!((counters.pending_sectors, counters.remapped), (8, 0));
    let state = lab.engine.map().chunk(dm_remap_core::units::Block(125), 0);
    assert_eq!(state.pending(), 0xff);
    assert!(lab.notices.contains(&Notice::FirstPending));
    // It is known once, and after a power cut.
    let generation = lab.engine.status().generation;
    assert_eq!(lab.read_now(1000, 8), Err(MEDIUM));
    assert_eq!(lab.engine.status().generation, generation);
    let lab = lab.cut(None);
    assert_eq!(lab.engine.map().counters().pending_sectors, 8);
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
    let state = lab.engine.map().chunk(dm_remap_core::units::Block(2), 0);
    assert_eq!((state.unspared(), state.lost()), (0b10000, 0));
    // Main's answer is the answer: an error, and data once it recovers. It is not pending: it is known.
    assert_eq!(lab.read_now(20, 1), Err(MEDIUM));
    assert_eq!(lab.engine.map().counters().pending_sectors, 0);
    assert_eq!(lab.read_now(16, 8), Ok(()));
    // A write makes it on spare, durably.
    assert_eq!(lab.write_now(20, 1), Ok(()));
    assert!(lab
        .engine
        .map()
        .chunk(dm_remap_core::units::Block(2), 0)
        .is_plain());
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
    let state = lab.engine.map().chunk(dm_remap_core::units::Block(1), 0);
    assert_eq!(state.unspared(), 0xff << 16);
    lab.verify(|_, at| (48..56).contains(&at));
}

#[test]
fn a_sector_that_the_old_spare_block_cannot_give_is_lost() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 16, 8);
    assert_eq!(lab.write_now(16, 8), Ok(()));
    let old = lab.spare_of(2);
    lab.spare.plan(Op::Write, old, 1, Until::Forever, MEDIUM);
    lab.spare.plan(Op::Read, old + 3, 1, Until::Forever, MEDIUM);
    assert_eq!(lab.write_now(16, 1), Ok(()));
    assert_ne!(lab.spare_of(2), old);
    let counters = lab.engine.map().counters();
    assert_eq!((counters.lost_sectors, counters.spare_failed), (1, 1));
    lab.verify(|_, at| at == 19);
    // A read asks no disk, not now and not after a restart.
    lab.flush();
    let mut lab = lab.cut(None);
    let before = (lab.main.trace.len(), lab.spare.trace.len());
    assert_eq!(lab.read_now(19, 1), Err(MEDIUM));
    assert_eq!((lab.main.trace.len(), lab.spare.trace.len()), before);
    // Until it is written.
    assert_eq!(lab.write_now(19, 1), Ok(()));
    assert_eq!(lab.read_now(16, 8), Ok(()));
    assert_eq!(lab.engine.map().counters().lost_sectors, 0);
}

#[test]
fn lost_sectors_of_a_batch_that_reads_them_are_media_errors() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 16, 8);
    assert_eq!(lab.write_now(16, 8), Ok(()));
    let old = lab.spare_of(2);
    lab.spare.plan(Op::Write, old, 8, Until::Forever, MEDIUM);
    lab.spare.plan(Op::Read, old + 3, 1, Until::Forever, MEDIUM);
    // The read is on its way while the block moves, and comes to the worker after it.
    let write = lab.write(16, 1, false);
    lab.land_all();
    while !matches!(lab.step(), Action::Publish { wait: true }) {}
    let read = lab.read(16, 8);
    lab.settle();
    assert_eq!(lab.result(write), Ok(()));
    assert_eq!(lab.result(read), Err(MEDIUM));
}

#[test]
fn a_spare_block_that_fails_is_never_used_again() {
    for failure in [MEDIUM, IOERR] {
        let mut lab = Lab::new(Shape::default());
        bad_write(&mut lab, 0, 512);
        assert_eq!(lab.write_now(0, 8), Ok(()));
        let first = lab.spare_of(0);
        lab.spare
            .plan(Op::Write, first + 8, 16, Until::Forever, failure);
        assert_eq!(lab.write_now(8, 8), Ok(()));
        assert_eq!(lab.engine.map().counters().spare_failed, 2);
        assert_eq!(lab.spare_of(1), first + 24);
        lab.verify(nothing_fails);
        lab.flush();
        let mut lab = lab.cut(None);
        assert_eq!(lab.engine.map().counters().spare_failed, 2);
        assert_eq!(lab.write_now(16, 8), Ok(()));
        assert_ne!(lab.spare_of(2), first + 8);
        assert_ne!(lab.spare_of(2), first + 16);
        lab.verify(nothing_fails);
    }
}

#[test]
fn a_spare_device_that_is_gone_costs_no_spare_blocks() {
    let mut lab = Lab::new(Shape::default());
    bad_write(&mut lab, 0, 8);
    lab.spare.dead = Some(IOERR);
    let before = lab.engine.map().counters();
    assert_eq!(lab.write_now(0, 8), Err(IOERR));
    assert_eq!(lab.engine.map().counters(), before);
    assert_eq!(lab.write_now(8, 8), Ok(()), "everything else continues");
}

#[test]
fn a_remapped_block_moves_on_when_its_spare_block_fails() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 16, 8);
    assert_eq!(lab.write_now(16, 8), Ok(()));
    let old = lab.spare_of(2);
    lab.spare
        .plan(Op::Write, old + 2, 1, Until::Forever, MEDIUM);
    assert_eq!(lab.write_now(17, 3), Ok(()));
    assert_ne!(lab.spare_of(2), old);
    assert_eq!(lab.engine.map().counters().spare_failed, 1);
    lab.verify(nothing_fails);
    lab.flush();
    lab.cut(None).verify(nothing_fails);
}

#[test]
fn a_failed_read_of_the_spare_is_pending_and_moves_nothing() {
    let mut lab = Lab::new(Shape::default());
    bad_write(&mut lab, 16, 8);
    assert_eq!(lab.write_now(16, 8), Ok(()));
    let home = lab.spare_of(2);
    lab.spare.plan(Op::Read, home, 1, Until::Forever, MEDIUM);
    assert_eq!(lab.read_now(16, 8), Err(MEDIUM));
    assert_eq!(lab.spare_of(2), home);
    assert_eq!(lab.engine.map().counters().pending_sectors, 8);
}

#[test]
fn without_a_spare_block_nothing_changes() {
    let mut lab = Lab::new(Shape::default());
    let total = u64::from(lab.engine.map().counters().spare_total);
    let mut lab_shape = lab.shape;
    lab_shape.len = (total + 8) * 8;
    lab = Lab::new(lab_shape);
    bad_write(&mut lab, 0, total * 8 + 8);
    for block in 0..total {
        assert_eq!(lab.write_now(block * 8, 8), Ok(()));
    }
    assert!(lab.notices.contains(&Notice::LowWater));
    assert!(!lab.notices.contains(&Notice::Exhausted));
    let before = (lab.engine.map().counters(), lab.engine.status());
    assert_eq!(lab.write_now(total * 8, 8), Err(MEDIUM));
    assert_eq!((lab.engine.map().counters(), lab.engine.status()), before);
    assert!(lab.notices.contains(&Notice::Exhausted));
    let low = lab.notices.iter().filter(|n| **n == Notice::LowWater);
    assert_eq!(low.count(), 1, "once a crossing");
    // What is not held any more goes on.
    assert_eq!(lab.read_now(total * 8, 8), Ok(()));
}

#[test]
fn a_copy_that_fails_is_degraded_on_record() {
    let mut lab = Lab::new(Shape::default());
    bad_write(&mut lab, 0, 64);
    assert_eq!(lab.write_now(0, 8), Ok(()));
    let places = lab.log_places();
    lab.spare
        .plan(Op::Write, places[0] / 8 * 8, 8 * 64, Until::Forever, MEDIUM);
    assert_eq!(lab.write_now(8, 8), Ok(()));
    assert_eq!(lab.engine.status().degraded, 1);
    assert!(lab.notices.contains(&Notice::Degraded(0)));
    assert_eq!(lab.state(), State::Rw);
    assert_eq!(lab.write_now(16, 8), Ok(()));
    lab.flush();
    let mut lab = lab.cut(None);
    for block in 0..3 {
        assert!(lab.remapped(block));
    }
    lab.verify(nothing_fails);
}

#[test]
fn a_commit_that_no_copy_has_is_in_doubt() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 0, 64);
    assert_eq!(lab.write_now(0, 8), Ok(()));
    lab.fail_log = true;
    let ticket = lab.write(8, 8, false);
    lab.settle();
    assert_eq!(lab.result(ticket), Err(IOERR));
    assert_eq!(lab.state(), State::Ro);
    assert!(lab.engine.status().needs_check);
    assert!(lab.notices.contains(&Notice::State(State::Ro)));
    lab.fail_log = false;
    // Reads go where they went before, writes fail: without any I/O.
    assert_eq!(lab.read_now(8, 8), Ok(()));
    let before = lab.main.trace.len();
    assert_eq!(lab.write_now(8, 8), Err(IOERR));
    assert_eq!(lab.main.trace.len(), before);
    // Other blocks go on, as long as nothing has to change.
    assert_eq!(lab.write_now(0, 8), Ok(()));
    assert_eq!(lab.write_now(80, 8), Ok(()));
    assert_eq!(lab.write_now(16, 8), Err(MEDIUM));
    lab.flush();
    let mut lab = lab.cut(None);
    assert!(lab.engine.status().needs_check, "it is on record");
    lab.verify(nothing_fails);
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
