// SPDX-License-Identifier: GPL-2.0-only

//! The predictor: what counts, what does not, what it says, and that it forgets nothing.

use dm_remap_core::health::{
    map::HealthMap,
    predictor::{Predictor, Severity, Trend, ALARM, LONGEST, PREDICTOR_BYTES, WEIGHT},
    Event, Region, What, DAY, HOUR,
};
use proptest::prelude::*;

const START: u64 = 1_700_006_400;

fn event(now: u64, region: u32, what: What) -> Event {
    Event {
        now,
        region: Region(region),
        what,
        sectors: u32::from(what == What::Error),
    }
}

/// Without a map of the regions.
fn note(predictor: &mut Predictor, event: &Event) {
    predictor.note(event, &mut HealthMap::new());
}

/// One error at a new place each `every` days, for `days`.
fn steady(predictor: &mut Predictor, from: u64, days: u64, every: u64) {
    for day in 0..days {
        let now = from + day * DAY;
        if day % every == 0 {
            let region = ((now / DAY) as u32 % 1000) * 2000;
            note(predictor, &event(now, region, What::Error));
        }
        predictor.advance(now + DAY);
    }
}

#[test]
fn a_scratch_is_one_episode_and_no_alarm() {
    let mut predictor = Predictor::new(START);
    for i in 0..200 {
        note(
            &mut predictor,
            &event(START + u64::from(i) * 10, 5000 + i * 5, What::Error),
        );
    }
    predictor.advance(START + DAY);
    assert_eq!(predictor.totals().episodes, 1);
    assert_eq!(predictor.totals().sectors, 200);
    // The same places again, read later: nothing new is bad.
    for i in 0..200 {
        let again = Event {
            sectors: 0,
            ..event(START + DAY + u64::from(i) * 600, 5000 + i * 5, What::Error)
        };
        note(&mut predictor, &again);
    }
    predictor.advance(START + 9 * DAY);
    assert_eq!(predictor.totals().episodes, 1);
    assert!(!predictor.alarm());
    assert_eq!(predictor.recent_places(), 1);
}

#[test]
fn events_far_in_place_or_time_are_episodes_of_their_own() {
    for (seconds, regions, episodes) in [(60, 10, 1), (61, 10, 2), (60, 11, 2), (3600, 0, 2)] {
        let mut predictor = Predictor::new(START);
        note(&mut predictor, &event(START, 5000, What::Error));
        note(
            &mut predictor,
            &event(START + seconds, 5000 - regions, What::Error),
        );
        predictor.advance(START + 3 * HOUR);
        assert_eq!(predictor.totals().episodes, episodes, "{seconds} {regions}");
        assert_eq!(predictor.totals().places, 1, "all of it is one place");
    }
}

#[test]
fn new_places_day_after_day_raise_the_alarm_and_quiet_ends_it() {
    let mut predictor = Predictor::new(START);
    steady(&mut predictor, START, 7, 1);
    assert!(!predictor.alarm(), "a week of one a day is not enough");
    assert_eq!(predictor.verdict().severity, Severity::Medium);
    steady(&mut predictor, START + 7 * DAY, 2, 1);
    assert!(predictor.alarm());
    assert!(predictor.sum() >= ALARM);
    let verdict = predictor.verdict();
    assert!(verdict.severity >= Severity::High);
    assert!(verdict.probability > 100, "{verdict:?}");
    assert!(verdict.confidence >= 50);
    steady(&mut predictor, START + 9 * DAY, 120, 1000);
    assert!(!predictor.alarm());
    assert_eq!(predictor.verdict().time_to_failure, None);
}

#[test]
fn one_new_place_in_ten_days_may_go_on_for_ever() {
    let mut predictor = Predictor::new(START);
    steady(&mut predictor, START, 3000, 11);
    assert!(!predictor.alarm());
    assert!(predictor.sum() <= 2 * WEIGHT);
    assert_eq!(predictor.verdict().trend, Trend::Stable);
}

#[test]
fn a_storm_counts_nothing_and_what_follows_it_does() {
    let mut predictor = Predictor::new(START);
    // The first five wait; the seventh place within the hour makes it a storm.
    for i in 0..300 {
        note(
            &mut predictor,
            &event(START + u64::from(i), i * 5000, What::Error),
        );
    }
    assert!(predictor.in_storm());
    predictor.advance(START + 5 * HOUR);
    assert!(!predictor.in_storm());
    assert_eq!(predictor.totals().episodes, 0);
    assert_eq!(predictor.totals().left_out, 300);
    assert_eq!(predictor.totals().storms, 1);
    note(&mut predictor, &event(START + 5 * HOUR, 77, What::Error));
    predictor.advance(START + 7 * HOUR);
    assert_eq!(predictor.totals().episodes, 1);
}

#[test]
fn one_place_that_fails_again_and_again_is_no_storm() {
    let mut predictor = Predictor::new(START);
    for i in 0..100 {
        let region = [5000, 5100, 90_000][i % 3];
        note(
            &mut predictor,
            &event(START + i as u64 * 90, region, What::Error),
        );
    }
    assert!(!predictor.in_storm());
    predictor.advance(START + DAY);
    let totals = predictor.totals();
    assert_eq!((totals.episodes, totals.places), (100, 2));
    // A backup that meets a hundred sectors that are known to be bad is none either.
    for i in 0..600 {
        let again = event(START + DAY + i, 5000 + (i as u32 % 3) * 40, What::Error);
        let again = Event {
            sectors: 0,
            ..again
        };
        note(&mut predictor, &again);
    }
    assert!(!predictor.in_storm());
    assert_eq!(predictor.totals().left_out, 0);
}

/// A user who tries a bad sector again and again takes no room from what else waits.
#[test]
fn a_bad_sector_that_is_read_again_is_one_episode_while_it_waits() {
    let mut predictor = Predictor::new(START);
    note(&mut predictor, &event(START, 5000, What::Error));
    for i in 1..25 {
        let again = Event {
            sectors: 0,
            ..event(START + i * 120, 5000, What::Error)
        };
        note(&mut predictor, &again);
    }
    for i in 1..7 {
        note(
            &mut predictor,
            &event(START + 3000 + i, i as u32 * 100_000, What::Error),
        );
    }
    predictor.advance(START + DAY);
    let totals = predictor.totals();
    assert_eq!((totals.storms, totals.episodes), (1, 0));
}

#[test]
fn transport_errors_make_a_storm_and_take_back_the_hour_before() {
    let mut predictor = Predictor::new(START);
    note(&mut predictor, &event(START, 77, What::Error));
    note(&mut predictor, &event(START + 100, 0, What::Transport));
    note(&mut predictor, &event(START + 200, 0, What::Transport));
    assert!(!predictor.in_storm());
    note(&mut predictor, &event(START + 300, 0, What::Transport));
    assert!(predictor.in_storm());
    predictor.advance(START + DAY);
    assert_eq!(predictor.totals().episodes, 0);
    // Three in a day are none.
    for i in 1..4 {
        note(
            &mut predictor,
            &event(START + DAY + i * 2 * HOUR, 0, What::Transport),
        );
        assert!(!predictor.in_storm());
    }
}

#[test]
fn a_wrong_clock_and_a_machine_that_was_off_change_nothing() {
    let mut predictor = Predictor::new(START);
    steady(&mut predictor, START, 9, 1);
    let sum = predictor.sum();
    assert!(predictor.alarm());
    predictor.advance(0);
    assert_eq!(predictor.sum(), sum);
    predictor.advance(START * 100);
    predictor.advance(START);
    assert!(predictor.sum() + WEIGHT >= sum, "a leap is a day at most");
    assert!(predictor.alarm());
}

#[test]
fn growth_is_declining_and_has_a_time_and_quiet_is_improving() {
    let mut predictor = Predictor::new(START);
    let mut region = 0;
    let mut now = START;
    for (days, each) in [(30u64, 0u64), (20, 1), (6, 2)] {
        for _ in 0..days {
            for i in 0..each {
                region += 3000;
                note(
                    &mut predictor,
                    &event(now + i * 3 * HOUR, region, What::Error),
                );
            }
            now += DAY;
            predictor.advance(now);
        }
    }
    let verdict = predictor.verdict();
    assert_eq!(verdict.trend, Trend::Declining);
    let days = verdict.time_to_failure.expect("it grows") / DAY;
    assert!(days < 60, "{days}");
    for _ in 0..14 {
        now += DAY;
        predictor.advance(now);
    }
    assert_eq!(predictor.verdict().trend, Trend::Improving);
    assert_eq!(predictor.verdict().time_to_failure, None);
}

#[test]
fn the_spare_lasts_as_long_as_it_was_used() {
    let mut predictor = Predictor::new(START);
    assert_eq!(predictor.time_to_spare_exhaustion(1000), None);
    for day in 0..200 {
        predictor.note_remapped(START + day * DAY, 10);
        predictor.advance(START + (day + 1) * DAY);
    }
    let days = predictor.time_to_spare_exhaustion(1000).expect("used") / DAY;
    assert!((90..=110).contains(&days), "{days}");
    assert_eq!(predictor.time_to_spare_exhaustion(0), Some(0));
    // The largest spare is told as exactly: ten a day.
    let days = |free: u32| f64::from(free) / 10.0;
    let most = LONGEST as f64 / DAY as f64;
    for free in [100_000, 300_000, u32::MAX] {
        let got = predictor.time_to_spare_exhaustion(free).expect("used") as f64 / DAY as f64;
        let want = days(free).min(most);
        assert!((got - want).abs() < want * 0.1, "{free}: {got} {want}");
    }
    // Quiet makes it longer, up to a hundred years, and then there is nothing to go by.
    let mut before = 0;
    for day in 200..1000 {
        predictor.advance(START + (day + 1) * DAY);
        match predictor.time_to_spare_exhaustion(100) {
            Some(seconds) => assert!((before..=LONGEST).contains(&seconds), "{seconds}"),
            None => assert!(day > 400, "{day}"),
        }
        before = predictor.time_to_spare_exhaustion(100).unwrap_or(LONGEST);
    }
    assert_eq!(predictor.time_to_spare_exhaustion(100), None);
    assert_eq!(
        predictor.time_to_spare_exhaustion(0),
        Some(0),
        "none is left"
    );
    // No rate is too high, and no spare too large.
    for _ in 0..1000 {
        predictor.note_remapped(START + 1000 * DAY, u32::MAX);
    }
    let soon = predictor.time_to_spare_exhaustion(u32::MAX).expect("used");
    assert!(soon <= 30 * DAY, "{soon}");
    // Four thousand million a day use up as many in a day.
    let mut predictor = Predictor::new(START);
    for day in 0..300 {
        predictor.note_remapped(START + day * DAY, u32::MAX / 64);
        predictor.advance(START + (day + 1) * DAY);
    }
    let seconds = predictor.time_to_spare_exhaustion(u32::MAX).expect("used");
    assert!(seconds.abs_diff(64 * DAY) < 6 * DAY, "{}", seconds / DAY);
}

#[test]
fn the_evidence_names_the_counters() {
    let mut predictor = Predictor::new(START);
    steady(&mut predictor, START, 9, 1);
    for i in 0..9 {
        note(
            &mut predictor,
            &event(START + 9 * DAY + i, i as u32 * 5000, What::Error),
        );
    }
    assert_eq!(
        predictor.evidence().to_string(),
        "9 episodes with errors at 9 places, 0 weak ones, 9 bad sectors in 9 days; \
         a day over 1, 7 and 30 days: 0.58 0.67 0.25; sum 8.12 of 7.00, alarm; left out: 6 events, 1 storms"
    );
}

/// Any history, some of it storms, steps of the clock included.
fn history() -> impl Strategy<Value = Vec<(i64, u32, u8, u32)>> {
    let step = prop_oneof![
        4 => 0i64..100,
        4 => 0i64..20_000,
        1 => 50_000i64..400_000,
        1 => -1_000_000i64..0,
        1 => Just(i64::MAX / 1000),
    ];
    let region = prop_oneof![0u32..40, 0u32..2_000_000, Just(u32::MAX)];
    prop::collection::vec((step, region, 0u8..5, 0u32..4), 0..120)
}

fn play(predictor: &mut Predictor, now: &mut u64, history: &[(i64, u32, u8, u32)]) {
    for &(step, region, what, sectors) in history {
        *now = now.saturating_add_signed(step);
        let what = match what {
            0 => What::Recovered,
            1 => What::Slow,
            2 => What::Transport,
            _ => What::Error,
        };
        if sectors == 3 {
            predictor.note_remapped(*now, sectors);
        }
        note(
            predictor,
            &Event {
                now: *now,
                region: Region(region),
                what,
                sectors,
            },
        );
    }
}

fn encoded(predictor: &Predictor) -> [u8; PREDICTOR_BYTES] {
    let mut bytes = [0; PREDICTOR_BYTES];
    predictor.encode(&mut bytes);
    bytes
}

proptest! {
    #[test]
    fn a_restart_forgets_nothing(before in history(), after in history()) {
        let mut now = START;
        let mut whole = Predictor::new(now);
        play(&mut whole, &mut now, &before);
        let mut restarted = Predictor::new(0);
        restarted.restore(&encoded(&whole));
        prop_assert_eq!(encoded(&restarted), encoded(&whole));
        let mut then = now;
        play(&mut whole, &mut now, &after);
        play(&mut restarted, &mut then, &after);
        prop_assert_eq!(encoded(&restarted), encoded(&whole));
        prop_assert_eq!(restarted.verdict(), whole.verdict());
    }

    #[test]
    fn any_bytes_give_one_that_works(bytes in prop::collection::vec(any::<u8>(), PREDICTOR_BYTES), more in history()) {
        let bytes: [u8; PREDICTOR_BYTES] = bytes.try_into().expect("so many");
        let mut predictor = Predictor::new(START);
        predictor.restore(&bytes);
        let mut now = START;
        play(&mut predictor, &mut now, &more);
        let verdict = predictor.verdict();
        prop_assert!(verdict.probability <= 1000 && verdict.confidence <= 99);
        predictor.time_to_spare_exhaustion(u32::MAX);
        prop_assert!(!predictor.evidence().to_string().is_empty());
    }

    /// A twin that keeps every event and does the sums with fractions, for days of at most five places far from
    /// each other: no storm, nothing to merge.
    #[test]
    fn rates_and_sum_equal_a_naive_twin(days in prop::collection::vec(0u32..4, 1..80)) {
        let mut predictor = Predictor::new(START);
        let (mut sum, mut rates, mut region) = (0.0f64, [0.0f64; 3], 0);
        for (day, &count) in days.iter().enumerate() {
            let now = START + day as u64 * DAY;
            for i in 0..count {
                region += 1000;
                note(&mut predictor, &event(now + u64::from(i) * 4 * HOUR, region, What::Error));
            }
            predictor.advance(now + DAY);
            sum = (sum + f64::from(count.min(2)) - 25.0 / 256.0).clamp(0.0, 12.0);
            for (rate, window) in rates.iter_mut().zip([1.0, 7.0, 30.0]) {
                *rate *= (-1.0f64 / window).exp();
                for i in 0..count {
                    // It counts after an hour, and the day has that many hours left.
                    *rate += (-(23.0 - f64::from(i) * 4.0) / 24.0 / window).exp();
                }
            }
        }
        prop_assert!((f64::from(predictor.sum()) / 256.0 - sum).abs() < 0.01);
        let bytes = encoded(&predictor);
        for (i, rate) in rates.into_iter().enumerate() {
            let at = 16 + 8 * i;
            let got = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight"));
            let got = got as f64 / 2f64.powi(32);
            // The hour of an episode is counted whole.
            prop_assert!((got - rate).abs() <= 0.001 + rate * 0.1, "{} {}", got, rate);
        }
    }
}
