// SPDX-License-Identifier: GPL-2.0-only

//! Tests: the disks are what they are said to be, and near to what was published of real ones.

use std::collections::HashSet;

use dm_remap_core::health::What;

use super::{
    calibration::Calibration,
    disk::{Cause, Life, START},
    generators::Population,
    rng::Rng,
    world::World,
};

fn lives(kind: Population, world: &World, count: u64) -> Vec<Life> {
    let life = |seed: u64| kind.disk(&mut Rng::new(seed * 0x9e37_79b9), world);
    (1..=count).map(life).collect()
}

fn part(lives: &[Life], is: impl Fn(&Life) -> bool) -> f64 {
    lives.iter().filter(|life| is(life)).count() as f64 / lives.len() as f64
}

fn near(what: &str, value: f64, want: f64, by: f64) {
    assert!((value - want).abs() <= by, "{what}: {value}, not {want}");
}

fn count(life: &Life, what: What) -> usize {
    life.events.iter().filter(|e| e.what == what).count()
}

#[test]
fn the_fleet_is_near_to_what_was_published() {
    let mut all = Calibration::default();
    for life in lives(Population::Fleet, &World::USUAL, 8000) {
        all.add(&life);
    }
    let rows = all.rows();
    assert_eq!(rows.len(), 8);
    for row in rows {
        let [from, to] = row.bounds;
        let near = (from..=to).contains(&row.here);
        assert!(
            near,
            "{}: {} here, {} published",
            row.what, row.here, row.published
        );
    }
}

#[test]
fn as_many_disks_fail_as_is_said() {
    let all = [
        (Population::Healthy, 0.0, 0.0),
        (Population::Scratches, 0.0, 0.0),
        (Population::Slow, 0.5, 0.0),
        (Population::Sudden, 0.5, 0.0),
        (Population::Storms, 0.0, 0.0),
        (Population::Adversarial, 0.2, 0.05),
        (Population::Fleet, 0.028, 0.035),
    ];
    assert_eq!(all.len(), Population::ALL.len());
    for (kind, degrade, silent) in all {
        let lives = lives(kind, &World::USUAL, 1200);
        let name = kind.name();
        near(name, part(&lives, |l| l.degrades), degrade, 0.05);
        let fails = part(&lives, |l| l.fails.is_some());
        near(name, fails, degrade + silent, 0.05);
        assert!(lives.iter().all(|l| !l.degrades || l.fails.is_some()));
    }
}

#[test]
fn healthy_disks_have_little_and_scratches_are_near_each_other() {
    let healthy = lives(Population::Healthy, &World::USUAL, 2000);
    near(
        "errors",
        part(&healthy, |l| count(l, What::Error) > 0),
        0.064,
        0.02,
    );
    let weak = |l: &Life| count(l, What::Recovered) + count(l, What::Slow);
    let mean = healthy.iter().map(weak).sum::<usize>() as f64 / 2000.0;
    near("weak reads", mean, 1.0 + 2.8, 1.0);
    for life in lives(Population::Scratches, &World::USUAL, 200) {
        let errors: Vec<_> = life
            .events
            .iter()
            .filter(|e| e.what == What::Error)
            .collect();
        let spans: HashSet<_> = errors.iter().map(|e| e.region.0 / 8192).collect();
        assert!(!errors.is_empty() && spans.len() <= 40, "{}", spans.len());
    }
}

#[test]
fn growth_doubles_within_the_time_that_is_said() {
    // Half of the defects of a rate that doubles within T days come in the last T days.
    for (kind, from, to) in [
        (Population::Slow, 12.0, 45.0),
        (Population::Sudden, 3.0, 8.0),
    ] {
        let mut halves = Vec::new();
        for life in lives(kind, &World::USUAL, 300)
            .iter()
            .filter(|l| l.degrades)
        {
            let mut days: Vec<f64> = life
                .causes
                .iter()
                .filter(|(_, c)| matches!(c, Cause::Defect { .. }))
                .map(|(day, _)| life.end - day)
                .collect();
            days.sort_by(f64::total_cmp);
            halves.push(days[days.len() / 2]);
        }
        halves.sort_by(f64::total_cmp);
        let median = halves[halves.len() / 2];
        near(kind.name(), median, (from + to) / 2.0, (to - from) / 4.0);
    }
}

#[test]
fn storms_are_many_regions_within_hours_and_leave_nothing() {
    let mut places = Vec::new();
    for life in lives(Population::Storms, &World::USUAL, 300) {
        let first = |e: &&_| matches!(e, &&(_, Cause::Seen { what, .. }) if what != What::Slow);
        let seen: Vec<_> = life.causes.iter().filter(first).collect();
        let Some((begin, _)) = seen.first() else {
            continue;
        };
        // The first storm ends within two hours.
        let hours = seen.iter().take_while(|(day, _)| day - begin < 2.0 / 24.0);
        places.push(hours.count());
        let transport = count(&life, What::Transport);
        assert!(transport + count(&life, What::Recovered) + count(&life, What::Error) > 0);
    }
    places.sort_unstable();
    // Half of them are so small that they hardly look like storms; one in fifty has hundreds of places.
    let [low, middle, high] = [1, 25, 49].map(|part| places[places.len() * part / 50]);
    assert!(
        low >= 4 && (4..=8).contains(&middle) && high > 100,
        "{places:?}"
    );
}

#[test]
fn events_are_in_order_on_the_disk_and_before_its_end() {
    let small = World {
        regions: 5000,
        days: 120.0,
        ..World::USUAL
    };
    for world in [World::USUAL, small] {
        for kind in Population::ALL {
            for life in lives(kind, &world, 60) {
                assert!(life.events.windows(2).all(|w| w[0].now <= w[1].now));
                let end = START + (life.end * 86_400.0).ceil() as u64;
                assert!(life.events.iter().all(|e| (START..=end).contains(&e.now)));
                let on_it = |region: u32| u64::from(region) < world.regions;
                assert!(life.events.iter().all(|e| on_it(e.region.0)));
                assert!(life.causes.windows(2).all(|w| w[0].0 <= w[1].0));
                assert!(life.fails.is_none_or(|day| day == life.end));
                if life.fails.is_none() {
                    assert_eq!(life.end, world.days);
                }
            }
        }
    }
}

#[test]
fn a_world_without_a_scanner_meets_less() {
    let blind = World {
        pass_days: None,
        ..World::USUAL
    };
    let met = |world: &World| -> usize {
        let lives = lives(Population::Slow, world, 60);
        lives.iter().map(|l| count(l, What::Error)).sum()
    };
    let (with, without) = (met(&World::USUAL), met(&blind));
    assert!(without * 10 < with * 9, "{with} {without}");
}
