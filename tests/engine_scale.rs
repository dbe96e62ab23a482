// SPDX-License-Identifier: GPL-2.0-only

//! What many changes share, and a log that is written anew while I/O goes on.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::engine::{Action, Count, JobKind, State};
use lab::{rules::*, Lab, Shape};

/// The places of metadata blocks among `actions`: whether each was a superblock.
fn metas<'a>(lab: &'a Lab, actions: &'a [Action]) -> impl Iterator<Item = bool> + 'a {
    let places = lab.engine.layout().places();
    actions.iter().filter_map(move |action| match action {
        Action::Meta { places: to } => {
            let first = to.as_slice().first().expect("a place");
            Some(places.as_slice().contains(first))
        }
        _ => None,
    })
}

fn wide() -> Shape {
    Shape {
        len: 16_384,
        spare_len: 65_536,
        ..Shape::default()
    }
}

/// What `together` failing writes of a block each cost, all of them there before the first is dealt
/// with: flushes of the spare, and rounds of FUA writes.
fn cost(together: u64) -> (u64, u64) {
    let mut lab = Lab::new(wide());
    // The session is open.
    lab.relocate(16_000, 8);
    lab.settle();
    for n in 0..together {
        bad_write(&mut lab, n * 16, 8);
    }
    let before = lab.engine.stats();
    lab.actions.clear();
    let writes: Vec<_> = (0..together).map(|n| lab.write(n * 16, 8, false)).collect();
    lab.settle();
    assert!(writes.iter().all(|&w| lab.result(w) == Ok(())));
    assert_eq!(lab.engine.map().counters().remapped, together + 1);
    let after = lab.engine.stats();
    let rounds = metas(&lab, &lab.actions).count() as u64;
    let commits = after.of(Count::COMMITS) - before.of(Count::COMMITS);
    let flushes = after.of(Count::FLUSHES) - before.of(Count::FLUSHES);
    assert_eq!(rounds, commits, "nothing else is written with FUA");
    println!("{together} together: {flushes} flushes, {rounds} rounds of FUA writes");
    lab.flush();
    lab.cut(None).verify(nothing_fails);
    (flushes, rounds)
}

#[test]
fn failures_that_come_together_share_flushes_and_commits() {
    assert_eq!(cost(1), (1, 1));
    assert_eq!(cost(16), (1, 1));
    assert_eq!(cost(256), (8, 8));
}

#[test]
fn a_full_log_is_written_anew_while_io_goes_on() {
    let mut lab = Lab::new(wide());
    lab.relocate(0, 8_000);
    lab.settle();
    assert_eq!(lab.engine.map().counters().remapped, 1000);
    // One commit after the other, until one finds the log full.
    let mut blocks = 0;
    let mut ios = 0;
    for n in 0.. {
        assert!(n < 1000, "the log is never full");
        lab.message(JobKind::Mark, 8_000 + n % 8_000, 1);
        let mut rounds = 0;
        loop {
            let action = lab.ask();
            let session = lab.engine.layout().places();
            let is_log = |a: &Action| matches!(a, Action::Meta { places } if !session.as_slice().contains(&places.as_slice()[0]));
            rounds += usize::from(is_log(&action));
            if rounds > 0 && is_log(&action) {
                // While this block is on its way: to main, to the spare, and over the edge of both.
                let (r, w) = (lab.read(7_990, 20), lab.write(7_990, 10, false));
                let (r2, w2) = (lab.read(16, 64), lab.write(12_000, 64, false));
                lab.land_all();
                assert!(lab.queue.is_empty(), "the worker was asked");
                for ticket in [r, w, r2, w2] {
                    assert_eq!(lab.result(ticket), Ok(()));
                    ios += 1;
                }
            }
            lab.carry_out(action);
            if action == Action::Idle {
                break;
            }
        }
        if rounds > 1 {
            blocks = rounds - 1;
            break;
        }
    }
    println!("{blocks} blocks of the map, {ios} I/Os meanwhile");
    assert!(
        blocks >= 4,
        "a thousand entries are more than {blocks} blocks"
    );
    assert!(ios >= 4 * blocks);
    assert_eq!(lab.state(), State::Rw);
    lab.verify(nothing_fails);
    lab.flush();
    let mut lab = lab.cut(None);
    assert_eq!(lab.engine.map().counters().remapped, 1000);
    lab.verify(nothing_fails);
}
