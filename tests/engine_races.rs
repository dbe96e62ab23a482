// SPDX-License-Identifier: GPL-2.0-only

//! What comes while a block moves, edges of blocks and devices, and requests that are no failures.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::{Action, Side, State},
    fault::Op,
    mem::host,
    units::Block,
};
use lab::{
    disk::{Until, IOERR, MEDIUM},
    Lab, Shape,
};

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

fn nothing_fails(_: &Lab, _: u64) -> bool {
    false
}

/// Steps up to the first action that `is`, which is carried out.
fn step_to(lab: &mut Lab, is: impl Fn(&Action) -> bool) {
    for _ in 0..10_000 {
        if is(&lab.step()) {
            return;
        }
    }
    panic!("it never came");
}

#[test]
fn a_relocation_waits_for_writes_on_their_way() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 16, 1);
    let failing = lab.write(16, 1, false);
    lab.land_all();
    // Another writer's sectors of the same block are on their way when it moves.
    let other = lab.write(20, 2, false);
    assert_eq!(lab.in_flight(), 1);
    while lab.step() != Action::Idle {}
    lab.settle();
    assert_eq!((lab.result(failing), lab.result(other)), (Ok(()), Ok(())));
    assert!(lab.remapped(2));
    lab.verify(nothing_fails);
}

#[test]
fn two_writers_of_one_block_lose_nothing() {
    for second_fails in [false, true] {
        let mut lab = Lab::new(fine());
        bad_write(&mut lab, 16, 2);
        if second_fails {
            bad_write(&mut lab, 20, 2);
        }
        let one = lab.write(16, 4, false);
        let two = lab.write(20, 4, false);
        lab.settle();
        assert_eq!((lab.result(one), lab.result(two)), (Ok(()), Ok(())));
        lab.verify(nothing_fails);
    }
}

#[test]
fn what_comes_to_a_held_block_is_carried_out_after_its_move() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 16, 1);
    let failing = lab.write(16, 1, false);
    lab.land_all();
    step_to(&mut lab, |a| matches!(a, Action::Publish { wait: true }));
    let write = lab.write(12, 12, true);
    let read = lab.read(16, 8);
    assert_eq!(lab.queue.len(), 2, "the parts in the held block");
    lab.settle();
    for ticket in [failing, write, read] {
        assert_eq!(lab.result(ticket), Ok(()));
    }
    lab.verify(nothing_fails);
}

#[test]
fn overlapping_jobs_keep_their_order() {
    let mut lab = Lab::new(fine());
    lab.main.plan(Op::Write, 16, 1, Until::Times(3), MEDIUM);
    let first = lab.write(16, 4, false);
    lab.land_all();
    // It fails in the fast path, and once more alone; the second one succeeds on main meanwhile.
    lab.main.plan(Op::Write, 17, 1, Until::Times(1), MEDIUM);
    let second = lab.write(16, 4, false);
    lab.land_all();
    assert_eq!(lab.queue.len(), 2);
    lab.settle();
    assert_eq!((lab.result(first), lab.result(second)), (Ok(()), Ok(())));
    assert!(lab.remapped(2));
    let home = lab.spare_of(2);
    assert_eq!(lab.spare.peek(home), lab::twin::cell(16, 2));
}

#[test]
fn a_job_over_remapped_and_other_blocks() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 16, 8);
    assert_eq!(lab.write_now(16, 8), Ok(()));
    bad_write(&mut lab, 40, 8);
    let old = lab.spare_of(2);
    lab.spare.plan(Op::Write, old, 8, Until::Forever, MEDIUM);
    // One job over everything: as the kernel's side may have deferred it before the map changed.
    let ticket = lab.write_as_one_job(4, 60);
    lab.settle();
    assert_eq!(lab.result(ticket), Ok(()));
    assert!(lab.remapped(2) && lab.remapped(5));
    assert_eq!(lab.engine.map().counters().remapped, 2);
    lab.verify(nothing_fails);
}

#[test]
fn a_partial_last_block_is_copied_as_far_as_it_exists() {
    let mut lab = Lab::new(Shape { len: 509, ..fine() });
    bad_write(&mut lab, 506, 1);
    assert_eq!(lab.write_now(505, 4), Ok(()));
    assert!(lab.remapped(63));
    let spare_write = lab.actions.iter().find_map(|a| match a {
        Action::Write {
            side: Side::Spare,
            len,
            ..
        } => Some(*len),
        _ => None,
    });
    assert_eq!(spare_write, Some(5));
    lab.verify(nothing_fails);
    lab.flush();
    lab.cut(None).verify(nothing_fails);
}

#[test]
fn every_block_size() {
    for shift in 0..=11 {
        let block = 1u64 << shift;
        let mut lab = Lab::new(Shape {
            block,
            len: block * 6 + block.div_ceil(2),
            spare_len: 8192 + block * 24,
            main_physical: 1,
            spare_physical: 8,
            ..Shape::default()
        });
        let at = block * 2 + block / 3;
        bad_write(&mut lab, at, 1);
        bad_write(&mut lab, block * 6, 1);
        lab.main
            .plan(Op::Read, block * 3 - 1, 1, Until::Forever, MEDIUM);
        assert_eq!(lab.write_now(at, 1), Ok(()));
        assert_eq!(lab.write_now(block * 6, 1), Ok(()));
        assert!(lab.remapped(2) && lab.remapped(6));
        lab.verify(|_, at| at == block * 3 - 1 && block > 1);
        lab.flush();
        let mut lab = lab.cut(None);
        lab.verify(|_, at| at == block * 3 - 1 && block > 1);
    }
}

#[test]
fn a_small_write_on_a_512e_disk_is_a_failure_of_its_physical_block() {
    let mut lab = Lab::new(Shape::default());
    // The sector cannot be read, so the drive cannot write its neighbour.
    lab.main.plan(Op::Read, 19, 1, Until::Forever, MEDIUM);
    assert_eq!(lab.write_now(17, 1), Ok(()));
    assert!(lab.remapped(2));
    let state = lab.engine.map().chunk(Block(2), 0);
    assert_eq!(state.unspared(), 0xfd, "all but the written one");
    assert_eq!(lab.read_now(17, 1), Ok(()));
}

#[test]
fn fua_is_kept() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 18, 1);
    let ticket = lab.write(12, 12, true);
    lab.settle();
    assert_eq!(lab.result(ticket), Ok(()));
    let plain = |a: &&Action| {
        matches!(
            a,
            Action::Write {
                side: Side::Main,
                fua: false,
                ..
            }
        )
    };
    assert_eq!(lab.actions.iter().filter(plain).count(), 0);
    // Nothing was flushed by hand: what was acknowledged with FUA is there.
    lab.cut(None).verify(nothing_fails);
}

#[test]
fn the_message_remap_moves_with_the_data_that_can_be_read() {
    let mut lab = Lab::new(fine());
    lab.main.plan(Op::Read, 21, 1, Until::Forever, IOERR);
    let ticket = lab.relocate(8, 24);
    lab.settle();
    assert_eq!(lab.result(ticket), Ok(()));
    for block in 1..4 {
        assert!(lab.remapped(block));
    }
    assert_eq!(lab.engine.map().chunk(Block(2), 0).unspared(), 1 << 5);
    let generation = lab.engine.status().generation;
    // What has moved already stays.
    let ticket = lab.relocate(8, 24);
    lab.settle();
    assert_eq!(lab.result(ticket), Ok(()));
    assert_eq!(lab.engine.status().generation, generation);
    lab.verify(|_, at| at == 21);
}

#[test]
fn many_blocks_move_in_rounds() {
    let mut lab = Lab::new(Shape {
        len: 2048,
        spare_len: 16384,
        ..Shape::default()
    });
    let ticket = lab.relocate(0, 2048);
    lab.settle();
    assert_eq!(lab.result(ticket), Ok(()));
    assert_eq!(lab.engine.map().counters().remapped, 256);
    lab.verify(nothing_fails);
}

#[test]
fn a_full_log_is_written_anew() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 0, 64);
    lab.main.plan(Op::Read, 1, 511, Until::Forever, MEDIUM);
    let mut compactions = 0;
    for at in 0..512u64 {
        // Each sector that cannot be read is a change; so is each block that moves.
        lab.actions.clear();
        assert_eq!(lab.read_now(at, 1).is_ok(), at == 0);
        if at % 8 == 7 && at < 64 {
            assert_eq!(lab.write_now(at, 1), Ok(()), "sector {at}");
        }
        let logs = |a: &&Action| match a {
            Action::Meta { places } => places.as_slice()[0].0 != 0,
            _ => false,
        };
        compactions += lab.actions.iter().filter(logs).count().saturating_sub(1);
        if at % 100 == 99 {
            lab = lab.cut(None);
        }
    }
    assert!(
        compactions > 2,
        "the log was hardly ever full: {compactions}"
    );
    let counters = lab.engine.map().counters();
    assert_eq!((counters.remapped, counters.pending_sectors), (8, 511 - 8));
    let mut lab = lab.cut(None);
    assert_eq!(lab.engine.map().counters(), counters);
    lab.verify(|lab, at| lab.main.planned(Op::Read, at, 1));
}

#[test]
fn a_session_is_closed_and_opened_again() {
    let mut lab = Lab::new(Shape::default());
    bad_write(&mut lab, 0, 512);
    assert_eq!(lab.write_now(0, 8), Ok(()));
    lab.engine.close();
    lab.settle();
    // Nothing is written until the map changes.
    let writes = lab.spare.trace.len();
    assert_eq!(lab.write_now(0, 8), Ok(()));
    assert_eq!(lab.spare.trace.len(), writes + 1);
    assert_eq!(lab.write_now(8, 8), Ok(()));
    lab.flush();
    let mut lab = lab.cut(None);
    assert!(lab.remapped(0) && lab.remapped(1));
    assert_eq!(lab.state(), State::Rw);
    lab.verify(nothing_fails);
}

#[test]
fn a_quota_that_is_full_drops_marks_and_nothing_else() {
    let mut lab = Lab::new(Shape {
        block: 1,
        len: 4096,
        main_physical: 1,
        ..Shape::default()
    });
    let quota = u64::from(lab.engine.layout().pending_quota());
    assert!(
        quota < 4096,
        "the target is too small for this quota of {quota}"
    );
    lab.main.plan(Op::Read, 0, 4096, Until::Forever, MEDIUM);
    for at in (0..4096).step_by(64) {
        assert_eq!(lab.read_now(at, 64), Err(MEDIUM));
    }
    let counters = lab.engine.map().counters();
    assert_eq!(u64::from(counters.pending_records), quota);
    assert!(counters.pending_dropped >= 4096 - quota);
    assert_eq!(lab.write_now(0, 64), Ok(()));
}

#[test]
fn nothing_is_allocated_once_the_log_block_is_on_its_way() {
    let mut lab = Lab::new(fine());
    bad_write(&mut lab, 0, 512);
    lab.main.plan(Op::Read, 300, 1, Until::Forever, MEDIUM);
    assert_eq!(lab.write_now(0, 8), Ok(()), "the session is open");
    let tickets: Vec<usize> = (10..50).map(|b| lab.write(b * 8, 3, false)).collect();
    lab.land_all();
    let mut counting = None;
    loop {
        let action = lab.ask();
        if let Some(before) = counting {
            assert_eq!(host::allocations(), before, "{action:?}");
        }
        match action {
            Action::Meta { .. } => counting = Some(host::allocations()),
            Action::Publish { .. } => counting = None,
            Action::Idle => {
                lab.carry_out(action);
                if lab.queue.is_empty() {
                    break;
                }
                continue;
            }
            _ => {}
        }
        lab.carry_out(action);
        counting = counting.map(|_| host::allocations());
    }
    for ticket in tickets {
        assert_eq!(lab.result(ticket), Ok(()));
    }
}

#[test]
fn each_allocation_may_fail() {
    let mut refused_somewhere = 0;
    for n in 0..300 {
        let mut lab = Lab::new(fine());
        bad_write(&mut lab, 16, 4);
        bad_write(&mut lab, 90, 1);
        lab.main.plan(Op::Read, 21, 1, Until::Forever, MEDIUM);
        assert_eq!(lab.write_now(90, 1), Ok(()));
        let free = lab.engine.map().counters().spare_free;
        let one = lab.write(18, 80, false);
        let two = lab.read(20, 4);
        lab.land_all();
        let first = host::allocations();
        host::refuse_after(Some(n));
        while lab.step() != Action::Idle {}
        host::refuse_after(None);
        let asked = host::allocations() - first;
        lab.settle();
        assert_eq!(lab.result(two), Err(MEDIUM));
        let moved = lab.result(one).is_ok();
        refused_somewhere += usize::from(!moved);
        assert_eq!(lab.state(), State::Rw);
        let left = lab.engine.map().counters().spare_free;
        assert_eq!(
            left,
            if lab.remapped(2) { free - 1 } else { free },
            "no spare block leaks"
        );
        assert_eq!(lab.write_now(18, 2), Ok(()), "afterwards all works");
        lab.verify(|_, at| at == 21);
        lab.flush();
        lab.cut(None).verify(|_, at| at == 21);
        if n > asked {
            assert!(moved);
            assert!(refused_somewhere > 0, "no refusal was felt");
            return;
        }
    }
    panic!("it never came to an end");
}
