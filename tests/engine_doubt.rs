// SPDX-License-Identifier: GPL-2.0-only

//! How doubt ends: `clear_needs_check`.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::{Action, JobKind, Notice, State},
    fault::Op,
    open::OpenError,
};
use lab::{
    disk::{Until, IOERR, MEDIUM},
    rules::*,
    Lab,
};

/// A lab with a commit in doubt: block 1 is to move. The log block has reached the medium in neither
/// copy, or in those of `reached`.
fn in_doubt(reached: &[usize]) -> Lab {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 0, 64);
    assert_eq!(lab.write_now(0, 8), Ok(()));
    lab.main.plans.clear();
    assert_eq!(lab.write_now(8, 8), Ok(()));
    bad_write(&mut lab, 8, 8);
    lab.fail_log = true;
    let ticket = lab.write(9, 2, false);
    loop {
        lab.land_all();
        let action = lab.ask();
        if let Action::Meta { places } = action {
            // It is told that both failed.
            let block = lab.engine.meta_block().to_vec();
            for &copy in reached {
                let at = places.as_slice()[copy].0;
                lab.spare.put(at, &block, true);
            }
            lab.carry_out(action);
            break;
        }
        lab.carry_out(action);
    }
    lab.settle();
    lab.fail_log = false;
    assert_eq!(lab.result(ticket), Err(IOERR));
    assert_eq!(lab.state(), State::Ro);
    lab.main.plans.clear();
    lab
}

#[test]
fn a_check_decides_what_was_in_doubt_for_good() {
    for reached in [&[][..], &[0], &[1], &[0, 1]] {
        let mut lab = in_doubt(reached);
        assert_eq!(lab.write_now(8, 8), Err(IOERR), "as long as it is in doubt");
        assert!(lab.clear_needs_check().is_ok());
        assert_eq!(lab.state(), State::Rw);
        assert!(!lab.engine.status().needs_check);
        assert!(lab.notices.contains(&Notice::State(State::Rw)));
        // The change was repeated or revoked, and that stays so, whatever the cache of the disk kept.
        let moved = lab.remapped(1);
        assert_eq!(moved, !reached.is_empty(), "{reached:?}");
        lab.verify(nothing_fails);
        assert_eq!(lab.write_now(8, 8), Ok(()), "it can be written again");
        lab.flush();
        let mut lab = lab.cut(None);
        assert_eq!(lab.remapped(1), moved, "{reached:?}");
        assert_eq!((lab.state(), lab.remapped(0)), (State::Rw, true));
        lab.verify(nothing_fails);
        bad_write(&mut lab, 16, 8);
        assert_eq!(lab.write_now(16, 8), Ok(()), "and the map changes");
        lab.flush();
        lab.cut(None).verify(nothing_fails);
    }
}

#[test]
fn what_was_revoked_does_not_come_back() {
    // A disk that shows the block only after it said twice that it is not there.
    let mut lab = in_doubt(&[]);
    let (places, block) = lab.unwritten.clone().expect("a log block");
    assert!(lab.clear_needs_check().is_ok());
    assert!(!lab.remapped(1));
    assert_eq!(lab.write_now(8, 8), Ok(()));
    lab.flush();
    for at in places {
        lab.spare.put(at, &block, true);
    }
    let mut lab = lab.cut(None);
    assert!(!lab.remapped(1), "the session that followed says so");
    lab.verify(nothing_fails);
}

#[test]
fn a_check_that_fails_at_any_io_leaves_the_doubt_and_can_be_repeated() {
    for reached in [&[][..], &[0], &[0, 1]] {
        let mut failed = 0;
        for n in 0.. {
            let mut lab = in_doubt(reached);
            lab.spare.dies_after = Some(n);
            let done = lab.clear_needs_check();
            lab.spare.dies_after = None;
            if done.is_ok() {
                break;
            }
            failed += 1;
            lab.spare.dead = None;
            assert_eq!(lab.state(), State::Ro);
            assert_eq!(lab.read_now(8, 8), Ok(()), "as before");
            assert_eq!(lab.write_now(8, 8), Err(IOERR));
            if n % 2 == 0 {
                lab.flush();
                let mut lab = lab.cut(None);
                assert_eq!(lab.state(), State::Ro, "it has to be checked still");
                lab.verify(nothing_fails);
                assert!(lab.clear_needs_check().is_ok());
                assert_eq!(lab.write_now(8, 8), Ok(()));
                lab.verify(nothing_fails);
                continue;
            }
            assert!(lab.clear_needs_check().is_ok());
            assert_eq!(lab.write_now(8, 8), Ok(()));
            lab.verify(nothing_fails);
            lab.flush();
            lab.cut(None).verify(nothing_fails);
        }
        assert!(failed > 8, "only {failed} I/Os");
    }
}

#[test]
fn the_doubt_of_a_retest_ends_with_either_copy() {
    for reached in [false, true] {
        let mut lab = Lab::new(fine());
        assert_eq!(lab.write_now(16, 8), Ok(()));
        lab.message(JobKind::Relocate, 16, 8);
        lab.settle();
        assert_eq!(lab.write_now(16, 8), Ok(()));
        let old = lab.spare_of(2);
        lab.fail_log = true;
        lab.message(JobKind::Retest, 16, 8);
        loop {
            let action = lab.ask();
            if let (Action::Meta { places }, true) = (action, reached) {
                let block = lab.engine.meta_block().to_vec();
                for at in places.as_slice().iter().filter(|at| at.0 != 0) {
                    lab.spare.put(at.0, &block, true);
                }
            }
            lab.carry_out(action);
            if let Action::Meta { .. } = action {
                break;
            }
        }
        lab.settle();
        lab.fail_log = false;
        assert_eq!(lab.state(), State::Ro);
        // A read is on its way to the spare block while the doubt ends: the block is not handed out before.
        let read = lab.read(16, 8);
        assert!(lab.clear_needs_check().is_ok());
        assert_eq!(lab.result(read), Ok(()));
        assert_eq!(lab.remapped(2), !reached);
        lab.verify(nothing_fails);
        assert_eq!(lab.write_now(16, 8), Ok(()));
        lab.message(JobKind::Relocate, 32, 8);
        lab.settle();
        assert!(reached || lab.spare_of(4) != old);
        lab.verify(nothing_fails);
        lab.flush();
        lab.cut(None).verify(nothing_fails);
    }
}

#[test]
fn earlier_readers_end_before_anything_changes() {
    let mut lab = in_doubt(&[]);
    let read = lab.read(8, 8);
    assert_eq!(lab.in_flight(), 1);
    // What comes into the same batch is carried out after it.
    let mark = lab.message(JobKind::Mark, 64, 8);
    lab.actions.clear();
    assert!(lab.clear_needs_check().is_ok());
    assert_eq!(lab.tickets[mark].stayed, 0);
    let mut actions = lab.actions.iter();
    let first = actions.find(|a| !matches!(a, Action::Notice(_)));
    assert_eq!(first, Some(&Action::Publish { wait: true }));
    assert_eq!(lab.result(read), Ok(()));
}

#[test]
fn a_map_that_had_to_be_checked_at_its_start_is_checked() {
    let mut lab = in_doubt(&[0]).cut(None);
    assert_eq!(lab.state(), State::Ro);
    bad_write(&mut lab, 16, 8);
    assert_eq!(lab.write_now(16, 8), Err(MEDIUM));
    assert!(lab.clear_needs_check().is_ok());
    assert_eq!(lab.write_now(16, 8), Ok(()));
    lab.flush();
    let mut lab = lab.cut(None);
    assert_eq!(lab.state(), State::Rw);
    lab.verify(nothing_fails);
}

#[test]
fn a_rotten_copy_is_repaired_by_the_check() {
    let mut lab = in_doubt(&[]);
    let place = lab.unwritten.as_ref().expect("a log block").0[0];
    lab.spare
        .plan(Op::Read, place - 8, 8, Until::Written, MEDIUM);
    assert!(lab.clear_needs_check().is_ok());
    let left = lab.spare.plans.len();
    assert_eq!(left, 0, "written again");
    lab.verify(nothing_fails);
}

#[test]
fn after_a_check_that_may_have_begun_a_session_the_one_before_writes_nothing() {
    // The log ended in one copy alone, so a session began with the start.
    let mut lab = in_doubt(&[0]).cut(None);
    let places = lab.engine.layout().places();
    for at in places.as_slice() {
        lab.spare.plan(Op::Write, at.0, 8, Until::Forever, IOERR);
    }
    assert_eq!(lab.clear_needs_check(), Err(OpenError::Unwritable));
    lab.spare.plans.clear();
    let writes = lab.spare.trace.len();
    lab.engine.close();
    lab.settle();
    assert_eq!(
        lab.spare.trace.len(),
        writes,
        "its superblock would contradict"
    );
    assert!(lab.clear_needs_check().is_ok());
    assert_eq!(lab.state(), State::Rw);
    lab.verify(nothing_fails);
}
