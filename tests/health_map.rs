// SPDX-License-Identifier: GPL-2.0-only

//! The health map against a naive twin, its scores and its memory; the device's score.

use std::collections::BTreeMap;

use dm_remap_core::{
    grammar::reply,
    health::{
        map::{HealthMap, Level, DANGER, MOST, PERFECT, RECORD_BYTES, WARNING},
        monitor::Health,
        Event, Region, What, DAY,
    },
    mem::{host, NoMemory},
    units::{Sector, SectorCount},
};
use proptest::prelude::*;

const START: u64 = 1_700_006_400;
const MONTH: u32 = 30 * 24;

/// What a region went through: counts, and the hours of the first and last event.
#[derive(Default, Clone, PartialEq, Debug)]
struct Twin {
    errors: u16,
    recovered: u16,
    slow: u16,
    remapped: u16,
    first: u32,
    last: u32,
    failed: Option<u32>,
}

#[derive(Clone, Debug)]
enum Step {
    Event(u32, What),
    Remapped(u32, u16),
    Pass(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let what = prop_oneof![Just(What::Error), Just(What::Recovered), Just(What::Slow)];
    let step = prop_oneof![
        6 => (0u32..40, what).prop_map(|(r, w)| Step::Event(r, w)),
        1 => (0u32..40, 1u16..9).prop_map(|(r, n)| Step::Remapped(r, n)),
        3 => (0u32..400).prop_map(Step::Pass),
        1 => (1000u32..5000).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..150)
}

proptest! {
    #[test]
    fn counts_equal_a_naive_twin_and_survive_a_restart(steps in steps()) {
        let mut map = HealthMap::new();
        let mut twin: BTreeMap<u32, Twin> = BTreeMap::new();
        let mut hour = 1;
        for step in steps {
            match step {
                Step::Event(region, what) => {
                    prop_assert_eq!(map.note(hour, Region(region), what), Ok(()));
                    let entry = twin.entry(region).or_insert(Twin { first: hour, ..Twin::default() });
                    entry.last = hour;
                    if what != What::Slow {
                        entry.failed = Some(hour);
                    }
                    match what {
                        What::Error => entry.errors += 1,
                        What::Recovered => entry.recovered += 1,
                        _ => entry.slow += 1,
                    }
                }
                Step::Remapped(region, n) => {
                    prop_assert_eq!(map.note_remapped(hour, Region(region), n), Ok(()));
                    let entry = twin.entry(region).or_insert(Twin { first: hour, last: hour, ..Twin::default() });
                    entry.remapped += n;
                }
                Step::Pass(hours) => {
                    hour += hours;
                    map.age(hour);
                    twin.retain(|_, t| hour - t.last < 180 * 24);
                }
            }
            let mut bytes = vec![0; map.records().len() * RECORD_BYTES];
            prop_assert_eq!(map.encode(hour, &mut bytes), bytes.len());
            let again = HealthMap::decode(&bytes).expect("memory");
            prop_assert_eq!(again.records(), map.records());
        }
        let got: BTreeMap<u32, Twin> = map.records().iter().map(|r| {
            let Region(region) = r.region;
            (region, Twin {
                errors: r.errors, recovered: r.recovered, slow: r.slow, remapped: r.remapped,
                first: r.first, last: r.last, failed: r.failed(),
            })
        }).collect();
        prop_assert_eq!(&got, &twin);
        // The worst, the lowest of all, and each by itself agree.
        let mut worst = [(Region(0), 0); 5];
        let n = map.worst(hour, &mut worst);
        let mut scores: Vec<u32> = twin.keys().map(|&r| map.score(hour, Region(r))).collect();
        scores.sort_unstable();
        let all: Vec<u32> = worst[..n].iter().map(|w| w.1).collect();
        prop_assert_eq!(&all[..], &scores[..n]);
        prop_assert_eq!(n, scores.len().min(5));
        let lowest = map.lowest(hour, Region(0), Region(u32::MAX));
        prop_assert_eq!(lowest, scores.first().copied().unwrap_or(PERFECT));
    }

    #[test]
    fn any_bytes_give_a_map_in_order(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut map = HealthMap::decode(&bytes).expect("memory");
        let regions: Vec<_> = map.records().iter().map(|r| r.region).collect();
        prop_assert!(regions.windows(2).all(|w| w[0] < w[1]));
        for region in regions {
            prop_assert!(map.score(u32::MAX, region) <= PERFECT);
            let _ = map.note(7, region, What::Error);
            prop_assert!(map.score(7, region) <= PERFECT);
        }
    }
}

/// The last region is what lies beyond 4 PiB, too: it is one like all others, and there once.
#[test]
fn the_last_region_is_one_like_all_others() {
    let last = Region::of(Sector(u64::MAX));
    assert_eq!(last, Region(u32::MAX));
    let mut health = Health::new(START);
    for (region, sectors) in [(u32::MAX, 1), (u32::MAX - 3, 1), (u32::MAX, 5)] {
        let event = Event {
            now: START,
            region: Region(region),
            what: What::Error,
            sectors,
        };
        health.note(&event).expect("memory");
    }
    assert_eq!(health.map.records().len(), 2);
    assert_eq!(health.map.get(last).map(|r| r.errors), Some(2));
    let score = health.map.score(0, last);
    assert!(score < health.map.score(0, Region(u32::MAX - 3)));
    assert_eq!(health.map.lowest(0, last, last), score);
    // The lowest score of a target that reaches so far is that of its last part.
    let mut said = String::new();
    reply::health(&health, SectorCount(u64::MAX), 3, &mut said).expect("room");
    assert_eq!(said, format!("1000 1000 {score}\n"));
    health.advance(START + DAY);
    assert_eq!(health.predictor.totals().places, 1);
    // An image in which it is twice is in order up to there.
    let mut bytes = vec![0; 3 * RECORD_BYTES];
    assert_eq!(health.map.encode(0, &mut bytes), 2 * RECORD_BYTES);
    bytes.copy_within(RECORD_BYTES..2 * RECORD_BYTES, 2 * RECORD_BYTES);
    let again = HealthMap::decode(&bytes).expect("memory");
    assert_eq!(again.records(), health.map.records());
}

/// A map in which `region` had `errors`, one a day up to hour 5000.
fn with_errors(region: u32, errors: u32) -> HealthMap {
    let mut map = HealthMap::new();
    for i in (0..errors).rev() {
        let noted = map.note(5000 - i * 24, Region(region), What::Error);
        noted.expect("memory");
    }
    map
}

#[test]
fn each_term_of_a_regions_score_does_what_its_reason_says() {
    let score = |map: &HealthMap, hour| map.score(hour, Region(100));
    // Error rate: more is worse, down to danger.
    let by_errors: Vec<u32> = (0..40).map(|n| score(&with_errors(100, n), 5000)).collect();
    assert_eq!(by_errors[0], PERFECT);
    assert!(by_errors.windows(2).all(|w| w[1] <= w[0]), "{by_errors:?}");
    assert!(by_errors[1] < WARNING && by_errors[1] >= DANGER);
    // Recency and ageing: it heals, and never beyond what it was.
    let one = with_errors(100, 1);
    let healing: Vec<u32> = (0..6).map(|m| score(&one, 5000 + m * MONTH)).collect();
    assert!(healing.windows(2).all(|w| w[1] > w[0]), "{healing:?}");
    assert!(healing[1] >= WARNING);
    // Retries, by themselves only a shadow.
    let mut retried = HealthMap::new();
    retried
        .note(5000, Region(100), What::Recovered)
        .expect("memory");
    assert!((WARNING..PERFECT).contains(&score(&retried, 5000)));
    // Latency against the median.
    let mut slow = HealthMap::new();
    slow.note(5000, Region(100), What::Slow).expect("memory");
    let before = score(&slow, 5000);
    for _ in 0..10 {
        slow.note_latency(Region(100), 10 * 16);
    }
    assert!(score(&slow, 5000) < before - 100);
    for _ in 0..30 {
        slow.note_latency(Region(100), 16);
    }
    assert_eq!(score(&slow, 5000), before, "it was slow, and is no more");
    // Spread: neighbours within 10 MB.
    let mut alone = with_errors(100, 7);
    let before = score(&alone, 5000);
    for (near, less) in [
        (89, 0),
        (111, 0),
        (90, 50),
        (110, 100),
        (101, 150),
        (102, 150),
    ] {
        alone.note(5000, Region(near), What::Error).expect("memory");
        assert_eq!(before - score(&alone, 5000), less, "{near}");
    }
    assert!(score(&alone, 5000) < DANGER);
    // Age: what happens again after months does not heal.
    for (months, less) in [(0, 0), (1, 50), (2, 100), (5, 100)] {
        let mut map = HealthMap::new();
        for hour in [20_000 - months * MONTH, 20_000] {
            map.note(hour, Region(100), What::Slow).expect("memory");
        }
        assert_eq!(score(&map, 20_000), PERFECT - less);
    }
}

#[test]
fn levels_are_divided_where_they_should_be() {
    for (score, level) in [
        (0, Level::Danger),
        (299, Level::Danger),
        (300, Level::Warning),
        (699, Level::Warning),
        (700, Level::Good),
        (1000, Level::Good),
    ] {
        assert_eq!(Level::of(score), level);
    }
    assert_eq!(Level::Danger.name(), "danger");
}

#[test]
fn untouched_regions_cost_nothing_and_touched_ones_64_bytes_at_most() {
    let before = host::live_bytes();
    let mut map = HealthMap::new();
    assert_eq!(map.memory_bytes(), 0);
    assert_eq!(host::live_bytes(), before);
    for i in 0..MOST as u32 {
        map.note(1, Region(i.wrapping_mul(7919) % 20_000_000), What::Error)
            .expect("memory");
        let bytes = host::live_bytes() - before;
        // A record has 28 bytes, of which an allocator makes 32.
        assert_eq!(bytes / 28 * 32, map.memory_bytes() as i64);
        let touched = map.records().len() as i64;
        // The first allocation has room for four.
        let bytes = map.memory_bytes() as i64;
        assert!(bytes <= 64 * touched.max(2), "{bytes} for {touched}");
    }
    // It is bounded, however much is touched: a quarter of a MiB.
    for i in 0..3 * MOST as u32 {
        map.note(2, Region(i * 13 + 5), What::Slow).expect("memory");
    }
    assert_eq!(map.records().len(), MOST);
    assert!(map.memory_bytes() <= 1 << 18);
    assert!(map.forgotten() > 0);
    // And given back when it is not needed any more.
    map.age(180 * 24 + 2);
    assert_eq!(map.memory_bytes(), 0);
    assert_eq!(host::live_bytes(), before);
}

#[test]
fn the_least_telling_is_forgotten_first() {
    let mut map = with_errors(1_000_000, 9);
    for i in 0..MOST as u32 + 100 {
        map.note(5000, Region(i), What::Slow).expect("memory");
    }
    assert_eq!(map.records().len(), MOST);
    assert!(map.get(Region(1_000_000)).is_some());
    assert!(
        map.get(Region(MOST as u32 + 99)).is_some(),
        "what happens now is known"
    );
    // In less room than all need, the most telling are kept.
    let mut bytes = vec![0; 10 * RECORD_BYTES + 5];
    let used = map.encode(5000, &mut bytes);
    assert!(used <= bytes.len() && used >= RECORD_BYTES);
    let few = HealthMap::decode(&bytes[..used]).expect("memory");
    assert_eq!(few.get(Region(1_000_000)), map.get(Region(1_000_000)));
}

#[test]
fn each_refused_allocation_leaves_a_map_that_works() {
    for refused in 0..8 {
        let mut map = HealthMap::new();
        host::refuse_after(Some(refused));
        let mut failed = 0;
        for i in 0..100 {
            failed += u32::from(map.note(1, Region(i), What::Error) == Err(NoMemory));
        }
        host::refuse_after(None);
        let grown = map.memory_bytes();
        assert!(grown > 0);
        assert!(map.get(Region(99)).is_some());
        // What was forgotten had been there: an empty map has nothing to forget.
        let held = map.records().len() as u64 + map.forgotten();
        assert_eq!(held, if refused == 0 { 99 } else { 100 });
        assert!(u64::from(failed) <= 1 && map.forgotten() <= failed.into());
    }
    // Ageing that gets no memory keeps the old.
    let mut map = HealthMap::new();
    for i in 0..100 {
        map.note(1 + i * 100, Region(i), What::Error)
            .expect("memory");
    }
    host::refuse_after(Some(0));
    map.age(9_800 + 180 * 24);
    host::refuse_after(None);
    assert!(map.memory_bytes() > 1000, "no memory to shrink into");
    assert_eq!(map.records().len(), 2);
    map.age(9_800 + 180 * 24);
    assert!(map.memory_bytes() < 300);
    assert_eq!(map.records().len(), 2);
}

#[test]
fn the_device_falls_to_danger_with_the_alarm_and_says_each_crossing_once() {
    let mut health = Health::new(START);
    assert_eq!((health.score(), health.crossed()), (PERFECT, None));
    let mut crossed = Vec::new();
    for day in 0..12u64 {
        let event = Event {
            now: START + day * DAY,
            region: Region(day as u32 * 50_000),
            what: What::Error,
            sectors: 3,
        };
        health.note(&event).expect("memory");
        health.advance(START + (day + 1) * DAY);
        crossed.extend(health.crossed());
        assert_eq!(health.crossed(), None);
        if health.predictor.alarm() {
            assert!(health.score() < DANGER, "{}", health.score());
        }
    }
    assert_eq!(crossed, [Level::Warning, Level::Danger]);
    for day in 12..500 {
        health.advance(START + (day + 1) * DAY);
        crossed.extend(health.crossed());
    }
    assert_eq!(
        crossed,
        [Level::Warning, Level::Danger, Level::Warning, Level::Good]
    );
    assert_eq!(health.map.memory_bytes(), 0, "the map has aged");
}

#[test]
fn a_read_far_above_the_median_is_slow() {
    let mut health = Health::new(START);
    for i in 0..200 {
        let slow = health.note_latency(START, Region(i), 9_000 + i * 10, 0);
        assert_eq!(slow, Ok(false));
    }
    assert_eq!(health.note_latency(START, Region(5), 150_000, 0), Ok(true));
    assert_eq!(health.note_latency(START, Region(6), 50_000, 0), Ok(false));
    assert_eq!(
        health.note_latency(START, Region(5), 150_000, 150_001),
        Ok(false)
    );
    assert_eq!(health.map.records().len(), 1);
    let record = health.map.get(Region(5)).expect("tracked");
    assert!(record.slow == 1 && record.latency > 64);
    health.advance(START + DAY);
    assert_eq!(health.predictor.totals().weak, 1);
}
