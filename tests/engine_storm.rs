// SPDX-License-Identifier: GPL-2.0-only

//! Storms: errors that are a cable's or a controller's, and how they end.

#[path = "engine_lab/lab.rs"]
mod lab;

use dm_remap_core::{
    engine::{Action, JobKind, Notice, Side, StormLimits},
    fault::{ErrorPolicy, Op},
    mem::host as mem,
};
use lab::{
    disk::{Until, IOERR, MEDIUM},
    rules::*,
    Lab, Shape,
};

/// Regions of 64 sectors.
fn shape() -> Shape {
    Shape {
        len: 8192,
        spare_len: 16384,
        policy: ErrorPolicy::Medium,
        storm: StormLimits {
            region_sectors: 64,
            ..StormLimits::default()
        },
        ..Shape::default()
    }
}

fn stormy(lab: &Lab) -> bool {
    let status = lab.engine.status().storm;
    let told = |n: &&Notice| matches!(n, Notice::Storm(_));
    let last = lab.notices.iter().rev().find(told);
    assert_eq!(last == Some(&Notice::Storm(true)), status);
    status
}

fn remapped(lab: &Lab) -> u64 {
    lab.engine.map().counters().remapped
}

/// Writes to this many regions, one after the other.
fn write_regions(lab: &mut Lab, from: u64, count: u64) -> Vec<bool> {
    let write = |r| lab.write_now(r * 64, 8).is_ok();
    (from..from + count).map(write).collect()
}

/// Eight regions have failed, and no write succeeded.
fn no_write_works() -> Lab {
    let mut lab = Lab::new(shape());
    bad_write(&mut lab, 0, 8192);
    assert_eq!(write_regions(&mut lab, 0, 7), [true; 7]);
    assert!(!stormy(&lab));
    assert_eq!(write_regions(&mut lab, 7, 1), [false]);
    assert!(stormy(&lab));
    assert_eq!(remapped(&lab), 7);
    lab
}

#[test]
fn a_drive_that_takes_no_writes_stops_the_remapping() {
    let mut lab = no_write_works();
    lab.now += 1_000;
    lab.actions.clear();
    assert_eq!(write_regions(&mut lab, 8, 20), [false; 20]);
    assert_eq!(remapped(&lab), 7);
    // Each is tried once, and nothing else is.
    let tried = |a: &&Action| matches!(a, Action::Write { .. } | Action::Read { .. });
    assert_eq!(lab.actions.iter().filter(tried).count(), 20);
    // Reads go on, and so does what was moved.
    assert_eq!(lab.read_now(64 * 8, 64), Ok(()));
    assert_eq!(lab.write_now(0, 8), Ok(()));
    assert!(stormy(&lab), "that was no write to main");
    // Nor does time alone end it: reads always worked.
    lab.now += 60_000;
    assert_eq!(write_regions(&mut lab, 8, 1), [false]);
    assert!(stormy(&lab));
}

#[test]
fn a_write_that_main_takes_ends_it() {
    let mut lab = no_write_works();
    lab.main.plans.clear();
    bad_write(&mut lab, 512, 8);
    // Not at once: it might be a cable that comes and goes.
    assert_eq!(lab.write_now(1024, 8), Ok(()));
    assert!(stormy(&lab));
    assert_eq!(lab.write_now(512, 8), Err(MEDIUM));
    lab.now += 10_000;
    // The success of before is remembered: the next failure is the medium's.
    assert_eq!(lab.write_now(512, 8), Ok(()));
    assert!(!stormy(&lab));
    assert_eq!(remapped(&lab), 8);
    lab.verify(nothing_fails);
    // Or the next success ends it, without any failure.
    let mut lab = no_write_works();
    lab.main.plans.clear();
    lab.now += 10_000;
    assert_eq!(lab.write_now(1024, 8), Ok(()));
    lab.settle();
    assert!(!stormy(&lab));
}

#[test]
fn a_refused_allocation_does_not_keep_a_storm() {
    for n in 0..4 {
        let mut lab = Lab::new(Shape {
            storm: StormLimits {
                run_regions: 1,
                ..shape().storm
            },
            ..shape()
        });
        bad_write(&mut lab, 0, 8);
        // From now on the fast path is to tell of what succeeds, if there is memory for saying so.
        lab.write(0, 8, false);
        lab.land_all();
        mem::refuse_after(Some(n));
        lab.settle();
        mem::refuse_after(None);
        assert!(stormy(&lab));
        lab.now += 10_000;
        // Nothing has succeeded since, as far as is known.
        assert_eq!(lab.write_now(0, 8), Err(MEDIUM));
        assert_eq!(lab.write_now(1024, 8), Ok(()));
        lab.settle();
        assert!(!stormy(&lab), "{n}");
    }
}

#[test]
fn one_success_between_them_and_it_is_none() {
    let mut lab = Lab::new(shape());
    bad_write(&mut lab, 0, 4096);
    for region in 0..32 {
        assert_eq!(write_regions(&mut lab, region, 1), [true]);
        if region % 7 == 6 {
            assert_eq!(lab.write_now(4096, 8), Ok(()), "this one is good");
        }
    }
    assert!(!stormy(&lab));
    assert_eq!(remapped(&lab), 32);
    lab.verify(nothing_fails);
}

#[test]
fn writes_are_watched_only_while_it_matters() {
    let mut lab = Lab::new(shape());
    assert!(!lab.snapshot.watches());
    bad_write(&mut lab, 0, 8);
    assert_eq!(lab.write_now(0, 8), Ok(()));
    assert!(lab.snapshot.watches());
    assert_eq!(lab.write_now(64, 8), Ok(()));
    lab.settle();
    assert!(!lab.snapshot.watches());
    assert!(lab.engine.status().generation > 0);
}

#[test]
fn one_large_defect_is_no_storm() {
    let mut lab = Lab::new(Shape {
        storm: StormLimits::default(),
        ..shape()
    });
    bad_write(&mut lab, 0, 8192);
    assert_eq!(lab.write_now(0, 8192), Ok(()), "1,024 blocks of 4 MiB");
    assert!(!stormy(&lab));
}

#[test]
fn more_than_any_defect_is_one() {
    let mut lab = Lab::new(Shape {
        storm: StormLimits {
            run_sectors: 800,
            ..StormLimits::default()
        },
        ..shape()
    });
    bad_write(&mut lab, 0, 8192);
    let writes: Vec<usize> = (0..200).map(|i| lab.write(i * 8, 8, false)).collect();
    lab.settle();
    assert!(stormy(&lab));
    let moved = writes.iter().filter(|&&t| lab.result(t).is_ok()).count();
    // Those of the batch that were about to move stay as well.
    assert_eq!(moved as u64, remapped(&lab));
    assert_eq!(moved, 96, "three whole batches");
    assert_eq!(
        lab.engine.map().counters().spare_free as usize,
        lab.engine.map().counters().spare_total as usize - moved
    );
}

#[test]
fn many_regions_in_a_short_time_are_a_storm_even_if_some_works() {
    let mut lab = Lab::new(shape());
    for region in 0..128 {
        bad_read(&mut lab, region * 64, 1);
    }
    let read = |lab: &mut Lab, regions: std::ops::Range<u64>| {
        for region in regions {
            assert_eq!(lab.read_now(region * 64, 1), Err(MEDIUM));
            assert_eq!(lab.write_now(region * 64 + 32, 8), Ok(()));
            lab.now += 100;
        }
    };
    read(&mut lab, 0..63);
    assert!(!stormy(&lab));
    read(&mut lab, 63..64);
    assert!(stormy(&lab));
    assert_eq!(lab.engine.map().counters().pending_records, 63);
    // What could not be read is an error, and nothing is recorded of it.
    let generation = lab.engine.status().generation;
    read(&mut lab, 64..80);
    assert_eq!(lab.engine.status().generation, generation);
    // A read elsewhere tells that it is over, when it has lasted long enough.
    lab.now += 10_000;
    assert_eq!(lab.read_now(100 * 64, 1), Err(MEDIUM));
    assert!(!stormy(&lab));
    assert_eq!(lab.engine.map().counters().pending_records, 64);
}

#[test]
fn defects_that_come_one_by_one_are_no_storm() {
    let mut lab = Lab::new(shape());
    bad_read(&mut lab, 0, 8192);
    for region in 0..128 {
        assert_eq!(lab.read_now(region * 64, 1), Err(MEDIUM));
        lab.now += 1_000;
    }
    assert!(!stormy(&lab));
    assert_eq!(lab.engine.map().counters().pending_records, 128);
}

/// Everything fails, as it does when a cable is out.
fn gone() -> Lab {
    let mut lab = Lab::new(Shape {
        policy: ErrorPolicy::Confirm,
        ..shape()
    });
    lab.main.dead = Some(IOERR);
    assert_eq!(lab.write_now(0, 8), Err(IOERR));
    assert!(stormy(&lab));
    lab
}

#[test]
fn a_device_that_is_gone_is_a_storm_until_something_can_be_read() {
    let mut lab = gone();
    lab.actions.clear();
    assert_eq!(write_regions(&mut lab, 1, 8), [false; 8]);
    assert_eq!(reads(&lab.actions, Side::Main), 0, "nobody asks meanwhile");
    lab.now += 10_000;
    assert_eq!(lab.write_now(0, 8), Err(IOERR));
    assert_eq!(reads(&lab.actions, Side::Main), 3, "it was asked elsewhere");
    assert!(stormy(&lab));
    // It comes back, with a bad block.
    lab.main.dead = None;
    lab.main.plan(Op::Write, 0, 8, Until::Forever, IOERR);
    assert_eq!(lab.write_now(0, 8), Err(IOERR), "it is too soon");
    lab.now += 20_000;
    assert_eq!(lab.write_now(0, 8), Ok(()));
    assert!(!stormy(&lab));
    assert!(lab.remapped(0));
    lab.verify(nothing_fails);
}

#[test]
fn storms_that_come_again_last_longer() {
    let mut lab = Lab::new(shape());
    let mut lasted = Vec::new();
    for _ in 0..9 {
        lab.main.plans.clear();
        bad_write(&mut lab, 0, 8192);
        let mut region = 0;
        while !stormy(&lab) {
            // A block that was not moved yet.
            let free = (0..1024).find(|b| b / 8 >= region && !lab.remapped(*b));
            let block = free.expect("one is left");
            let _ = lab.write_now(block * 8, 8);
            region = block / 8 + 1;
        }
        let since = lab.now;
        lab.main.plans.clear();
        while stormy(&lab) {
            lab.now += 1_000;
            assert_eq!(lab.write_now(8184, 8), Ok(()));
            lab.settle();
        }
        lasted.push((lab.now - since) / 1_000);
    }
    assert_eq!(lasted, [10, 20, 40, 80, 160, 320, 640, 640, 640]);
}

#[test]
fn messages_and_the_spare_know_no_storm() {
    let mut lab = no_write_works();
    let ticket = lab.relocate(4096, 8);
    lab.settle();
    assert_eq!(lab.result(ticket), Ok(()));
    assert_eq!(remapped(&lab), 8);
    let old = lab.spare_of(0);
    lab.spare.plan(Op::Write, old, 8, Until::Forever, MEDIUM);
    assert_eq!(lab.write_now(0, 8), Ok(()));
    assert_ne!(lab.spare_of(0), old);
    assert!(stormy(&lab));
}

#[test]
fn in_a_storm_nothing_is_evacuated_and_pending_writes_go_to_main() {
    let mut lab = Lab::new(shape());
    bad_read(&mut lab, 4096, 1);
    assert_eq!(lab.read_now(4096, 1), Err(MEDIUM));
    bad_write(&mut lab, 0, 1024);
    assert_eq!(
        write_regions(&mut lab, 0, 8)
            .iter()
            .filter(|ok| **ok)
            .count(),
        7
    );
    assert!(stormy(&lab));
    lab.main.plan(Op::Read, 2048, 8, Until::Times(2), MEDIUM);
    assert_eq!(lab.read_now(2048, 8), Err(MEDIUM), "one try, no more");
    assert_eq!(lab.read_now(2048, 8), Ok(()));
    assert_eq!(lab.write_now(4096, 8), Ok(()));
    assert_eq!(remapped(&lab), 7);
}

#[test]
fn a_read_of_the_scanner_ends_a_storm_that_has_lasted_long_enough() {
    let mut lab = Lab::new(shape());
    bad_read(&mut lab, 0, 8192);
    for region in 0..64 {
        assert!(lab.read_now(region * 64, 8).is_err());
    }
    assert!(stormy(&lab));
    let until = lab.engine.storm_until().expect("a storm");
    assert!(until >= lab.now + 5_000, "some seconds");
    let gave = |lab: &mut Lab, now| {
        lab.now = now;
        lab.engine.main_gave_a_read(now);
        lab.settle();
        stormy(lab)
    };
    assert!(gave(&mut lab, until - 1), "too soon");
    assert!(!gave(&mut lab, until));
    assert_eq!(lab.engine.storm_until(), None);
}

#[test]
fn a_read_does_not_end_a_storm_of_writes() {
    let mut lab = no_write_works();
    assert_eq!(lab.engine.storm_until(), Some(u64::MAX));
    lab.now += 600_000;
    lab.engine.main_gave_a_read(lab.now);
    lab.settle();
    assert!(stormy(&lab));
}

#[test]
fn a_retest_that_writes_main_ends_one_of_writes() {
    let mut lab = no_write_works();
    lab.now += 600_000;
    lab.message(JobKind::Retest, 0, 8);
    lab.settle();
    assert!(stormy(&lab), "main takes nothing");
    lab.main.plans.clear();
    lab.message(JobKind::Retest, 0, 8);
    lab.settle();
    assert!(!stormy(&lab) && !lab.remapped(0));
}

#[test]
fn a_storm_that_ends_within_a_round_loses_no_write() {
    let mut lab = Lab::new(Shape {
        block: 16,
        storm: StormLimits {
            run_regions: 2,
            pause_ms: 3_000,
            ..shape().storm
        },
        ..shape()
    });
    bad_write(&mut lab, 0, 16);
    bad_write(&mut lab, 64, 8);
    lab.main.plan(Op::Write, 1024, 8, Until::Times(1), MEDIUM);
    // The first one's block is to move; then the storm comes, which ends that; one is taken, so that the
    // storm is over with the last, whose block is that of the first.
    let writes = [0, 64, 1024, 8].map(|at| lab.write(at, 8, false));
    lab.cost = 1_500;
    lab.settle();
    let storms = [Notice::Storm(true), Notice::Storm(false)];
    assert!(storms.iter().all(|n| lab.notices.contains(n)));
    let results = writes.map(|ticket| lab.result(ticket));
    assert_eq!(results, [Err(MEDIUM), Err(MEDIUM), Ok(()), Ok(())]);
    assert!(lab.remapped(0));
    lab.verify(nothing_fails);
}
