// SPDX-License-Identifier: GPL-2.0-only

//! The health of one device: map, predictor and latency fed together, and the score that comes of them.

use crate::{
    health::{
        latency::{Latency, SLOW},
        map::{
            score::{doublings, recent},
            HealthMap, Level, Record, PERFECT,
        },
        predictor::{Predictor, ALARM, PREDICTOR_BYTES, WEIGHT},
        Event, Region, What, DAY, HOUR,
    },
    mem::NoMemory,
};

/// The health of one device.
#[derive(Debug)]
pub struct Health {
    /// What is known of regions.
    pub map: HealthMap,
    /// What is to be expected.
    pub predictor: Predictor,
    /// How long reads take.
    pub latency: Latency,
    /// The day of the last ageing.
    aged: u64,
    level: Option<Level>,
}

impl Health {
    /// Of a device that nothing is known of; `now` is in seconds since 1970.
    pub fn new(now: u64) -> Health {
        Health {
            map: HealthMap::new(),
            predictor: Predictor::new(now),
            latency: Latency::new(),
            aged: 0,
            level: None,
        }
    }

    /// Takes up what a former session left.
    pub fn restore(&mut self, map: HealthMap, predictor: &[u8; PREDICTOR_BYTES]) {
        self.map = map;
        self.predictor.restore(predictor);
        self.aged = self.predictor.watched().wrapping_div(DAY);
    }

    /// Forgets all of it but the level, of which the next one is told apart.
    pub fn forget(&mut self, now: u64) {
        let level = self.level;
        *self = Health::new(now);
        self.level = level;
    }

    /// Takes note of an event. The predictor always does; [`NoMemory`] says that the map had to forget something.
    pub fn note(&mut self, event: &Event) -> Result<(), NoMemory> {
        self.predictor.note(event, &mut self.map);
        if event.what == What::Transport || self.predictor.in_storm() {
            return Ok(());
        }
        let bad = |r: &Record| r.errors > 0;
        if event.is_repeat() && self.map.get(event.region).is_some_and(bad) {
            // Read again, and bad as before.
            return Ok(());
        }
        let since = self.predictor.waits_since(event.region);
        self.map.keep(event.region, since);
        self.map.note(self.hour(), event.region, event.what)
    }

    /// Takes note of how long a read of the scanner took that met no user; tells whether it was slow, for which it
    /// has to take `least_us` at least.
    pub fn note_latency(
        &mut self,
        now: u64,
        region: Region,
        us: u32,
        least_us: u32,
    ) -> Result<bool, NoMemory> {
        let Some(times) = self.latency.sample(us) else {
            return Ok(false);
        };
        let slow = times >= SLOW && us >= least_us;
        let event = Event {
            now,
            region,
            what: What::Slow,
            sectors: 0,
        };
        let noted = if slow { self.note(&event) } else { Ok(()) };
        self.map.note_latency(region, times);
        noted.map(|()| slow)
    }

    /// Takes note that blocks were remapped.
    pub fn note_remapped(&mut self, now: u64, region: Region, blocks: u16) -> Result<(), NoMemory> {
        self.predictor.note_remapped(now, blocks.into());
        self.map.note_remapped(self.hour(), region, blocks)
    }

    /// Lets time pass, and ages the map once a day.
    pub fn advance(&mut self, now: u64) {
        self.predictor.advance(now);
        let day = self.predictor.watched().wrapping_div(DAY);
        if day != self.aged {
            self.aged = day;
            self.map.age(self.hour());
        }
    }

    /// The hour that the map's records are told in.
    pub fn hour(&self) -> u32 {
        u32::try_from(self.predictor.watched().wrapping_div(HOUR)).unwrap_or(u32::MAX)
    }

    /// The score of the device: [`PERFECT`], less what each sign takes off.
    pub fn score(&self) -> u32 {
        let hour = self.hour();
        let sum = self.predictor.sum().min(ALARM);
        // Error rate: the CUSUM, since it is what the alarm comes from. With the alarm on, whatever else there is
        // makes it danger.
        let rate = sum.saturating_mul(550).checked_div(ALARM).unwrap_or(0);
        // Spread: places with episodes, each doubling; a scratch is one, a head that fails is many.
        let places = self.predictor.recent_places().saturating_mul(WEIGHT);
        let spread = doublings(places, 40, 150);
        let (mut recovered, mut slow, mut oldest, mut quiet) = (0u32, 0u32, hour, u32::MAX);
        for record in self.map.records() {
            if let Some(at) = record.failed() {
                quiet = quiet.min(hour.saturating_sub(at));
            }
            recovered = recovered.saturating_add(record.recovered.into());
            slow = slow.saturating_add((record.slow > 0).into());
            if record.errors > 0 {
                oldest = oldest.min(record.first);
            }
        }
        // Recency of an error or a retry: halved with each quiet week.
        let recency = recent(quiet, 100);
        // Retries and latency: each doubling of the reads that needed one, of the regions that were slow.
        let retries = doublings(recovered.saturating_mul(WEIGHT), 15, 75);
        let latency = doublings(slow.saturating_mul(WEIGHT), 15, 75);
        // Age: errors of months ago that are followed by others. Fifty at most, after half a year.
        let age = hour
            .saturating_sub(oldest)
            .wrapping_div(24)
            .saturating_mul(50);
        let age = age.wrapping_div(180).min(50).min(recency);
        let less = rate.saturating_add(recency).saturating_add(spread);
        let less = less.saturating_add(retries).saturating_add(latency);
        PERFECT.saturating_sub(less.saturating_add(age))
    }

    /// The level of the device, if it is another than when this was last asked: the event to raise.
    pub fn crossed(&mut self) -> Option<Level> {
        let level = Level::of(self.score());
        let before = self.level.replace(level).unwrap_or(Level::Good);
        (before != level).then_some(level)
    }
}
