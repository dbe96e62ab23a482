// SPDX-License-Identifier: GPL-2.0-only

//! The contract's rules for spare blocks and for metadata that cannot be written, one named test each.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::{Action, JobKind, Notice, Side, State},
    fault::{ErrorPolicy, Op},
};
use lab::{
    disk::{Until, IOERR, MEDIUM},
    rules::*,
    Lab, Shape,
};

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
fn an_error_that_is_not_the_mediums_makes_nothing_lost() {
    for (policy, moved) in [(ErrorPolicy::Confirm, false), (ErrorPolicy::Any, true)] {
        let mut lab = Lab::new(Shape { policy, ..fine() });
        bad_write(&mut lab, 16, 8);
        assert_eq!(lab.write_now(16, 8), Ok(()));
        let old = lab.spare_of(2);
        lab.spare.plan(Op::Write, old, 1, Until::Forever, MEDIUM);
        lab.spare.plan(Op::Read, old + 3, 1, Until::Forever, IOERR);
        assert_eq!(lab.write_now(16, 1).is_ok(), moved);
        assert_eq!(lab.spare_of(2) != old, moved);
        lab.spare.plans.clear();
        lab.verify(|_, at| moved && at == 19);
    }
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
fn a_spare_that_comes_back_before_the_probe_costs_no_spare_block() {
    let mut lab = Lab::new(Shape::default());
    bad_write(&mut lab, 0, 16);
    assert_eq!(lab.write_now(0, 8), Ok(()));
    let next = lab.spare_of(0) + 8;
    lab.spare.plan(Op::Write, next, 8, Until::Times(2), IOERR);
    assert_eq!(lab.write_now(8, 8), Ok(()));
    assert_eq!(lab.spare_of(1), next);
    assert_eq!(lab.engine.map().counters().spare_failed, 0);
    lab.verify(nothing_fails);
}

#[test]
fn physical_blocks_of_the_spare_are_the_disks_wherever_the_area_begins() {
    let mut lab = Lab::new(Shape {
        block: 16,
        spare_phase: 3,
        ..Shape::default()
    });
    bad_write(&mut lab, 16, 16);
    assert_eq!(lab.write_now(16, 16), Ok(()));
    let home = lab.spare_of(1);
    assert_eq!(home % 8, 0, "aligned to the area, so not to the disk");
    lab.spare
        .plan(Op::Read, home + 6, 1, Until::Forever, MEDIUM);
    assert_eq!(lab.read_now(16, 16), Err(MEDIUM));
    // The physical block of that sector, no more and no less.
    let state = lab.engine.map().chunk(dm_remap_core::units::Block(1), 0);
    assert_eq!(state.pending(), 0xff << 5);
    lab.verify(|_, at| (21..29).contains(&at));
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

/// How often that was told.
fn told(lab: &Lab, what: Notice) -> usize {
    lab.notices.iter().filter(|notice| **notice == what).count()
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
    // Nor is a disk that fails asked for what could not be moved anyway.
    lab.actions.clear();
    assert_eq!(lab.write_now(total * 8, 4), Err(MEDIUM));
    assert_eq!(reads(&lab.actions, Side::Main), 0, "nothing is salvaged");
    assert_eq!(told(&lab, Notice::LowWater), 1, "once a crossing");
    assert_eq!(told(&lab, Notice::Exhausted), 1, "once, not for each write");
    // What is not held any more goes on.
    assert_eq!(lab.read_now(total * 8, 8), Ok(()));

    // A spare block that comes back makes the next lack of one worth telling.
    lab.main.plans.clear();
    lab.message(JobKind::Retest, 0, 8);
    lab.settle();
    assert!(!lab.remapped(0));
    bad_write(&mut lab, 0, total * 8 + 8);
    assert_eq!(lab.write_now(total * 8, 8), Ok(()));
    assert_eq!(lab.write_now(0, 8), Err(MEDIUM));
    assert_eq!(told(&lab, Notice::Exhausted), 2, "it is told again");
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
fn a_session_that_cannot_begin_is_told_once_and_tried_again() {
    let mut lab = Lab::new(Shape::default());
    bad_write(&mut lab, 0, 64);
    let places = lab.engine.layout().places();
    for place in places.as_slice() {
        lab.spare
            .plan(Op::Write, place.0, 8, Until::Forever, MEDIUM);
    }
    assert_eq!(lab.write_now(0, 8), Err(IOERR));
    assert_eq!(lab.engine.status().degraded, 3);
    assert_eq!(lab.write_now(8, 8), Err(IOERR));
    assert_eq!(
        told(&lab, Notice::Unrecorded),
        1,
        "once, not for each write"
    );
    assert_eq!(lab.state(), State::Rw, "nothing is in doubt");

    lab.spare.plans.clear();
    assert_eq!(lab.write_now(0, 8), Ok(()));
    assert_eq!(lab.engine.status().degraded, 0);
    assert!(lab.remapped(0));
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
fn with_a_map_that_is_not_known_to_be_right_io_to_moved_blocks_fails() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 16, 8);
    lab.main.plan(Op::Read, 20, 1, Until::Forever, MEDIUM);
    assert_eq!(lab.write_now(16, 2), Ok(()));
    lab.flush();
    let mut lab = lab.mistrusted();
    assert_eq!(lab.state(), State::Fail);
    let before = (lab.main.trace.len(), lab.spare.trace.len());
    // As the kernel's side hands them over: sectors on the spare, and one that is only on main.
    let write = lab.write_as_one_job(16, 8);
    let message = lab.relocate(32, 8);
    lab.settle();
    assert_eq!(lab.result(write), Err(IOERR));
    assert_eq!(lab.result(message), Err(IOERR));
    assert_eq!((lab.main.trace.len(), lab.spare.trace.len()), before);
    // What was never moved goes on; what would have to move fails.
    assert_eq!(lab.write_now(40, 8), Ok(()));
    assert_eq!(lab.read_now(40, 8), Ok(()));
    bad_write(&mut lab, 48, 8);
    assert_eq!(lab.write_now(48, 8), Err(MEDIUM));
    assert_eq!(lab.engine.map().counters().remapped, 1);
}
