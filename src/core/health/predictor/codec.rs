// SPDX-License-Identifier: GPL-2.0-only

//! What a predictor keeps over a restart: all of it.

use crate::{
    health::{
        predictor::{episode::Episode, Predictor, Totals, PLACES, STORM, SUM_MOST},
        Region,
    },
    wire::{
        transmute_mut, transmute_ref, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, U16,
        U32, U64,
    },
};

/// How long a predictor is.
pub const PREDICTOR_BYTES: usize = 1080;

/// A predictor on the disk.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    wall: U64,
    watched: U64,
    rates: [U64; 3],
    remapped: [U64; 3],
    storm_until: U64,
    transport_since: U64,
    today: U32,
    sum: U32,
    alarm: u8,
    transport: u8,
    /// Bad sectors that the disk counts itself.
    smart: U16,
    /// The watched hour after the one when that was told; 0 if it never was.
    smart_hour: U32,
    totals: [U32; 6],
    waiting: [RawEpisode; STORM],
    places: [RawPlace; PLACES],
}

/// An episode that waits.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawEpisode {
    first: U64,
    last: U64,
    region: U32,
    low: U32,
    high: U32,
    /// 0: there is none.
    events: U32,
    sectors: U32,
    error: u8,
    pad: [u8; 3],
}

/// A place; the hour is 0 if there is none.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawPlace {
    low: U32,
    high: U32,
    hour: U32,
}

const _: () = assert!(size_of::<Raw>() == PREDICTOR_BYTES);

impl Predictor {
    /// Writes everything.
    #[inline(never)]
    pub fn encode(&self, to: &mut [u8; PREDICTOR_BYTES]) {
        to.fill(0);
        let raw: &mut Raw = transmute_mut!(to);
        let t = &self.totals;
        let totals = [
            t.episodes, t.places, t.weak, t.sectors, t.storms, t.left_out,
        ];
        raw.wall = self.wall.into();
        raw.watched = self.watched.into();
        raw.rates = self.rates.map(U64::from);
        raw.remapped = self.remapped.map(U64::from);
        raw.storm_until = self.storm_until.into();
        raw.transport_since = self.transport_since.into();
        raw.today = self.today.into();
        raw.sum = self.sum.into();
        raw.alarm = self.alarm.into();
        raw.transport = self.transport;
        raw.smart = u16::try_from(self.smart.sectors).unwrap_or(u16::MAX).into();
        raw.smart_hour = self.smart.hour.into();
        raw.totals = totals.map(U32::from);
        for (to, episode) in raw.waiting.iter_mut().zip(&self.waiting) {
            if let Some(episode) = episode {
                put_episode(to, episode);
            }
        }
        for (to, place) in raw.places.iter_mut().zip(&self.places) {
            to.low = place.low.into();
            to.high = place.high.into();
            to.hour = place.hour.into();
        }
    }

    /// Takes up what [`encode`](Self::encode) wrote. Whatever the bytes are, the result is one that works.
    #[inline(never)]
    pub fn restore(&mut self, from: &[u8; PREDICTOR_BYTES]) {
        let raw: &Raw = transmute_ref!(from);
        self.wall = raw.wall.get();
        self.watched = raw.watched.get();
        for (episode, from) in self.waiting.iter_mut().zip(&raw.waiting) {
            *episode = get_episode(from);
        }
        for (place, from) in self.places.iter_mut().zip(&raw.places) {
            place.low = from.low.get();
            place.high = from.high.get();
            place.hour = from.hour.get();
        }
        self.rates = raw.rates.map(U64::get);
        self.remapped = raw.remapped.map(U64::get);
        self.today = raw.today.get();
        self.sum = raw.sum.get().min(SUM_MOST);
        self.alarm = raw.alarm != 0;
        self.storm_until = raw.storm_until.get();
        self.transport = raw.transport;
        self.transport_since = raw.transport_since.get();
        self.smart.sectors = raw.smart.get().into();
        self.smart.hour = raw.smart_hour.get();
        let [episodes, places, weak, sectors, storms, left_out] = raw.totals.map(U32::get);
        self.totals = Totals {
            episodes,
            places,
            weak,
            sectors,
            storms,
            left_out,
        };
    }
}

fn put_episode(to: &mut RawEpisode, e: &Episode) {
    to.first = e.first.into();
    to.last = e.last.into();
    to.region = e.region.0.into();
    to.low = e.low.into();
    to.high = e.high.into();
    to.events = e.events.into();
    to.sectors = e.sectors.into();
    to.error = e.error.into();
}

fn get_episode(raw: &RawEpisode) -> Option<Episode> {
    let episode = Episode {
        region: Region(raw.region.get()),
        low: raw.low.get(),
        high: raw.high.get(),
        first: raw.first.get(),
        last: raw.last.get(),
        events: raw.events.get(),
        sectors: raw.sectors.get(),
        error: raw.error != 0,
    };
    (episode.events > 0).then_some(episode)
}
