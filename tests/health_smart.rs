// SPDX-License-Identifier: GPL-2.0-only

//! What the disk says of itself, as one term of the forecast: it counts as the tables say, for a week, and what was
//! never told changes nothing.

use dm_remap_core::{
    health::{
        keeper::Keeper,
        map::HealthMap,
        predictor::{Predictor, Severity, PREDICTOR_BYTES},
        Event, Region, What, DAY, HOUR,
    },
    units::SectorCount,
};

const START: u64 = 1_700_006_400;

/// A predictor that has watched for a while and met an error on each of `days` days, and its clock.
fn with_errors(days: u64) -> (Predictor, u64) {
    let mut map = HealthMap::new();
    let mut predictor = Predictor::new(START);
    let mut now = START;
    for day in 0..40 {
        now += DAY;
        predictor.advance(now);
        if day >= 40 - days {
            let region = Region(u32::try_from(day).expect("small") * 4000);
            let what = What::Error;
            let event = Event {
                now,
                region,
                what,
                sectors: 1,
            };
            predictor.note(&event, &mut map);
        }
    }
    now += DAY;
    predictor.advance(now);
    (predictor, now)
}

fn bytes(predictor: &Predictor) -> [u8; PREDICTOR_BYTES] {
    let mut bytes = [0; PREDICTOR_BYTES];
    predictor.encode(&mut bytes);
    bytes
}

#[test]
fn the_term_is_half_of_the_cited_table_on_a_disk_that_met_nothing() {
    // 1 - e^(-hazard / 2) of the table in docs/prediction.md; one sector: 14 times 0.26 %.
    for (sectors, per_mille) in [
        (0, 3),
        (1, 39),
        (10, 76),
        (50, 128),
        (100, 164),
        (255, 239),
        (1_000_000, 239),
        (u32::MAX, 239),
    ] {
        let (mut predictor, now) = with_errors(0);
        predictor.note_smart(now, sectors);
        let verdict = predictor.verdict();
        assert_eq!(verdict.probability, per_mille, "{sectors}");
        assert_eq!(verdict.severity, Severity::Low, "it is no alarm");
        assert!(!predictor.alarm());
    }
}

#[test]
fn more_sectors_never_make_the_forecast_better() {
    for days in [0, 1, 3, 12, 30] {
        let (quiet, now) = with_errors(days);
        let mut last = quiet.verdict().probability;
        for sectors in (0..400).chain([65_534, 65_535, 65_536, u32::MAX]) {
            let mut told = quiet.clone();
            told.note_smart(now, sectors);
            let verdict = told.verdict();
            assert!(verdict.probability >= last, "{days} {sectors}");
            last = verdict.probability;
            // What was seen decides the rest.
            assert_eq!(told.alarm(), quiet.alarm());
            assert_eq!(verdict.trend, quiet.verdict().trend);
            assert_eq!(verdict.confidence, quiet.verdict().confidence);
        }
        assert!(last > quiet.verdict().probability, "{days}");
    }
}

#[test]
fn with_the_alarm_on_the_larger_count_is_the_one_that_counts() {
    let (mut predictor, now) = with_errors(30);
    assert!(predictor.alarm());
    let own = predictor.totals().sectors;
    let before = predictor.verdict();
    predictor.note_smart(now, own);
    assert_eq!(predictor.verdict(), before, "no sector counts twice");
    predictor.note_smart(now, 255);
    let after = predictor.verdict();
    assert!(after.probability > before.probability + 100, "{after:?}");
}

#[test]
fn what_was_never_told_changes_nothing_bit_for_bit() {
    for days in [0, 5, 30] {
        let (silent, now) = with_errors(days);
        let text = silent.evidence().to_string();
        assert!(!text.contains("SMART"), "{text}");
        assert_eq!(silent.smart(), None);
        // In the image of a former version the place is zeros.
        assert_eq!(bytes(&silent)[90..96], [0; 6]);
        // A disk that counts none changes no more than the words.
        let mut none = silent.clone();
        assert!(none.note_smart(now, 0), "it is news");
        assert_eq!(none.verdict(), silent.verdict());
        let said = "; SMART 0 hours ago: 0 bad sectors";
        assert_eq!(none.evidence().to_string(), text + said);
    }
}

#[test]
fn it_counts_for_a_week_of_watched_time() {
    let (silent, mut now) = with_errors(3);
    let (mut told, mut silent) = (silent.clone(), silent);
    assert!(told.note_smart(now, 40));
    for hour in 1..=7 * 24 {
        now += HOUR;
        told.advance(now);
        silent.advance(now);
        if hour < 7 * 24 {
            assert_eq!(told.smart(), Some((40, hour)));
            let better = silent.verdict().probability;
            assert!(told.verdict().probability > better, "{hour}");
        }
    }
    assert_eq!(told.smart(), None);
    assert_eq!(told.verdict(), silent.verdict(), "as if it had not been");
    assert_eq!(told.evidence().to_string(), silent.evidence().to_string());
    // Told again it is fresh, and no news.
    assert!(!told.note_smart(now, 40));
    assert_eq!(told.smart(), Some((40, 0)));
    // A machine that is off watches nothing; a gap counts as a day at most.
    told.advance(now + 300 * DAY);
    assert_eq!(told.smart(), Some((40, 24)));
    // Neither does a clock that goes backwards.
    told.advance(now);
    assert_eq!(told.smart(), Some((40, 24)));
}

#[test]
fn it_outlives_a_restart_and_not_a_reset() {
    let (mut predictor, now) = with_errors(2);
    predictor.note_smart(now, 77);
    predictor.advance(now + 5 * HOUR);
    let mut other = Predictor::new(now);
    other.restore(&bytes(&predictor));
    assert_eq!(other.smart(), Some((77, 5)));
    assert_eq!(other.verdict(), predictor.verdict());
    assert_eq!(bytes(&other), bytes(&predictor));
    let mut keeper = Keeper::new(now);
    keeper.resize(SectorCount(1 << 22), SectorCount(0));
    keeper.smart(1000, now, 3);
    assert_eq!(keeper.health.predictor.smart(), Some((3, 0)));
    keeper.forget(now);
    assert_eq!(keeper.health.predictor.smart(), None);
}

#[test]
fn only_what_is_new_is_worth_the_writing() {
    let mut keeper = Keeper::new(START);
    keeper.resize(SectorCount(1 << 22), SectorCount(0));
    assert_eq!(keeper.save_at(), u64::MAX);
    keeper.smart(1000, START, 3);
    assert!(keeper.save_at() < u64::MAX);
    keeper.image(4, [1; 16]).expect("memory");
    keeper.saved(2000, true);
    assert_eq!(keeper.save_at(), u64::MAX);
    for hour in 1..100 {
        keeper.smart(3_600_000 * hour, START + HOUR * hour, 3);
        assert_eq!(keeper.save_at(), u64::MAX, "nothing is new");
    }
    keeper.smart(400_000_000, START + 101 * HOUR, 4);
    assert!(keeper.save_at() < u64::MAX);
}
