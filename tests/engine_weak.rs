// SPDX-License-Identifier: GPL-2.0-only

//! What failed alone and then read: it moves while it can be read.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::Count,
    fault::{ErrorPolicy, Op},
    units::Block,
};
use lab::{
    disk::{Until, IOERR, MEDIUM},
    film::{every_cut, Film},
    rules::*,
    Lab, Shape,
};

/// Fails the read of the fast path, and so many lone ones.
fn flaky(lab: &mut Lab, at: u64, lone: u32) {
    lab.main
        .plan(Op::Read, at, 1, Until::Times(1 + lone), MEDIUM);
}

#[test]
fn what_failed_alone_and_then_read_is_evacuated() {
    for lone in [1, 2] {
        let mut lab = Lab::new(Shape::default());
        flaky(&mut lab, 18, lone);
        assert_eq!(lab.read_now(0, 64), Ok(()));
        assert!(lab.remapped(2));
        assert_eq!(lab.engine.map().counters().remapped, 1, "and no other");
        assert_eq!(lab.engine.stats().of(Count::EVACUATED), 1);
        assert!(lab.engine.map().chunk(Block(2), 0).is_plain());
        lab.main.dead = Some(IOERR);
        assert_eq!(lab.read_now(16, 8), Ok(()));
        lab.main.dead = None;
        lab.flush();
        let mut lab = lab.cut(None);
        assert!(lab.remapped(2));
        lab.verify(nothing_fails);
    }
}

#[test]
fn what_read_at_its_first_lone_try_stays() {
    let mut lab = Lab::new(Shape::default());
    flaky(&mut lab, 18, 0);
    assert_eq!(lab.read_now(0, 64), Ok(()));
    assert_eq!(lab.engine.map().counters().remapped, 0);
}

#[test]
fn errors_that_are_not_the_mediums_evacuate_nothing() {
    for (p, moved) in [(ErrorPolicy::Confirm, false), (ErrorPolicy::Any, true)] {
        let mut lab = Lab::new(policy(p));
        lab.main.plan(Op::Read, 16, 8, Until::Times(2), IOERR);
        assert_eq!(lab.read_now(16, 8), Ok(()));
        assert_eq!(lab.remapped(2), moved);
    }
}

#[test]
fn without_auto_remap_what_was_read_stays() {
    let mut lab = Lab::new(Shape {
        auto_remap: false,
        ..Shape::default()
    });
    flaky(&mut lab, 18, 1);
    assert_eq!(lab.read_now(16, 8), Ok(()));
    assert!(!lab.remapped(2));
}

#[test]
fn a_map_that_cannot_change_evacuates_nothing() {
    let mut lab = Lab::new(Shape::default());
    bad_write(&mut lab, 0, 8);
    lab.fail_log = true;
    assert_eq!(lab.write_now(0, 8), Err(IOERR));
    lab.fail_log = false;
    let commits = lab.engine.status().generation;
    flaky(&mut lab, 18, 1);
    assert_eq!(lab.read_now(16, 8), Ok(()));
    assert!(!lab.remapped(2));
    assert_eq!(lab.engine.status().generation, commits);
}

#[test]
fn a_block_that_cannot_be_read_whole_stays() {
    let mut lab = Lab::new(fine());
    flaky(&mut lab, 18, 1);
    bad_read(&mut lab, 20, 1);
    let free = lab.engine.map().counters().spare_free;
    assert_eq!(
        lab.read_now(18, 1),
        Ok(()),
        "the caller has what he asked for"
    );
    assert!(!lab.remapped(2));
    assert_eq!(lab.engine.map().counters().spare_free, free);
}

#[test]
fn the_caller_is_not_told_of_a_move_that_cannot_be_done() {
    let mut lab = Lab::new(Shape::default());
    lab.spare.dead = Some(IOERR);
    flaky(&mut lab, 18, 1);
    assert_eq!(lab.read_now(16, 8), Ok(()));
    assert!(!lab.remapped(2));
}

#[test]
fn a_weak_spare_block_is_left_for_good() {
    let mut lab = Lab::new(Shape::default());
    bad_write(&mut lab, 16, 8);
    assert_eq!(lab.write_now(16, 8), Ok(()));
    let old = lab.spare_of(2);
    lab.spare.plan(Op::Read, old, 1, Until::Times(2), MEDIUM);
    assert_eq!(lab.read_now(16, 8), Ok(()));
    assert_ne!(lab.spare_of(2), old);
    assert_eq!(lab.engine.map().counters().spare_failed, 1);
    lab.verify(nothing_fails);
    lab.flush();
    lab.cut(None).verify(nothing_fails);
}

/// Block 2 lives on the spare, its sector 20 only on main.
fn only_on_main() -> Lab {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 18, 1);
    lab.main.plan(Op::Read, 20, 1, Until::Times(2), MEDIUM);
    assert_eq!(lab.write_now(18, 1), Ok(()));
    assert_eq!(lab.engine.map().chunk(Block(2), 0).unspared(), 1 << 4);
    lab
}

#[test]
fn a_sector_only_on_main_is_so_after_a_restart() {
    let mut lab = only_on_main();
    lab.flush();
    let mut lab = lab.cut(None);
    assert_eq!(lab.engine.map().chunk(Block(2), 0).unspared(), 1 << 4);
    // Main's answer is the answer: an error, and later data.
    lab.main.plan(Op::Read, 20, 1, Until::Times(4), MEDIUM);
    assert_eq!(lab.read_now(20, 1), Err(MEDIUM));
    assert_eq!(lab.read_now(20, 1), Ok(()));
    assert_eq!(lab.write_now(20, 1), Ok(()));
    assert!(lab.engine.map().chunk(Block(2), 0).is_plain());
    lab.verify(nothing_fails);
}

#[test]
fn a_sector_only_on_main_joins_its_block_when_a_retry_gives_it() {
    let mut lab = only_on_main();
    let spare = lab.spare_of(2);
    flaky(&mut lab, 20, 1);
    assert_eq!(lab.read_now(20, 1), Ok(()));
    assert!(lab.engine.map().chunk(Block(2), 0).is_plain());
    assert_eq!(lab.spare_of(2), spare);
    lab.main.dead = Some(IOERR);
    assert_eq!(lab.read_now(16, 8), Ok(()));
    lab.main.dead = None;
    // It was not flushed by hand: the round did.
    lab.cut(None).verify(|_, at| !(16..24).contains(&at));
}

#[test]
fn a_retry_of_old_data_does_not_undo_a_write_of_the_same_batch() {
    let mut lab = only_on_main();
    let read = lab.read(20, 1);
    flaky(&mut lab, 20, 1);
    lab.land_all();
    // The read waits for the worker; a write comes before it in the same batch.
    let write = lab.write(20, 1, false);
    lab.queue.rotate_right(1);
    lab.settle();
    assert_eq!((lab.result(read), lab.result(write)), (Ok(()), Ok(())));
    lab.verify(nothing_fails);
    lab.flush();
    lab.cut(None).verify(nothing_fails);
}

#[test]
fn cuts_while_weak_blocks_move() {
    let story = |film: &mut Film| {
        film.write(0, 64, false);
        film.play();
        film.flush();
        film.begins();
        flaky(&mut film.lab, 18, 1);
        film.read(16, 8);
        film.play();
        film.write(17, 2, true);
        film.play();
        if film.over {
            return;
        }
        let spare = film.lab.spare_of(2);
        film.lab
            .spare
            .plan(Op::Read, spare, 1, Until::Times(2), MEDIUM);
        film.read(16, 8);
        film.write(16, 1, false);
        film.play();
    };
    let cuts = every_cut(&story, &|_, _| false);
    assert!(cuts > 15, "only {cuts} actions");
}

#[test]
fn a_sector_that_cannot_be_read_is_marked_beside_one_that_hardly_can() {
    let mut lab = Lab::new(fine());
    flaky(&mut lab, 18, 1);
    bad_read(&mut lab, 20, 1);
    assert_eq!(lab.read_now(16, 8), Err(MEDIUM));
    assert!(!lab.remapped(2), "not all of it can be read");
    assert_eq!(lab.engine.map().chunk(Block(2), 0).pending(), 1 << 4);
}

#[test]
fn a_write_that_is_there_does_not_fail_with_a_move_of_its_block() {
    let mut lab = only_on_main();
    let spare = lab.spare_of(2);
    let bad = [(spare, Until::Times(2)), (spare + 6, Until::Forever)];
    for (at, until) in bad {
        lab.spare.plan(Op::Read, at, 1, until, MEDIUM);
    }
    // The block would move for the read, and cannot; the write makes a sector of it *on spare*.
    let read = lab.read(16, 1);
    lab.land_all();
    let write = lab.write(20, 1, false);
    lab.settle();
    assert_eq!((lab.result(read), lab.result(write)), (Ok(()), Ok(())));
    assert_eq!(lab.spare_of(2), spare);
    assert!(lab.engine.map().chunk(Block(2), 0).is_plain());
    lab.verify(|_, at| at == 22);
    lab.cut(None).verify(|_, at| at == 22);
}
