// SPDX-License-Identifier: GPL-2.0-only

//! Is this disk going to fail? Counters of fixed size, fed with events, asked for a verdict.
//!
//! Events of neighbouring regions within a minute are one *episode*. An episode waits an hour before it counts: if that
//! hour shows that it was part of a *storm*, it never does. What counts is weighed by whether its place is new, and goes
//! into decayed rates and a CUSUM of the days, which raises the alarm.
//!
//! Time is the time that was *watched*: a step of the clock backwards is none, and one forwards at most a day. So
//! neither a machine that was off nor a clock that was wrong makes the past look quieter than it was.

mod codec;
mod episode;
mod evidence;
mod smart;
mod verdict;

pub use codec::PREDICTOR_BYTES;
pub use evidence::Evidence;
pub use verdict::{Severity, Trend, Verdict, LONGEST};

use crate::health::{
    fixed::{count_if, decay},
    map::HealthMap,
    Event, Region, What, DAY, HOUR,
};
use episode::Episode;
use smart::Smart;

/// An episode of full weight.
pub const WEIGHT: u32 = 256;

/// What an error at a new place weighs.
const NEW: u32 = WEIGHT;
/// What an error at a place that is known weighs: half of all errors have another one beside them
/// (Bairavasundaram), on disks that go on for years too.
const KNOWN: u32 = WEIGHT / 8;
/// What a recovered or slow read at a new place weighs: an early sign, and a frequent one.
const WEAK: u32 = WEIGHT / 4;

/// What one day may add to the sum at most: a bad day is a bad day, however bad.
const DAY_MOST: u32 = 2 * WEIGHT;
/// What each day takes off the sum: the rate of episodes that a disk may have for ever.
const DAY_LESS: u32 = WEIGHT / 10;
/// The sum that raises the alarm.
pub const ALARM: u32 = 7 * WEIGHT;
/// The sum at which the alarm ends.
const CALM: u32 = 2 * WEIGHT;
/// The sum grows no higher: with this an alarm ends some two months after the last episode.
const SUM_MOST: u32 = 12 * WEIGHT;

/// More episodes than this within an hour, at different places, are a storm. What waits has room for no more.
const STORM: usize = 6;
/// So many transport errors within an hour are a storm.
const STORM_TRANSPORT: u8 = 3;

/// Places that are remembered: 60 of them as far from each other as can be are 0.3 % of 10 TB.
const PLACES: usize = 60;

/// How near to a place what happens is not new, in regions: a scratch over the tracks of a surface is met in pieces,
/// in any order, some hundred MiB apart.
const NEAR: u32 = 256;

/// exp(-1/24), exp(-1/168), exp(-1/720) in units of 2^-32: what is left of a rate after an hour, when it
/// looks back over a day, a week or 30 days.
const FACTORS: [u32; 3] = [4_119_687_349, 4_269_477_951, 4_289_006_204];

/// Over how many days each rate looks back.
const DAYS: [u64; 3] = [1, 7, 30];

/// No episode waits that has the region.
pub const NONE_WAITS: u32 = u32::MAX;

/// A place where errors were: it grows with each episode inside or near of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    /// Its first region.
    low: u32,
    /// Its last region.
    high: u32,
    /// The watched hour of the last episode there; 0 for no place.
    hour: u32,
}

impl Place {
    /// From `low` to `high` is inside or near of it.
    #[inline(never)]
    fn reaches(&self, low: u32, high: u32) -> bool {
        self.hour != 0
            && self.low <= high.saturating_add(NEAR)
            && low <= self.high.saturating_add(NEAR)
    }
}

/// The counters.
#[derive(Clone, Debug)]
pub struct Predictor {
    /// The clock, when it was last told.
    wall: u64,
    /// Seconds that were watched.
    watched: u64,
    waiting: [Option<Episode>; STORM],
    places: [Place; PLACES],
    /// Weights of episodes, decayed over a day, a week and 30 days; an episode is 2^32.
    rates: [u64; 3],
    /// Blocks that were remapped, decayed alike.
    remapped: [u64; 3],
    /// Weight of the day so far.
    today: u32,
    /// The CUSUM.
    sum: u32,
    alarm: bool,
    /// Until when a storm lasts, in watched time; 0 for none.
    storm_until: u64,
    /// The last transport errors that came within an hour of the first of them.
    transport: u8,
    transport_since: u64,
    /// For the evidence, since the beginning.
    totals: Totals,
    /// What the disk says of itself.
    smart: Smart,
}

/// Counters since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Episodes with an error that counted.
    pub episodes: u32,
    /// Of them, those at new places.
    pub places: u32,
    /// Episodes of recovered or slow reads that counted.
    pub weak: u32,
    /// Sectors that were found bad, outside of storms.
    pub sectors: u32,
    /// Storms.
    pub storms: u32,
    /// Events that were left out, because they came in storms.
    pub left_out: u32,
}

impl Predictor {
    /// One that has seen nothing; `now` is in seconds since 1970.
    pub fn new(now: u64) -> Predictor {
        Predictor {
            wall: now,
            watched: 0,
            waiting: [None; STORM],
            places: [Place::default(); PLACES],
            rates: [0; 3],
            remapped: [0; 3],
            today: 0,
            sum: 0,
            alarm: false,
            storm_until: 0,
            transport: 0,
            transport_since: 0,
            totals: Totals::default(),
            smart: Smart::default(),
        }
    }

    /// Takes note of an event. In a storm nothing counts, and `map` takes back what had waited when it began.
    pub fn note(&mut self, event: &Event, map: &mut HealthMap) {
        self.advance(event.now);
        if event.what == What::Transport {
            self.totals.left_out = self.totals.left_out.saturating_add(1);
            self.note_transport(map);
            return;
        }
        let (time, at) = (self.watched, event.region.0);
        if event.is_repeat() && self.knows(at) {
            // Read again, and bad as before: nothing happened. A backup meets many of those in an hour.
            return;
        }
        let mut known = self.waiting.iter_mut().flatten();
        if let Some(episode) = known.find(|e| e.takes(event.region, time)) {
            episode.add(event, time);
            return;
        }
        if self.waiting.iter().all(Option::is_some) {
            match self.take_crowded(at) {
                Some(episode) => self.close(&episode),
                None => self.begin_storm(map),
            }
        }
        if let Some(free) = self.waiting.iter_mut().find(|e| e.is_none()) {
            *free = Some(Episode::new(event, time));
        }
    }

    /// Takes note that `blocks` spare blocks were used up.
    pub fn note_remapped(&mut self, now: u64, blocks: u32) {
        self.advance(now);
        for rate in &mut self.remapped {
            *rate = rate.saturating_add(u64::from(blocks).wrapping_shl(32));
        }
    }

    /// Lets time pass. To be called at least once a day: what is more counts as a day.
    pub fn advance(&mut self, now: u64) {
        let passed = now.saturating_sub(self.wall).min(DAY);
        self.wall = now;
        let (before, after) = (self.watched, self.watched.saturating_add(passed));
        let since = |unit| {
            let count = |t: u64| t.checked_div(unit).unwrap_or(0);
            count(after).saturating_sub(count(before))
        };
        let (hours, days) = (since(HOUR), since(DAY));
        self.watched = after;
        self.settle();
        for rates in [&mut self.rates, &mut self.remapped] {
            for (rate, factor) in rates.iter_mut().zip(FACTORS) {
                *rate = decay(*rate, hours, factor);
            }
        }
        if days > 0 {
            self.end_day();
        }
    }

    /// A storm is going on.
    pub fn in_storm(&self) -> bool {
        self.storm_until > self.watched
    }

    /// Errors are to be expected: the alarm is on.
    pub fn alarm(&self) -> bool {
        self.alarm
    }

    /// Seconds that were watched: the clock of all that ages.
    pub fn watched(&self) -> u64 {
        self.watched
    }

    /// The CUSUM, an episode of full weight being [`WEIGHT`].
    pub fn sum(&self) -> u32 {
        self.sum
    }

    /// Places with an error within the last 30 days, of those that are remembered.
    pub fn recent_places(&self) -> u32 {
        let hour = self.watched.wrapping_div(HOUR);
        let since = |p: &Place| p.hour != 0 && hour.saturating_sub(p.hour.into()) < 30 * 24;
        count_if(&self.places, &since)
    }

    /// What was counted.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    fn note_transport(&mut self, map: &mut HealthMap) {
        if self.watched.saturating_sub(self.transport_since) >= HOUR {
            self.transport = 0;
            self.transport_since = self.watched;
        }
        self.transport = self.transport.saturating_add(1);
        if self.transport >= STORM_TRANSPORT {
            self.transport = 0;
            self.begin_storm(map);
        }
    }

    /// What waits was no episode of the medium, and nothing is for an hour from now.
    #[inline(never)]
    fn begin_storm(&mut self, map: &mut HealthMap) {
        if !self.in_storm() {
            self.totals.storms = self.totals.storms.saturating_add(1);
        }
        self.storm_until = self.watched.saturating_add(HOUR);
        map.take_back(self);
        for slot in &mut self.waiting {
            if let Some(episode) = slot.take() {
                self.totals.left_out = self.totals.left_out.saturating_add(episode.events);
            }
        }
    }

    /// The watched hour in which the first of the episodes began that wait and have the region, or [`NONE_WAITS`].
    #[inline(never)]
    pub fn waits_since(&self, region: Region) -> u32 {
        let mut first = u64::MAX;
        for episode in self.waiting.iter().flatten() {
            if episode.low <= region.0 && region.0 <= episode.high {
                first = first.min(episode.first);
            }
        }
        u32::try_from(first.wrapping_div(HOUR)).unwrap_or(NONE_WAITS)
    }

    /// Counts the episodes that have waited for an hour; those of a storm are left out.
    fn settle(&mut self) {
        for i in 0..STORM {
            let old = |e: &mut Episode| e.first.saturating_add(HOUR) <= self.watched;
            let Some(episode) = self.waiting.get_mut(i).and_then(|e| e.take_if(old)) else {
                continue;
            };
            self.close(&episode);
        }
    }

    /// There were errors at that region or near of it, which have counted or wait for it.
    fn knows(&self, at: u32) -> bool {
        let waits = |e: &Episode| e.error && e.place().reaches(at, at);
        self.places.iter().any(|p| p.reaches(at, at)) || self.waiting.iter().flatten().any(waits)
    }

    /// Takes an episode out whose place another one shares, or the region `at`: what comes again and again in
    /// one place is no storm.
    fn take_crowded(&mut self, at: u32) -> Option<Episode> {
        let waiting = &self.waiting;
        let shares = |i: usize| {
            let e = waiting.get(i)?.as_ref()?;
            let place = e.place();
            let mut before = waiting.get(..i)?.iter().flatten();
            let any = before.any(|o| place.reaches(o.low, o.high));
            Some(any || place.reaches(at, at))
        };
        let crowded = (0..STORM).find(|&i| shares(i) == Some(true))?;
        self.waiting.get_mut(crowded)?.take()
    }

    /// Counts an episode, or leaves it out if it began in a storm.
    fn close(&mut self, episode: &Episode) {
        if episode.first < self.storm_until {
            self.totals.left_out = self.totals.left_out.saturating_add(episode.events);
        } else {
            self.count(episode);
        }
    }

    fn count(&mut self, episode: &Episode) {
        let new = self.remember(episode);
        let weight = match (episode.error, new) {
            (true, true) => NEW,
            // Read again, and bad as before: nothing happened.
            (true, false) if episode.sectors == 0 => return,
            (true, false) => KNOWN,
            (false, true) => WEAK,
            (false, false) => 0,
        };
        let totals = &mut self.totals;
        let bump = |n: &mut u32, by: bool| *n = n.saturating_add(u32::from(by));
        bump(&mut totals.episodes, episode.error);
        bump(&mut totals.places, episode.error && new);
        bump(&mut totals.weak, !episode.error);
        totals.sectors = totals.sectors.saturating_add(episode.sectors);
        self.today = self.today.saturating_add(weight);
        for rate in &mut self.rates {
            *rate = rate.saturating_add(u64::from(weight).wrapping_shl(24));
        }
    }

    /// Is the place of this episode new? If it had an error, it is so no more.
    fn remember(&mut self, episode: &Episode) -> bool {
        let (low, high) = (episode.low, episode.high);
        let mut places = self.places.iter_mut();
        let known = places.find(|p| p.reaches(low, high));
        let new = known.is_none();
        if !episode.error {
            return new;
        }
        let hour = u32::try_from(self.watched.wrapping_div(HOUR)).unwrap_or(u32::MAX);
        let hour = hour.max(1);
        if let Some(place) = known {
            *place = Place {
                low: place.low.min(low),
                high: place.high.max(high),
                hour,
            };
        } else if let Some(oldest) = self.places.iter_mut().min_by_key(|p| p.hour) {
            *oldest = Place { low, high, hour };
        }
        new
    }

    fn end_day(&mut self) {
        self.sum = self
            .sum
            .saturating_add(self.today.min(DAY_MOST))
            .saturating_sub(DAY_LESS)
            .min(SUM_MOST);
        self.today = 0;
        self.alarm = self.sum >= if self.alarm { CALM } else { ALARM };
    }
}
