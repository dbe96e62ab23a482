// SPDX-License-Identifier: GPL-2.0-only

//! A copy of the metadata that went bad, or was given up, becomes whole again while the device runs.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::State,
    fault::Op,
    layout::{CopyId, Half},
    open::OpenError,
};
use lab::{
    disk::{Until, IOERR, MEDIUM},
    rules::*,
    Lab,
};

/// Blocks that have moved, one a commit.
const MOVED: u64 = 6;

/// Blocks of the log: the checkpoint of the empty map, and the commits.
const LOG: u32 = MOVED as u32 + 1;

fn lived() -> Lab {
    let mut lab = Lab::new(fine());
    for n in 0..MOVED {
        moves(&mut lab, n);
    }
    lab
}

/// Block `n` is written, fails, and moves.
fn moves(lab: &mut Lab, n: u64) {
    bad_write(lab, n * 8, 8);
    assert_eq!(lab.write_now(n * 8, 8), Ok(()));
    assert!(lab.remapped(n));
    lab.main.plans.clear();
}

/// Where a block of the log lies.
fn place(lab: &Lab, copy: CopyId, index: u32) -> u64 {
    let at = lab.engine.layout().log_sector(copy, Half::First, index);
    at.expect("inside").0 .0
}

fn bytes(lab: &Lab, at: u64) -> Vec<u8> {
    (at..at + 8).flat_map(|at| lab.spare.peek(at)).collect()
}

#[derive(Clone, Copy, Debug)]
enum Rot {
    Zeros,
    OneBit,
    Noise,
    Unreadable,
}

const ROTS: [Rot; 4] = [Rot::Zeros, Rot::OneBit, Rot::Noise, Rot::Unreadable];

fn spoil(lab: &mut Lab, at: u64, rot: Rot) {
    let mut cell = lab.spare.peek(at);
    match rot {
        Rot::Zeros => cell.fill(0),
        Rot::OneBit => cell[100] ^= 4,
        Rot::Noise => cell.fill(0x5e),
        Rot::Unreadable => return lab.spare.plan(Op::Read, at, 8, Until::Written, MEDIUM),
    }
    for i in 0..8 {
        let rest = lab.spare.peek(at + i);
        let all = !matches!(rot, Rot::OneBit) && i > 0;
        let with = if i == 0 || all { cell } else { rest };
        lab.spare.put(at + i, &with, true);
    }
}

/// One copy cannot be read any more, for good.
fn lose(lab: &mut Lab, copy: CopyId) {
    for index in 0..LOG + 8 {
        let at = place(lab, copy, index);
        lab.spare.plan(Op::Read, at, 8, Until::Forever, MEDIUM);
    }
}

/// Everything that moved is there, now and after a power cut, and the map changes on.
fn is_whole(mut lab: Lab) {
    assert_eq!((lab.state(), lab.engine.status().degraded), (State::Rw, 0));
    lab.verify(nothing_fails);
    moves(&mut lab, 20);
    lab.flush();
    let mut lab = lab.cut(None);
    assert_eq!(lab.state(), State::Rw);
    assert!((0..MOVED).chain([20]).all(|n| lab.remapped(n)));
    lab.verify(nothing_fails);
}

#[test]
fn a_bad_block_of_either_copy_is_written_again_from_the_other_while_running() {
    for copy in CopyId::BOTH {
        for (index, rot) in (0..LOG).flat_map(|i| ROTS.map(|rot| (i, rot))) {
            let mut lab = lived();
            let (bad, good) = (place(&lab, copy, index), place(&lab, copy.other(), index));
            spoil(&mut lab, bad, rot);
            assert_eq!(lab.clear_needs_check(), Ok(1), "{copy:?} {index} {rot:?}");
            assert_eq!(bytes(&lab, bad), bytes(&lab, good));
            assert!(lab.spare.plans.is_empty(), "it was not written");
            lose(&mut lab, copy.other());
            let mut lab = lab.cut(None);
            assert!((0..MOVED).all(|n| lab.remapped(n)));
            lab.verify(nothing_fails);
        }
    }
}

#[test]
fn a_whole_log_is_left_as_it_is() {
    let mut lab = lived();
    let before: Vec<_> = (0..LOG)
        .map(|index| bytes(&lab, place(&lab, CopyId::A, index)))
        .collect();
    let read = lab.read(0, 64);
    let write = lab.write(8, 16, false);
    assert_eq!(lab.clear_needs_check(), Ok(0));
    assert_eq!((lab.result(read), lab.result(write)), (Ok(()), Ok(())));
    for (index, before) in (0..).zip(before) {
        assert_eq!(bytes(&lab, place(&lab, CopyId::A, index)), before);
    }
    is_whole(lab);
}

#[test]
fn a_bad_superblock_is_written_again_while_running() {
    for n in 0..2 {
        for rot in ROTS {
            let mut lab = lived();
            let places = lab.engine.layout().places();
            let at = |n: usize| places.as_slice()[n].0;
            spoil(&mut lab, at(n), rot);
            assert_eq!(lab.clear_needs_check(), Ok(0), "{n} {rot:?}");
            spoil(&mut lab, at(1 - n), Rot::Noise);
            let mut lab = lab.cut(None);
            assert!((0..MOVED).all(|n| lab.remapped(n)), "{n} {rot:?}");
            lab.verify(nothing_fails);
        }
    }
}

#[test]
fn an_area_that_opened_without_a_place_for_a_superblock_becomes_writable_by_a_check() {
    let mut lab = lived();
    // A copy lacks something that the other one has, so a superblock is due at the next start.
    let at = place(&lab, CopyId::A, LOG - 2);
    spoil(&mut lab, at, Rot::Noise);
    for &at in lab.engine.layout().places().as_slice() {
        lab.spare.plan(Op::Write, at.0, 8, Until::Forever, IOERR);
    }
    let mut lab = lab.cut(None);
    assert_eq!(lab.state(), State::Ro);
    assert!(!lab.engine.status().needs_check, "the map is known");
    lab.verify(nothing_fails);
    bad_write(&mut lab, 80, 8);
    assert_eq!(lab.write_now(80, 8), Err(MEDIUM));
    assert_eq!(lab.write_now(0, 8), Ok(()), "on its spare block");
    // As long as nothing can be written, a check changes nothing.
    assert_eq!(lab.clear_needs_check(), Err(OpenError::Unwritable));
    assert_eq!(lab.state(), State::Ro);
    lab.spare.plans.clear();
    assert!(lab.clear_needs_check().is_ok());
    assert_eq!(lab.state(), State::Rw);
    assert_eq!(lab.write_now(80, 8), Ok(()));
    assert!(lab.remapped(10));
    lab.verify(nothing_fails);
    lab.flush();
    let mut lab = lab.cut(None);
    assert_eq!((lab.state(), lab.remapped(10)), (State::Rw, true));
    lab.verify(nothing_fails);
}

#[test]
fn a_copy_that_was_given_up_serves_again_when_it_can_be_written() {
    for copy in CopyId::BOTH {
        let mut lab = lived();
        let (op, at) = (Op::Write, place(&lab, copy, LOG));
        lab.spare.plan(op, at, 8, Until::Forever, IOERR);
        moves(&mut lab, 10);
        moves(&mut lab, 11);
        assert_eq!(lab.engine.status().degraded, 1 << copy.number());
        // It still cannot be written: the other one goes on alone.
        assert!(lab.clear_needs_check().is_ok());
        assert_eq!(lab.state(), State::Rw);
        assert_eq!(lab.engine.status().degraded, 1 << copy.number());
        moves(&mut lab, 12);
        lab.spare.plans.clear();
        assert_eq!(lab.clear_needs_check(), Ok(3), "what it lacks");
        assert_eq!(lab.engine.status().degraded, 0);
        moves(&mut lab, 13);
        lose(&mut lab, copy.other());
        let mut lab = lab.cut(None);
        assert!((10..14).all(|n| lab.remapped(n)));
        lab.verify(nothing_fails);
    }
}

#[test]
fn what_is_bad_in_both_copies_changes_nothing_that_is_in_use() {
    for index in 0..LOG {
        let mut lab = lived();
        for copy in CopyId::BOTH {
            let at = place(&lab, copy, index);
            spoil(&mut lab, at, Rot::Noise);
        }
        let before = lab.spare.trace.len();
        let checked = lab.clear_needs_check();
        match index {
            0 => assert_eq!(checked, Err(OpenError::NoCheckpoint)),
            // At a start this would be a write that was cut off. But it was acknowledged.
            _ if index == LOG - 1 => {
                assert!(
                    matches!(checked, Err(OpenError::LogLost { .. })),
                    "{checked:?}"
                );
            }
            _ => assert!(
                matches!(checked, Err(OpenError::LogDamaged { .. })),
                "{checked:?}"
            ),
        }
        let written = |t: &&(Op, u64, u32)| t.0 == Op::Write;
        assert_eq!(lab.spare.trace[before..].iter().filter(written).count(), 0);
        assert_eq!(lab.state(), State::Rw);
        assert!((0..MOVED).all(|n| lab.remapped(n)));
        lab.verify(nothing_fails);
    }
}

#[test]
fn a_check_that_fails_at_any_io_loses_nothing_that_is_acknowledged_after_it() {
    let (mut changes, mut rests) = (0, 0);
    for n in 0.. {
        let mut lab = lived();
        let at = place(&lab, CopyId::A, 3);
        spoil(&mut lab, at, Rot::Noise);
        lab.spare.dies_after = Some(n);
        let checked = lab.clear_needs_check();
        lab.spare.dies_after = None;
        lab.spare.dead = None;
        if checked.is_ok() {
            // One place of the superblock is enough; a copy that could not be repaired is given up.
            lab.verify(nothing_fails);
            if lab.engine.status().degraded == 0 {
                is_whole(lab);
                break;
            }
            continue;
        }
        lab.verify(nothing_fails);
        let was = lab.state();
        if was == State::Rw {
            // The session goes on, and what is acknowledged in it counts.
            changes += 1;
        } else {
            // Perhaps another one has begun: nothing is acknowledged in either.
            rests += 1;
            bad_write(&mut lab, 160, 8);
            assert_eq!(lab.write_now(160, 8), Err(MEDIUM));
            lab.main.plans.clear();
            assert_eq!(lab.write_now(0, 8), Ok(()), "what needs no change goes on");
            if n % 2 == 0 {
                lab.flush();
                lab = lab.cut(None);
                assert!((0..MOVED).all(|n| lab.remapped(n)));
                is_whole(lab);
                continue;
            }
            assert!(lab.clear_needs_check().is_ok());
        }
        is_whole(lab);
    }
    assert!(changes > 2 && rests > 1, "{changes} and {rests}");
}
