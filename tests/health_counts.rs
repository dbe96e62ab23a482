// SPDX-License-Identifier: GPL-2.0-only

//! What counts for the health of a region and what does not: repeats, what is not recent, what was a storm.

use dm_remap_core::health::{
    map::{HealthMap, DANGER, PERFECT, RECORD_BYTES, WARNING},
    monitor::Health,
    predictor::PREDICTOR_BYTES,
    Event, Region, What, DAY, HOUR,
};

const START: u64 = 1_700_006_400;

/// One bad sector is met, and then read again each day for months: by a backup, by the next pass.
#[test]
fn a_sector_that_is_bad_as_before_counts_once() {
    let event = |day: u64, region, sectors| Event {
        now: START + day * DAY,
        region: Region(region),
        what: What::Error,
        sectors,
    };
    let (mut quiet, mut read) = (Health::new(START), Health::new(START));
    for health in [&mut quiet, &mut read] {
        health.note(&event(0, 100, 1)).expect("memory");
    }
    // Within its hour, too, while it is not known whether that is a storm.
    for _ in 0..50 {
        read.note(&event(0, 100, 0)).expect("memory");
    }
    for day in 1..100 {
        quiet.advance(START + day * DAY);
        read.note(&event(day, 100, 0)).expect("memory");
        assert_eq!(quiet.map.records(), read.map.records());
        assert_eq!(quiet.score(), read.score(), "day {day}");
    }
    assert!(read.map.score(read.hour(), Region(100)) > WARNING);
    // It is news of a region that knows of no error, and so is a sector that was not known.
    read.note(&event(100, 105, 0)).expect("memory");
    assert_eq!(read.map.get(Region(105)).map(|r| r.errors), Some(1));
    read.note(&event(100, 100, 1)).expect("memory");
    assert_eq!(read.map.get(Region(100)).map(|r| r.errors), Some(2));
}

#[test]
fn only_errors_and_retries_are_recent() {
    let (then, now, at) = (5000 - 4 * 168, 5000, Region(100));
    let failed = |what| {
        let mut map = HealthMap::new();
        map.note(then, at, what).expect("memory");
        map
    };
    let alone = failed(What::Error).score(now, at);
    let mut remapped = failed(What::Error);
    remapped.note_remapped(now, at, 8).expect("memory");
    assert_eq!(remapped.score(now, at), alone);
    let mut slow = failed(What::Error);
    slow.note(now, at, What::Slow).expect("memory");
    // Four weeks between the first thing and the last are 46; recency would be 187.
    assert!(alone - slow.score(now, at) <= 48);
    for what in [What::Error, What::Recovered] {
        let mut again = failed(What::Recovered);
        let before = again.score(now, at);
        again.note(now, at, what).expect("memory");
        assert!(before - again.score(now, at) > 187);
    }
    // So it is with the device.
    let mut health = Health::new(START);
    let mut event = Event {
        now: START,
        region: at,
        what: What::Error,
        sectors: 1,
    };
    health.note(&event).expect("memory");
    for day in 1..60 {
        health.advance(START + day * DAY);
    }
    let before = health.score();
    event = Event {
        now: START + 60 * DAY,
        what: What::Slow,
        ..event
    };
    health.note(&event).expect("memory");
    health
        .note_remapped(START + 60 * DAY, at, 8)
        .expect("memory");
    assert!(before - health.score() <= 15, "that a region is slow");
}

#[test]
fn a_storm_leaves_no_trace_in_the_map() {
    let mut health = Health::new(START);
    for i in 0..1000u32 {
        let event = Event {
            now: START + u64::from(i),
            region: Region(i * 1000),
            what: What::Error,
            sectors: 1,
        };
        health.note(&event).expect("memory");
    }
    health.advance(START + 5 * HOUR);
    assert!(health.map.records().is_empty());
    assert_eq!(health.predictor.sum(), 0);
    assert_eq!(health.score(), PERFECT);
}

/// Six places wait, hundreds of errors each, over many regions, when it turns out that it is a cable: all of it is
/// taken back, and nothing else.
#[test]
fn what_came_before_a_storm_was_known_to_be_one_is_taken_back() {
    let what = [What::Error, What::Recovered, What::Slow];
    let mut now = START;
    let mut note = |health: &mut Health, seconds, region, what| {
        now += seconds;
        let event = Event {
            now,
            region: Region(region),
            what,
            sectors: 1,
        };
        health.note(&event).expect("memory");
    };
    let mut health = Health::new(START);
    // What was there before: one region beside each place, one in each of them, and one elsewhere.
    for place in 0..6 {
        note(&mut health, 5000, place * 10_000 + 100, What::Error);
        note(&mut health, 5000, place * 10_000, what[place as usize % 3]);
    }
    note(&mut health, DAY, 900_000, What::Error);
    health.advance(START + 60_000 + DAY + 2 * HOUR);
    let (before, score) = (health.map.records().to_vec(), health.score());
    assert_eq!(before.len(), 13);
    note(&mut health, 2 * HOUR, 0, What::Error);
    for place in 0..6 {
        for i in 0..300 {
            let region = place * 10_000 + i / 10;
            note(&mut health, 1, region, what[(i as usize + 1) % 3]);
        }
    }
    assert_eq!(health.map.records().len(), 13 + 6 * 29);
    let worst = health.map.score(health.hour(), Region(0));
    assert!(worst < DANGER, "{worst}");
    assert!(!health.predictor.in_storm());
    for _ in 0..3 {
        note(&mut health, 1, 0, What::Transport);
    }
    assert!(health.predictor.in_storm());
    assert_eq!(health.map.records(), before);
    assert!(health.score() >= score);
}

#[test]
fn what_counted_before_a_storm_stays() {
    let mut health = Health::new(START);
    let mut note = |seconds, region, what| {
        let event = Event {
            now: START + seconds,
            region: Region(region),
            what,
            sectors: 1,
        };
        health.note(&event).expect("memory");
        health.map.get(Region(region)).map(|r| r.errors)
    };
    // The same region again and again: two episodes have counted, the third one waits.
    assert_eq!(note(0, 100, What::Error), Some(1));
    assert_eq!(note(2 * HOUR, 100, What::Error), Some(2));
    assert_eq!(note(4 * HOUR, 100, What::Error), Some(3));
    for i in 1..4 {
        note(4 * HOUR + i, 0, What::Transport);
    }
    assert_eq!(health.map.get(Region(100)).map(|r| r.errors), Some(2));
    assert_eq!(health.predictor.totals().episodes, 2);
}

/// The image keeps what waits, and what was noted of it.
#[test]
fn a_storm_that_is_known_after_a_restart_is_taken_back_too() {
    let mut health = Health::new(START);
    let event = |i: u32| Event {
        now: START + u64::from(i),
        region: Region(i * 1000),
        what: What::Error,
        sectors: 1,
    };
    for i in 0..6 {
        health.note(&event(i)).expect("memory");
    }
    let mut predictor = [0; PREDICTOR_BYTES];
    health.predictor.encode(&mut predictor);
    let mut records = [0; 6 * RECORD_BYTES];
    assert_eq!(
        health.map.encode(health.hour(), &mut records),
        records.len()
    );
    let map = HealthMap::decode(&records).expect("memory");
    let mut health = Health::new(START);
    health.restore(map, &predictor);
    assert_eq!(health.map.records().len(), 6);
    health.note(&event(6)).expect("memory");
    assert!(health.map.records().is_empty());
    assert_eq!(health.score(), PERFECT);
}
